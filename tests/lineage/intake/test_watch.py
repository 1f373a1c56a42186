"""What the log tells of sources: once when it is found, once when it is over, by however many workers."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from factory.kit.bulk import fetch
from governance.audit.models import Entry
from lineage.intake import refused
from lineage.intake.source_models import Finding, Numbered, Refusal
from lineage.intake.unended import unended
from lineage.intake.watch import GAP_STANDS_FOR, WATCHING, watch
from tests.lineage.intake.test_numbering import numbered
from tests.lineage.intake.test_sources import push
from tests.lineage.stories import RECEIVED, at, ran, run, send

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def told(action: str) -> list[dict[str, Any]]:
    """The details of the entries of an action, oldest first, with their targets."""
    found = Entry.objects.filter(action=action).order_by("id")
    return [{**one.detail, "targets": one.targets} for one in found]


def later(by: timedelta = timedelta()) -> datetime:
    return timezone.now() + GAP_STANDS_FOR + timedelta(seconds=1) + by


# --- gaps -----------------------------------------------------------------------------------------
def test_a_gap_is_told_once_when_it_is_found_and_once_when_it_is_closed() -> None:
    send(*(numbered(n) for n in (1, 4, 6)))
    watch(timezone.now())  # too young: it may be under way
    assert told("source.gap_found") == []
    watch(later())
    watch(later())
    [found] = told("source.gap_found")
    known = dict(Numbered.objects.values_list("number", "known_at"))
    assert found["targets"] == ["source:cloudevents/desk"]
    assert (found["cloudevents_source"], found["gaps"], found["numbers"]) == ("//desk", 2, "3")
    assert [(gap["low"], gap["high"]) for gap in found["first_gaps"]] == [("2", "3"), ("5", "5")]
    assert found["known_since"] == known[4].isoformat().replace("+00:00", "Z")

    send(numbered(2), numbered(5))
    watch(later())
    [closed] = told("source.gap_closed")
    assert [(gap["low"], gap["high"]) for gap in closed["first_gaps"]] == [("5", "5")]
    send(numbered(3))
    watch(later())
    assert len(told("source.gap_closed")) == 2 and len(told("source.gap_found")) == 1
    assert not Finding.objects.filter(ended_at=None).exists()


def test_a_gap_that_part_filled_before_it_was_told_is_told_in_parts() -> None:
    send(*(numbered(n) for n in (1, 9, 5)))
    watch(later())
    send(numbered(20))
    watch(later())
    gaps = [(g["low"], g["high"]) for one in told("source.gap_found") for g in one["first_gaps"]]
    assert gaps == [("2", "4"), ("6", "8"), ("10", "19")]


def test_thousands_of_gaps_are_one_entry() -> None:
    send(*(numbered(n) for n in range(0, 300, 2)))
    watch(later())
    [found] = told("source.gap_found")
    assert found["gaps"] == 149 and len(found["first_gaps"]) == 50


# --- silences -------------------------------------------------------------------------------------
def test_a_silence_is_told_when_it_begins_and_when_it_ends() -> None:
    for hour in range(30):
        push(hour, RECEIVED + timedelta(hours=hour))
    last = RECEIVED + timedelta(hours=29)
    watch(last + timedelta(hours=1))
    assert told("source.fell_silent") == []
    for _ in range(2):
        watch(last + timedelta(hours=20))
    [begun] = told("source.fell_silent")
    assert begun["targets"] == ["source:openlineage/airflow"]
    push(100, last + timedelta(hours=21))
    push(101, last + timedelta(hours=22))
    for _ in range(2):
        watch(last + timedelta(hours=22))
    [ended] = told("source.spoke_again")
    assert Finding.objects.get().ended_at == last + timedelta(hours=21)
    assert ended["heard_at"] == (last + timedelta(hours=21)).isoformat().replace("+00:00", "Z")


# --- runs -----------------------------------------------------------------------------------------
def overdue(now: datetime) -> set[str]:
    return {str(one.run) for one in unended(now)}


def test_a_run_of_an_unknown_job_is_overdue_after_a_day() -> None:
    send(ran("night", 0, "START"))
    assert overdue(at(23 * 60)) == set()
    assert overdue(at(24 * 60)) == {run("night")}
    [one] = unended(at(24 * 60))
    assert (one.source, str(one.job), one.state) == ("airflow", "job:airflow/job%20of%20night", "START")


def test_what_is_usual_for_the_job_counts_where_it_is_known() -> None:
    for number in range(3):
        send(ran(f"r{number}", number, "START", job="load"), ran(f"r{number}", number + 30, job="load"))
    send(ran("stuck", 100, "START", job="load"))
    assert overdue(at(100 + 59)) == set()
    assert overdue(at(100 + 60)) == {run("stuck")}


def test_a_sign_of_life_counts_and_an_end_ends_it_in_any_order() -> None:
    send(ran("night", 10 * 60, "RUNNING"), ran("night", 0, "START"))
    assert overdue(at(33 * 60)) == set() and overdue(at(34 * 60)) == {run("night")}
    send(ran("night", 60, "COMPLETE"))
    assert overdue(at(1000 * 60)) == set()


def test_what_is_only_mentioned_is_no_run_that_never_ended() -> None:
    send(ran("night", 0, parent="dag"))
    assert overdue(at(1000 * 60)) == set()


def test_a_run_that_never_ended_is_told_once_and_told_again_when_it_ends_after_all() -> None:
    send(ran("night", 0, "START"), ran("noon", 1, "START"))
    for _ in range(2):
        watch(at(25 * 60))
    [found] = told("source.runs_unended")
    assert found["runs"] == 2
    assert set(found["targets"]) == {"source:openlineage/airflow", run("night"), run("noon")}
    send(ran("night", 2, "FAIL"))
    for _ in range(2):
        watch(at(26 * 60))
    [ended] = told("source.runs_heard_again")
    assert ended["targets"] == ["source:openlineage/airflow", run("night")]


# --- refused pushes -------------------------------------------------------------------------------
NOON = RECEIVED.replace(hour=12)


def test_refusals_are_told_by_the_hour_when_it_is_over() -> None:
    for minute in range(5):
        refused.count("openlineage", "", 401, "authentication_failed", NOON + timedelta(minutes=minute))
    refused.count("openlineage", "eve", 413, "too_large", NOON)
    watch(NOON + timedelta(minutes=59))
    assert told("source.pushes_refused") == []
    for _ in range(2):
        watch(NOON + timedelta(minutes=63))
    unknown, eve = told("source.pushes_refused")
    assert unknown["targets"] == ["source:openlineage/unknown"] and unknown["count"] == 5
    assert eve["by_reason"] == [{"status": 413, "code": "too_large", "count": 1}]
    # what a process could write only later is told later
    refused.count("openlineage", "eve", 413, "too_large", NOON)
    watch(NOON + timedelta(hours=2))
    assert [one["count"] for one in told("source.pushes_refused")] == [5, 1, 1]


def test_a_flood_of_refusals_is_one_row() -> None:
    for second in range(500):
        refused.count("cloudevents", "", 401, "authentication_failed", NOON + timedelta(seconds=second))
    assert Refusal.objects.get().count == 500


@pytest.mark.django_db(transaction=True)
def test_one_worker_at_a_time_does_a_round() -> None:
    send(numbered(1), numbered(3))

    def hold(held: threading.Event, over: threading.Event) -> None:
        with transaction.atomic():
            fetch("SELECT pg_advisory_xact_lock(%s)", [WATCHING])
            held.set()
            over.wait(20)
        connection.close()

    held, over = threading.Event(), threading.Event()
    other = threading.Thread(target=hold, args=(held, over))
    other.start()
    assert held.wait(20)
    watch(later())
    assert told("source.gap_found") == []
    over.set()
    other.join()
    rounds = [threading.Thread(target=_round) for _ in range(4)]
    for one in rounds:
        one.start()
    for one in rounds:
        one.join()
    watch(later())
    assert len(told("source.gap_found")) == 1


def _round() -> None:
    watch(later())
    connection.close()
