"""What is a repeat, and what only looks like one."""

import json

import pytest

from lineage.intake.doors import arrive
from lineage.intake.models import Outcome, Reading, Source, Submission
from lineage.intake.record import record
from tests.lineage.stories import (
    RECEIVED,
    Sent,
    declared,
    edges,
    item,
    nodes,
    ran,
    send,
    send_together,
)

pytestmark = pytest.mark.django_db


def test_an_equal_body_is_a_repeat_however_it_is_spelt() -> None:
    event = ran("night", 1, reads=["raw"])
    (first,) = send(event)
    spelt = json.dumps(dict(reversed(event.event.items())), indent=2).encode()
    again = arrive("openlineage", spelt, source="airflow", grant=None, received_at=RECEIVED)
    record([again])
    verdict = again.events[0].verdict
    assert verdict is not None
    assert (first.outcome, verdict.outcome, verdict.status) == (Outcome.ACCEPTED, Outcome.REPEATED, 200)
    assert verdict.repeat_of == Submission.objects.order_by("id")[0].pk


def test_every_body_is_kept_and_every_reading_is_on_record() -> None:
    event = ran("night", 1, reads=["raw"])
    send(event, event)
    send_together(event, event)
    assert Submission.objects.count() == 4
    outcomes = Reading.objects.order_by("id").values_list("outcome", flat=True)
    assert list(outcomes) == ["accepted", "repeated", "repeated", "repeated"]
    source = Source.objects.get()
    assert (source.accepted, source.repeated, source.quarantined) == (1, 3, 0)


def test_many_bodies_for_one_run_are_normal() -> None:
    verdicts = send(ran("night", 1, "START"), ran("night", 2, "RUNNING"), ran("night", 3))
    assert {verdict.outcome for verdict in verdicts} == {Outcome.ACCEPTED}


def test_an_id_reused_with_another_body_is_refused_kept_and_changes_nothing() -> None:
    send(declared("raw", "1", 1, "one"))
    before = edges(), nodes()
    (verdict,) = send(declared("raw", "2", 1, "one"))
    assert (verdict.outcome, verdict.code, verdict.status, verdict.pointer) == (
        Outcome.QUARANTINED,
        "id-reused",
        409,
        "/id",
    )
    assert (edges(), nodes()) == before
    assert Reading.objects.get(code="id-reused").outcome == Outcome.QUARANTINED


def test_within_one_transaction_too() -> None:
    one, other = declared("raw", "1", 1, "one"), declared("raw", "2", 1, "one")
    verdicts = send_together(one, other, one)
    assert [verdict.outcome for verdict in verdicts] == ["accepted", "quarantined", "repeated"]


def test_a_batch_is_judged_event_by_event() -> None:
    good, other = ran("night", 1, reads=["raw"]), ran("noon", 1, writes=[item("clean", "1")])
    broken = {**good.event, "eventTime": "yesterday"}
    body = json.dumps([good.event, broken, good.event, other.event]).encode()
    batch = arrive("openlineage", body, source="airflow", grant=None, received_at=RECEIVED, batch=True)
    record([batch])
    assert [event.verdict.outcome for event in batch.events if event.verdict] == [
        "accepted",
        "quarantined",
        "repeated",
        "accepted",
    ]
    assert Submission.objects.count() == 1
    assert set(Reading.objects.values_list("submission_id", flat=True)) == {batch.id}
    quarantined = Reading.objects.get(outcome="quarantined")
    assert (quarantined.index, quarantined.pointer, quarantined.code) == (1, "/eventTime", "invalid-time")


def test_what_can_not_be_read_at_all_is_kept() -> None:
    (verdict,) = send(Broken("openlineage", "airflow", {}))
    assert (verdict.outcome, verdict.code, verdict.status) == (Outcome.QUARANTINED, "malformed", 400)
    assert Submission.objects.get().size == 1


class Broken(Sent):
    @property
    def body(self) -> bytes:
        return b"{"
