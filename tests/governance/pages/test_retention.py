"""The page Retention: who may change what, and that it says what the database says."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.audit.models import Entry
from governance.audit.retention import holds, tally
from governance.audit.retention.classes import classes
from governance.audit.retention.forecast import forecast
from governance.audit.retention.models import Hold, Pruning, RetentionClass, Scope
from governance.audit.retention.snapshot import path_of
from tests import personas
from tests.governance.audit.pruned import acts, empty_queue, kept_for, prune, submissions, the_log

pytestmark = pytest.mark.django_db
PAGE = "governance:retention"


@pytest.fixture
def queue(transactional_db: None) -> Iterator[None]:
    with empty_queue():
        yield


@pytest.fixture
def dave(client: Client) -> Client:
    client.force_login(personas.dave())
    return client


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def test_the_page_costs_the_same_however_much_there_is(dave: Client, django_assert_max_num_queries) -> None:
    classes()
    for number in range(5):
        acts(3, action=f"page{'x' * number}.read", days_ago=40 * number)
        holds.place(Scope.SOURCE, source=f"source {number}", reason="x")
        Pruning.objects.create(
            log=the_log(), actor=["console"], asked_by="x", finished_at=timezone.now(), kept_by="y"
        )
    tally.count(the_log())
    with django_assert_max_num_queries(14):
        answer = dave.get(reverse(PAGE))
    assert answer.status_code == 200 and "Article 19(1)" in text(answer)


def test_who_is_no_administrator_sees_everything_and_changes_nothing(client: Client) -> None:
    client.force_login(personas.alice())
    page = text(client.get(reverse(PAGE)))
    assert "Only an administrator can change classes" in page and "disabled" in page
    [row, *_] = classes()
    hold = holds.place(Scope.EVERYTHING, reason="x")
    for name, args in (
        ("retention-class", [row.pk]),
        ("retention-class-new", []),
        ("retention-hold", []),
        ("retention-lift", [hold.pk]),
        ("retention-prune", []),
        ("retention-trial", []),
    ):
        assert client.post(reverse(f"governance:{name}", args=args)).status_code == 403
    assert Hold.objects.get().lifted_at is None and not Pruning.objects.exists()


def test_a_class_is_changed_on_record(dave: Client) -> None:
    [logs, *_, other] = classes()
    address = reverse("governance:retention-class", args=[logs.pk])
    assert dave.get(address).status_code == 200
    values = {"name": logs.name, "basis": logs.basis, "actions": "evaluation.*", "months": "3"}
    refused = dave.post(address, values)
    assert refused.status_code == 422 and "at least 6 months" in text(refused)
    assert dave.post(address, {**values, "reason": "national law"}).status_code == 302
    row = RetentionClass.objects.get(pk=logs.pk)
    assert (row.months, row.shorter_because, row.event_types) == (3, "national law", [])
    assert "less than the basis asks for: national law" in text(dave.get(reverse(PAGE)))
    entry = Entry.objects.filter(action="retention.changed").latest("id")
    assert entry.actor_id == str(personas.dave().pk) and entry.reason == "national law"
    assert dave.post(reverse("governance:retention-class-new"), {**values, "name": "Mine"}).status_code == 302
    assert RetentionClass.objects.get(name="Mine").months == 3
    assert dave.get(reverse("governance:retention-class", args=[other.pk])).status_code == 200


def test_a_hold_is_placed_and_lifted(dave: Client) -> None:
    address = reverse("governance:retention-hold")
    refused = dave.post(address, {"scope": "node", "node": "nonsense", "reason": "case 17"})
    assert refused.status_code == 422 and "node key" in text(refused)
    values = {"scope": "time", "begins_at": "2026-03-01", "ends_at": "2026-03-02 08:00", "reason": "case 17"}
    assert dave.post(address, values).status_code == 302
    hold = Hold.objects.get()
    assert hold.begins_at == datetime(2026, 3, 1, tzinfo=UTC) and hold.placed_by == personas.dave()
    lift = reverse("governance:retention-lift", args=[hold.pk])
    assert dave.get(lift).status_code == 200 and dave.post(lift).status_code == 422
    assert dave.post(lift, {"reason": "settled"}).status_code == 302
    page = text(dave.get(reverse(PAGE)))
    assert "case 17" in page and "settled" in page


def test_a_pruning_is_asked_for_once(dave: Client) -> None:
    assert "nothing of the log is published" in text(
        dave.post(reverse("governance:retention-trial"), follow=True)
    ).replace("Nothing", "nothing")
    acts(3)
    assert dave.post(reverse("governance:retention-trial")).status_code == 302
    again = dave.post(reverse("governance:retention-trial"), follow=True)
    assert "under way already" in text(again) and Pruning.objects.count() == 1
    assert dave.get(reverse("governance:retention-prune")).status_code == 200


# --- the forecast ---------------------------------------------------------------------------------
def months() -> None:
    """Four months with 300 entries each."""
    kept_for(6)
    for number in range(4):
        acts(300, days_ago=31 * (4 - number))
    tally.count(the_log())


def test_the_forecast_says_what_goes_when() -> None:
    months()
    today = timezone.now().date()
    found = forecast(the_log(), today)
    # The entries of the classes themselves are the first of the log and the newest by date, so all goes
    # when they go.
    assert len(found.steps) == 1
    assert found.steps[-1].minimum == 1204 // 256 * 256 and not found.stops
    assert all(step.day > today for step in found.steps)
    assert sum(step.entries for step in found.steps) == found.steps[-1].minimum
    hold = holds.place(Scope.SOURCE, source="nobody", reason="x")
    assert forecast(the_log(), today).steps == found.steps
    holds.lift(hold, reason="x")
    holds.place(Scope.EVERYTHING, reason="x")
    stopped = forecast(the_log(), today)
    assert stopped.steps == [] and "legal hold on everything" in stopped.stops


def test_the_forecast_names_what_is_kept_for_ever() -> None:
    kept_for(6)
    acts(600)
    acts(1, action="approval.granted")
    acts(300)
    RetentionClass.objects.filter(name="Technical documentation").update(months=None)
    tally.count(the_log())
    found = forecast(the_log(), timezone.now().date() + timedelta(days=400))
    assert [(step.entries, step.minimum) for step in found.steps] == [(512, 512)]
    assert found.stops == "Entry 604 and what follows: the class Technical documentation, approval.granted."


# --- after a pruning ------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("queue")
def test_the_page_and_the_commands_tell_of_a_pruning(client: Client, tmp_path: Path, settings: Any) -> None:
    settings.VAR = tmp_path
    kept_for(6)
    submissions(200)
    acts(200)
    done = prune()
    tally.count(the_log())
    client.force_login(personas.dave())
    page = text(client.get(reverse(PAGE)))
    assert "gone: entries 0 to 255" in page and "Everything below index 256 is gone already" in page
    assert done.snapshot is not None
    address = reverse("governance:retention-snapshot", args=[done.snapshot.pk])
    file = tmp_path / "taken.zip"
    file.write_bytes(b"".join(client.get(address)))
    said = StringIO()
    call_command("snapshot", "verify", str(file), stdout=said)
    call_command("snapshot", "compare", stdout=said)
    assert said.getvalue().count("Good: signed") == 1 and "as the snapshot signed it" in said.getvalue()
    file.write_bytes(file.read_bytes()[:-400])
    with pytest.raises(CommandError):
        call_command("snapshot", "verify", str(file))
    path_of(done.snapshot.pk).unlink()
    assert client.get(address).status_code == 404
    assert "its file was taken away" in text(client.get(reverse(PAGE)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("queue")
def test_the_command_says_what_would_go(tmp_path: Path, settings: Any) -> None:
    settings.VAR = tmp_path
    with pytest.raises(CommandError, match="nothing of the log"):
        call_command("prune", "--dry-run")
    kept_for(1)
    acts(300, days_ago=60)
    said = StringIO()
    call_command("prune", "--dry-run", stdout=said)
    # The entries of the classes themselves are the first, and of today.
    assert said.getvalue().startswith("Nothing to go: entry 0")
