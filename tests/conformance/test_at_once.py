"""The same CloudEvents id a hundred times at the very same moment, over two web processes."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from typing import Any

import pytest

from factory.kit.grants import Issued
from tests.conformance.events import STRUCTURED, spelt, usage
from tests.conformance.facts import broken_rules
from tests.conformance.plant import Plant

AT_ONCE = 100


@pytest.fixture(scope="module")
def second(server: Plant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """Another web server on the same database, as on another machine; and the sequencer."""
    plant = Plant(server.database, tmp_path_factory.mktemp("second"), workers=1)
    try:
        plant.start()
        with server.beside("sequencer"):
            yield plant
    finally:
        plant.stop()


class Push(threading.Thread):
    """One connection that has said everything but the last byte when all are let go."""

    def __init__(self, plant: Plant, token: Issued, body: bytes, gate: threading.Barrier) -> None:
        super().__init__(daemon=True)
        self.body, self.gate = body, gate
        self.connection = HTTPConnection("127.0.0.1", plant.port, timeout=60)
        self.headers = STRUCTURED | {
            "Authorization": f"Bearer {token.secret}",
            "Content-Length": str(len(body)),
        }
        self.status = 0
        self.answer = b""

    def run(self) -> None:
        self.connection.putrequest("POST", "/api/v1/events")
        for name, value in self.headers.items():
            self.connection.putheader(name, value)
        self.connection.endheaders()
        self.connection.send(self.body[:-1])
        self.gate.wait()
        self.connection.send(self.body[-1:])
        answer = self.connection.getresponse()
        self.status, self.answer = answer.status, answer.read()
        self.connection.close()


def at_once(plants: Sequence[Plant], token: Issued, bodies: Sequence[bytes]) -> list[Push]:
    """Send each body over a connection of its own, to the web servers in turn; return what came of it."""
    gate = threading.Barrier(len(bodies))
    pushes = [Push(plants[n % len(plants)], token, body, gate) for n, body in enumerate(bodies)]
    for push in pushes:
        push.start()
    for push in pushes:
        push.join()
    return pushes


def readings(server: Plant, event: dict[str, Any]) -> Counter[str]:
    """Return how often each outcome was given to the id of the event."""
    rows = server.rows(
        """SELECT outcome, count(*) FROM lineage_reading
           WHERE identity_source = %s AND identity_id = %s GROUP BY 1""",
        [event["source"], event["id"]],
    )
    return Counter(dict(rows))


def usages(server: Plant, event: dict[str, Any]) -> int:
    [(count,)] = server.rows(
        """SELECT count(*) FROM lineage_usage u JOIN lineage_reading r ON r.id = u.reading_id
           WHERE r.identity_source = %s AND r.identity_id = %s""",
        [event["source"], event["id"]],
    )
    return count


def in_the_log(server: Plant, pushes: Sequence[Push]) -> None:
    """Every body that was stored has one entry and one place in the log, soon."""
    ids = [json.loads(push.answer)["submission"] for push in pushes]
    assert len(set(ids)) == len(ids)
    deadline = time.monotonic() + 30
    query = """SELECT count(DISTINCT s.id), count(e.id), count(p.index) FROM lineage_submission s
               LEFT JOIN governance_entry e ON e.id = s.id AND e.action = 'submission.received'
               LEFT JOIN governance_place p ON p.entry_id = e.id
               WHERE s.id = ANY (%s::uuid[])"""
    while (found := server.rows(query, [ids])) != [(len(ids), len(ids), len(ids))]:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


@pytest.mark.parametrize("servers", [1, 2])
def test_one_id_a_hundred_times_is_one_event(
    server: Plant, second: Plant, everything: Issued, here: str, servers: int
) -> None:
    assert len(server.worker_pids()) == 2
    event = usage(f"//{here}")
    pushes = at_once([server, second][:servers], everything, [spelt(event)] * AT_ONCE)
    assert Counter(push.status for push in pushes) == {201: 1, 200: AT_ONCE - 1}
    assert readings(server, event) == {"accepted": 1, "repeated": AT_ONCE - 1}
    assert usages(server, event) == 1
    in_the_log(server, pushes)
    assert broken_rules(server.rows) == {}


def test_another_body_under_the_id_is_refused_and_kept(
    server: Plant, second: Plant, everything: Issued, here: str
) -> None:
    event = usage(f"//{here}")
    [first] = at_once([server], everything, [spelt(event)])
    assert first.status == 201
    others = [spelt(event | {"data": {"meters": {"requests": n}}}) for n in range(2, AT_ONCE + 2)]
    pushes = at_once([server, second], everything, others)
    assert {push.status for push in pushes} == {409}
    assert {json.loads(push.answer)["code"] for push in pushes} == {"id-reused"}
    assert readings(server, event) == {"accepted": 1, "quarantined": AT_ONCE}
    assert usages(server, event) == 1
    in_the_log(server, [first, *pushes])
    assert broken_rules(server.rows) == {}


def test_of_two_bodies_at_once_one_is_taken(
    server: Plant, second: Plant, everything: Issued, here: str
) -> None:
    event = usage(f"//{here}")
    bodies = [spelt(event), spelt(event | {"data": {"meters": {"requests": 2}}})]
    # neither body has a web server of its own
    sent = [bodies[n // 2 % 2] for n in range(AT_ONCE)]
    pushes = at_once([server, second], everything, sent)
    statuses = {body: Counter(push.status for push in pushes if push.body == body) for body in bodies}
    taken = [body for body in bodies if 201 in statuses[body]]
    assert len(taken) == 1
    [refused] = [body for body in bodies if body not in taken]
    assert statuses[taken[0]] == {201: 1, 200: AT_ONCE // 2 - 1}
    assert statuses[refused] == {409: AT_ONCE // 2}
    half = AT_ONCE // 2
    assert readings(server, event) == {"accepted": 1, "repeated": half - 1, "quarantined": half}
    assert usages(server, event) == 1
    in_the_log(server, pushes)
    assert broken_rules(server.rows) == {}
