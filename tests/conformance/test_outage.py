"""The database goes away, or is busy: 503 with Retry-After, and back without a restart."""

import threading
from collections.abc import Iterator
from typing import Any, cast

import httpx
import psycopg
import pytest

from factory.kit.grants import Issued
from lineage.graph.roots import TURNSTILE
from tests.conformance.events import BATCHED, STRUCTURED, run_event, spelt, usage
from tests.conformance.facts import broken_rules
from tests.conformance.gate import Gate
from tests.conformance.plant import Plant

ONE, BATCH, EVENTS = "/api/v1/lineage", "/api/v1/lineage/batch", "/api/v1/events"


@pytest.fixture(scope="module")
def gate(server: Plant) -> Iterator[Gate]:
    gate = Gate(server.database)
    yield gate
    gate.close()


@pytest.fixture(scope="module")
def gated(server: Plant, gate: Gate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """A web process that reaches the same database through the gate, and waits two seconds for an answer."""
    url = gate.url(options="-c statement_timeout=2000")
    plant = Plant(url, tmp_path_factory.mktemp("gated"), workers=1)
    try:
        plant.start()
        yield plant
    finally:
        plant.stop()


@pytest.fixture
def client(gated: Plant, everything: Issued) -> Iterator[httpx.Client]:
    with gated.client(everything) as client:
        yield client


def sends(client: httpx.Client, here: str) -> Iterator[httpx.Response]:
    """Send something new at every door."""
    yield client.post(ONE, json=run_event(here))
    yield client.post(BATCH, json=[run_event(here), run_event(here)])
    yield client.post(EVENTS, content=spelt(usage(here)), headers=STRUCTURED)
    yield client.post(EVENTS, content=spelt([usage(here)]), headers=BATCHED)


def refused(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "database" in answer.json()["detail"]


def test_no_database_and_back(
    client: httpx.Client, gated: Plant, gate: Gate, server: Plant, here: str
) -> None:
    for answer in sends(client, here):
        assert answer.status_code in (200, 201)
    before = server.rows("SELECT count(*) FROM lineage_submission")
    gate.shut()
    try:
        for _ in range(3):
            for answer in sends(client, here):
                refused(answer)
        for path in ("/api/v1/nodes", "/api/v1/serving", f"/api/v1/node?key=job:{here}/load",
                     f"/api/v1/trace?node=job:{here}/load", "/readyz"):  # fmt: skip
            refused(client.get(path))
        assert client.get("/healthz").status_code == 200
    finally:
        gate.open()
    assert server.rows("SELECT count(*) FROM lineage_submission") == before
    for answer in sends(client, here):  # the first of them, not only a later one
        assert answer.status_code in (200, 201), answer.text
    assert client.get("/readyz").status_code == 200


def test_broken_connections_in_the_middle_of_the_work(
    gated: Plant, gate: Gate, server: Plant, everything: Issued, here: str
) -> None:
    """Whatever was answered with 503 is sent again; in the end all is there once."""
    stop = threading.Event()
    statuses: list[int] = []
    sent: list[dict[str, Any]] = []

    def send(number: int) -> None:
        with gated.client(everything) as client:
            count = 0
            while not stop.is_set():
                count += 1
                event = run_event(here, job=f"job {number} {count}")
                sent.append(event)
                while True:
                    answer = client.post(ONE, json=event)
                    statuses.append(answer.status_code)
                    if answer.status_code != 503:
                        break
                    stop.wait(0.05)

    senders = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for sender in senders:
        sender.start()
    for _ in range(6):
        stop.wait(0.3)
        server.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND query ILIKE '%%lineage%%' AND pid <> pg_backend_pid()"
        )
        stop.wait(0.2)
        gate.shut()
        gate.open()
    stop.set()
    for sender in senders:
        sender.join()
    assert set(statuses) <= {200, 201, 503} and 503 in statuses
    found = server.rows(
        """SELECT count(*), count(DISTINCT n.name) FROM lineage_statement s
           JOIN lineage_node n ON n.id = s.node_id WHERE n.kind = 'job' AND n.namespace = %s""",
        [here],
    )
    assert found == [(len(sent), len(sent))]
    assert broken_rules(server.rows) == {}


def test_a_database_that_is_busy(client: httpx.Client, server: Plant, here: str) -> None:
    with psycopg.connect(server.database, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [TURNSTILE])
        refused(client.post(ONE, json=run_event(here)))  # cancelled after the two seconds of this process
        assert client.get("/api/v1/nodes", params={"namespace": here}).json()["results"] == []
    assert client.post(ONE, json=run_event(here)).status_code == 201


def test_a_database_that_takes_no_writes(client: httpx.Client, gate: Gate, server: Plant, here: str) -> None:
    name = server.rows("SELECT current_database()")[0][0]
    server.rows(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    try:
        gate.shut()
        gate.open()
        for answer in sends(client, here):
            refused(answer)
        refused(client.get("/readyz"))
        assert client.get("/api/v1/nodes").status_code == 200  # questions are answered
    finally:
        with psycopg.connect(server.database, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'.encode())
        gate.shut()
        gate.open()
    for answer in sends(client, here):
        assert answer.status_code in (200, 201), answer.text


def test_the_standards_client_comes_back(gated: Plant, gate: Gate, everything: Issued, here: str) -> None:
    """openlineage-python retries a 503 by itself, so that its user never hears of it."""
    from openlineage.client.transport.http import HttpConfig, HttpTransport

    transport = HttpTransport(
        HttpConfig.from_dict(
            {"url": gated.url, "auth": {"type": "api_key", "apiKey": everything.secret}, "timeout": 30}
        )
    )
    gate.shut()
    threading.Timer(1, gate.open).start()
    assert transport.emit(cast(Any, run_event(here))).status_code == 201
    transport.close()
