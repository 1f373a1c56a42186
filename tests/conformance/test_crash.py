"""kill -9 in mid-ingest: what was acknowledged is there, once and whole."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from factory.children import HOME
from factory.database import Server, embedded_url
from factory.kit.grants import Issued
from tests.conformance.events import BATCHED, JSON, STRUCTURED, dataset, run_event, spelt, usage
from tests.conformance.facts import broken_rules
from tests.conformance.plant import Plant, migrate

BATCH = 20


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An embedded PostgreSQL of the test's own, to be killed."""
    database = Server(tmp_path_factory.mktemp("embedded"))
    database.start()
    try:
        migrate(embedded_url(database.var))
        yield database
    finally:
        database.stop()


@pytest.fixture(scope="module")
def plant(database: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    plant = Plant(embedded_url(database.var), tmp_path_factory.mktemp("crashing"))
    try:
        plant.start()
        yield plant
    finally:
        plant.stop()


class Sender(threading.Thread):
    """Sends single events, batches and CloudEvents in turn, and remembers what was acknowledged."""

    def __init__(self, plant: Plant, token: Issued, namespace: str, number: int) -> None:
        super().__init__(daemon=True)
        self.plant, self.token, self.namespace, self.number = plant, token, namespace, number
        self.acknowledged: list[dict[str, Any]] = []
        self.open: list[dict[str, Any]] = []
        self.statuses: set[int] = set()
        self.stop = threading.Event()
        self.count = 0

    def run(self) -> None:
        client = self.plant.client(self.token, timeout=30)
        while not self.stop.is_set():
            path, headers, body, events = self._next()
            try:
                status = client.post(path, content=body, headers=headers).status_code
            except httpx.TransportError:
                status = 0
                client.close()
                client = self.plant.client(self.token, timeout=30)
                time.sleep(0.2)
            self.statuses.add(status)
            (self.acknowledged if status in (200, 201) else self.open).extend(events)
        client.close()

    def _next(self) -> tuple[str, dict[str, str], bytes, list[dict[str, Any]]]:
        self.count += 1
        match self.count % 4:
            case 0:
                events = [self._run() for _ in range(BATCH)]
                return "/api/v1/lineage/batch", JSON, spelt(events), events
            case 1:
                event = usage(f"{self.namespace}/{self.number}")
                return "/api/v1/events", STRUCTURED, spelt(event), [event]
            case _:
                event = self._run()
                return "/api/v1/lineage", JSON, spelt(event), [event]

    def _run(self) -> dict[str, Any]:
        """A run of a job of its own that reads and writes what all of them share."""
        return run_event(
            self.namespace,
            job=f"job {uuid4()}",
            inputs=[dataset(self.namespace, "shared"), dataset(self.namespace, "named", "1")],
            outputs=[dataset(self.namespace, "shared")],
            eventTime=f"2026-03-01T{self.number:02}:{self.count // 60 % 60:02}:{self.count % 60:02}Z",
        )


def name_of(event: dict[str, Any]) -> str:
    return event["job"]["name"] if "job" in event else event["id"]


def stored(plant: Plant, namespace: str) -> dict[str, int]:
    """Return how often each event is in the record: runs by their job's name, CloudEvents by their id."""
    rows = plant.rows(
        """SELECT n.name, count(*) FROM lineage_statement s JOIN lineage_node n ON n.id = s.node_id
           WHERE n.kind = 'job' AND n.namespace = %(namespace)s GROUP BY 1
           UNION ALL
           SELECT r.identity_id, count(*) FROM lineage_reading r JOIN lineage_usage u ON u.reading_id = r.id
           WHERE r.identity_source LIKE %(namespace)s || '/%%' AND r.outcome = 'accepted' GROUP BY 1""",
        {"namespace": namespace},
    )
    return dict(rows)


def half_applied(plant: Plant, namespace: str) -> list[tuple[Any, ...]]:
    """Return runs of the namespace whose edges are not all there, and batches that are not whole."""
    runs = plant.rows(
        """SELECT r.name, count(e.id) FROM lineage_node j
           JOIN lineage_nodestate s ON s.entity_id = j.id AND s.kind = 'run'
           JOIN lineage_node r ON r.id = s.node_id
           LEFT JOIN lineage_edge e ON e.actor_id = r.id AND e.superseded_at IS NULL
            AND e.kind IN ('read', 'wrote')
           WHERE j.kind = 'job' AND j.namespace = %s GROUP BY 1 HAVING count(e.id) <> 3""",
        [namespace],
    )
    batches = plant.rows(
        """SELECT s.id, count(r.id) FROM lineage_submission s
           LEFT JOIN lineage_reading r ON r.submission_id = s.id
           WHERE s.batch GROUP BY 1 HAVING count(r.id) <> %s""",
        [BATCH],
    )
    return runs + batches


@pytest.mark.timeout(240)
def test_nothing_acknowledged_is_lost_and_nothing_applied_by_half(
    plant: Plant, database: Server, here: str
) -> None:
    token = plant.token("all")
    senders = [Sender(plant, token, here, number) for number in range(4)]
    for sender in senders:
        sender.start()
    try:
        for kill in (_kill_web, _kill_database, _kill_a_worker, _kill_web_and_database):
            time.sleep(1.5)
            kill(plant, database)
        time.sleep(1.5)
    finally:
        for sender in senders:
            sender.stop.set()
        for sender in senders:
            sender.join()

    found = stored(plant, here)
    acknowledged = [name_of(event) for sender in senders for event in sender.acknowledged]
    unanswered = [event for sender in senders for event in sender.open]
    print(f"{len(acknowledged)} acknowledged, {len(unanswered)} not")
    assert len(acknowledged) > 100 and unanswered
    assert {status for sender in senders for status in sender.statuses} <= {0, 200, 201, 503}
    assert [name for name in acknowledged if found.get(name) != 1] == []
    assert {name: count for name, count in found.items() if count != 1} == {}
    assert half_applied(plant, here) == []
    assert broken_rules(plant.rows) == {}

    # whatever was not acknowledged may be sent again
    with plant.client(token) as client:
        for event in unanswered[:40]:
            door = ("/api/v1/lineage", JSON) if "job" in event else ("/api/v1/events", STRUCTURED)
            answer = client.post(door[0], content=spelt(event), headers=door[1])
            assert answer.status_code == (200 if name_of(event) in found else 201), answer.text
        for path, headers, member in (
            ("/api/v1/lineage/batch", JSON, "job"),
            ("/api/v1/events", BATCHED, "id"),
        ):
            events = [event for event in unanswered if member in event]
            result = client.post(path, content=spelt(events), headers=headers).json()
            assert result["summary"]["failed"] == 0
    found = stored(plant, here)
    everything = {*acknowledged, *map(name_of, unanswered)}
    assert found == dict.fromkeys(everything, 1)
    assert broken_rules(plant.rows) == {}


_CURRENT = """
    SELECT 'edge', e.source_id, e.target_id, e.kind, e.basis, e.valid_from, e.known_from FROM lineage_edge e
    WHERE superseded_at IS NULL
    UNION ALL
    SELECT 'node', node_id, canonical_id, kind, state, began_at, first_known FROM lineage_nodestate
    ORDER BY 1, 2, 3, 4, 5, 6
"""


def test_rebuilding_after_the_crashes_changes_nothing(plant: Plant) -> None:
    before = plant.rows(_CURRENT)
    subprocess.run(
        [sys.executable, "manage.py", "rebuild"],
        cwd=HOME,
        env=plant.environ(),
        check=True,
        capture_output=True,
    )
    assert plant.rows(_CURRENT) == before != []


# --- who is killed --------------------------------------------------------------------------------
def _kill_web(plant: Plant, database: Server) -> None:
    plant.kill()
    plant.start()


def _kill_a_worker(plant: Plant, database: Server) -> None:
    """The web server starts another one by itself."""
    gone = plant.worker_pids()[0]
    os.kill(gone, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while len(set(plant.worker_pids()) - {gone}) < plant.workers:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _kill_database(plant: Plant, database: Server) -> None:
    process = database.process
    assert process is not None
    process.kill()
    process.wait()
    database.start()


def _kill_web_and_database(plant: Plant, database: Server) -> None:
    plant.kill()
    _kill_database(plant, database)
    plant.start()
