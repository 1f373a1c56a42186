"""kill -9 in mid-ingest: what was acknowledged is there, once and whole."""

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from factory.children import HOME
from factory.database import Server, embedded_url
from tests.conformance.events import BATCHED, JSON, STRUCTURED, spelt
from tests.conformance.facts import broken_rules
from tests.conformance.plant import Plant, migrate
from tests.conformance.sending import Sender, half_applied, name_of, stored


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
    plant.kill_a_worker()


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
