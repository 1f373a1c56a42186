"""Many at the door at once: everything is kept, and nobody pays for another's broken event."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone

from factory.kit.bulk import fetch
from lineage.entities.models import NodeState
from lineage.graph.roots import TURNSTILE
from lineage.graph.trace import trace
from lineage.intake.arrival import Arrival
from lineage.intake.models import Reading, Submission
from lineage.intake.record import record
from lineage.intake.turnstile import pass_through
from tests.lineage.stories import NodeKey, arrivals, dataset, item, ran

pytestmark = pytest.mark.django_db(transaction=True)


def push(one: Arrival) -> BaseException | None:
    try:
        pass_through(one)
    except Exception as error:
        return error
    finally:
        connections.close_all()
    return None


@pytest.fixture
def door() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


def test_everybody_gets_in(door: ThreadPoolExecutor) -> None:
    waiting = arrivals([ran(f"r{i}", i % 7, reads=["raw"], writes=["raw"]) for i in range(40)])
    assert set(door.map(push, waiting)) == {None}
    assert Reading.objects.filter(outcome="accepted").count() == Submission.objects.count() == 40
    known = fetch("SELECT known_at FROM lineage_reading ORDER BY id")
    assert known == sorted(known)


def test_one_that_the_database_can_not_take_goes_to_quarantine_alone(door: ThreadPoolExecutor) -> None:
    waiting = arrivals([ran(f"r{i}", 1, reads=["raw"]) for i in range(10)])
    bad = waiting[4].events[0].derived
    assert bad is not None
    bad.measures.append(("no such table", {}))
    assert set(door.map(push, waiting)) == {None}
    outcomes = {str(one.events[0].verdict.outcome) for one in waiting if one.events[0].verdict}
    assert outcomes == {"accepted", "quarantined"}
    assert Reading.objects.filter(outcome="accepted").count() == 9
    assert NodeState.objects.filter(kind="run").count() == 9
    quarantined = Reading.objects.get(outcome="quarantined")
    assert (quarantined.code, quarantined.submission_id) == ("unprocessable", waiting[4].id)


def test_a_body_that_can_not_be_kept_is_its_own_senders_trouble(door: ThreadPoolExecutor) -> None:
    waiting = arrivals([ran(f"r{i}", 1, reads=["raw"]) for i in range(10)])
    waiting[4].content_type = "text/\0"
    errors = [error for error in door.map(push, waiting) if error is not None]
    assert len(errors) == 1
    assert Submission.objects.count() == 9


def test_a_moment_that_was_answered_for_gets_no_later_knowledge() -> None:
    """Whoever asks for the present moment waits for the writer who may still put something before it."""
    record(arrivals([ran("night", 1, writes=[item("raw", "1")])]))
    soon = timezone.now() + timedelta(hours=1)
    answer = trace(NodeKey.parse(dataset("raw")), known_at=soon, direction="downstream")
    assert answer.known_at < soon
    record(arrivals([ran("noon", 2, reads=["raw"])]))
    again = trace(
        NodeKey.parse(dataset("raw")), known_at=answer.known_at, at=answer.at, direction="downstream"
    )
    assert (again.nodes, again.edges) == (answer.nodes, answer.edges)
    now = trace(NodeKey.parse(dataset("raw")), direction="downstream")
    assert now.known_at > answer.known_at
    assert len(now.edges) == 1
    assert not connection.in_atomic_block


def test_a_reader_waits_while_a_writer_holds_the_turn(door: ThreadPoolExecutor) -> None:
    record(arrivals([ran("night", 1, writes=[item("raw", "1")])]))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [TURNSTILE])
        asked = door.submit(ask_now)
        with pytest.raises(TimeoutError):
            asked.result(timeout=0.3)
        cursor.execute("SELECT clock_timestamp(), pg_advisory_unlock(%s)", [TURNSTILE])
        released = cursor.fetchone()[0]
    assert asked.result(timeout=10) >= released


def ask_now() -> object:
    try:
        return trace(NodeKey.parse(dataset("raw")), known_at=timezone.now() + timedelta(hours=1)).known_at
    finally:
        connections.close_all()
