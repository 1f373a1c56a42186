from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from factory.kit.background import GIVEN_UP_AFTER
from governance.audit.models import Entry
from lineage.intake.models import Replay, Source
from lineage.intake.work import run_replay
from lineage.pages.sources import health
from tests.lineage.pages import told

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_source(**values) -> Source:
    usual = {"door": "openlineage", "name": "airflow", "first_seen": NOW - timedelta(days=9), "accepted": 50}
    return Source(**{**usual, "longest_pause": 3600.0, "last_seen": NOW, **values})


@pytest.mark.parametrize(
    ("pause", "longest", "state"),
    [
        (timedelta(hours=1, minutes=59), 3600.0, "sending"),
        (timedelta(hours=2, minutes=1), 3600.0, "silent"),
        # however often it sends, a few minutes are no silence
        (timedelta(minutes=9), 0.01, "sending"),
        (timedelta(minutes=11), 0.01, "silent"),
        (timedelta(days=9), None, "new"),
    ],
)
def test_a_source_is_silent_after_twice_its_longest_pause(pause, longest, state) -> None:
    source = a_source(last_seen=NOW - pause, first_seen=NOW - timedelta(days=30), longest_pause=longest)
    assert health(source, NOW).state == state


def test_what_sends_once_a_night_is_not_silent_in_the_morning(alice: Client) -> None:
    for night in range(4):
        for second in range(10):
            when = NOW + timedelta(days=night, seconds=second)
            told.tell("openlineage", b"{broken", source="nightly", received_at=when)
    source = Source.objects.get(name="nightly")
    assert health(source, source.last_seen + timedelta(hours=30)).state == "sending"
    assert health(source, source.last_seen + timedelta(hours=49)).state == "silent"


def test_a_first_burst_tells_nothing_usual() -> None:
    assert (
        health(
            a_source(first_seen=NOW - timedelta(days=9, hours=1), last_seen=NOW - timedelta(days=9)), NOW
        ).state
        == "new"
    )


def test_what_is_refused_is_listed_with_its_reason_and_place(alice: Client) -> None:
    told.run("load", writes=("a",))
    arrival = told.tell("openlineage", told.UNREADABLE, source="eve")
    told.tell("openlineage", b"{broken", source="eve")
    page = alice.get("/intake/")
    assert page.context["page"].count == "2"
    text = page.content.decode()
    refusal = arrival.events[0].verdict
    assert refusal is not None and refusal.pointer
    assert f"<code>{refusal.pointer}</code>" in text and f"/submission/{arrival.id}/" in text
    assert alice.get("/intake/?source=airflow").context["page"].count == "0"
    assert alice.get("/intake/?source=eve&door=openlineage").context["page"].count == "2"
    lines = alice.get("/intake/?format=csv").getvalue().decode().splitlines()
    assert len(lines) == 3


def test_the_page_costs_the_same_however_much_is_refused(alice: Client, django_assert_num_queries) -> None:
    told.tell("openlineage", b"{broken", source="eve")
    alice.get("/intake/")
    with django_assert_num_queries(7):
        alice.get("/intake/")
    for number in range(30):
        told.tell("openlineage", f"{number}".encode(), source=f"eve{number % 5}")
    with django_assert_num_queries(7):
        alice.get("/intake/")


def test_reading_again_asks_first_shows_how_far_it_is_and_is_on_record(alice: Client) -> None:
    told.tell("openlineage", b"{broken", source="eve")
    told.tell("openlineage", b"[broken", source="mallory")
    asked = alice.post("/intake/replay/", {"source": "eve"})
    assert b"Read 1 quarantined event again?" in asked.content
    assert not Replay.objects.exists()
    page = alice.post("/intake/replay/", {"source": "eve", "sure": "1"}, follow=True)
    assert b"waiting for its turn" in page.content
    assert b"every 2s" in alice.get("/intake/replays/").content
    assert not Entry.objects.filter(action="submission.replayed").exists()

    run_replay(str(Replay.objects.get().pk))
    assert Entry.objects.filter(action="submission.replayed").count() == 1
    fragment = alice.get("/intake/replays/").content
    assert b"1 submission<" in fragment and b"1 quarantined" in fragment and b"every 2s" not in fragment


def test_a_replay_is_worked_off_once_and_taken_up_when_its_worker_died(alice: Client) -> None:
    told.tell("openlineage", b"{broken", source="eve")
    alice.post("/intake/replay/", {"sure": "1"})
    asked = Replay.objects.get()
    Replay.objects.update(alive_at=timezone.now())
    run_replay(str(asked.pk))
    asked.refresh_from_db()
    assert asked.finished_at is None  # somebody is at it
    Replay.objects.update(alive_at=timezone.now() - GIVEN_UP_AFTER - timedelta(seconds=1))
    run_replay(str(asked.pk))
    asked.refresh_from_db()
    assert asked.finished_at is not None and asked.counts == {"quarantined": 1}


def test_one_submission_can_be_read_again(alice: Client) -> None:
    arrival = told.tell("openlineage", b"{broken", source="eve")
    told.tell("openlineage", b"[broken", source="eve")
    asked = alice.post("/intake/replay/", {"submission": str(arrival.id)})
    assert b"Read 1 quarantined event again?" in asked.content
    done = alice.post("/intake/replay/", {"submission": str(arrival.id), "sure": "1"}, follow=True)
    assert b"Read again: 1 quarantined." in done.content
    assert alice.post("/intake/replay/", {"submission": "nonsense"}).status_code == 404


def test_nothing_is_read_again_by_following_a_link(alice: Client) -> None:
    assert alice.get("/intake/replay/").status_code == 405


def test_an_empty_installation_says_what_to_do(alice: Client) -> None:
    assert b"No source has sent anything yet" in alice.get("/intake/").content
    assert b"Nothing has come in yet" in alice.get("/").content


def test_the_overview_leads_to_what_needs_attention(alice: Client, django_assert_max_num_queries) -> None:
    told.event(
        "deployment.changed",
        {
            "namespace": "prod",
            "name": "scoring",
            "environment": "production",
            "state": "serving",
            "model": {"namespace": "bank", "name": "credit", "version": "5"},
            "department": "retail",
        },
    )
    told.event(
        "incident.opened",
        {
            "incident": "INC-1",
            "subject": "deployment:prod/scoring",
            "severity": "high",
            "title": "Approvals fell by half",
        },
        number=1,
    )
    told.tell("openlineage", b"{broken", source="eve")
    with django_assert_max_num_queries(16):
        text = alice.get("/").content.decode()
    assert "Approvals fell by half" in text and "/failure/?" in text
    assert "scoring" in text and "credit, version 5" in text
    assert "events in quarantine" in text
