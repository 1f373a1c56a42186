"""The clients of the standard itself, and every event that the standard's folder holds."""

import gzip
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any, cast
from urllib.parse import unquote

import httpx
import pytest
import yaml
from jsonschema import Draft4Validator
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import dataset_version_dataset, schema_dataset
from openlineage.client.serde import Serde
from openlineage.client.transport import Transport
from openlineage.client.transport.async_http import AsyncHttpConfig, AsyncHttpTransport
from openlineage.client.transport.http import HttpConfig, HttpTransport
from requests import HTTPError

from factory.kit.grants import Issued
from lineage.intake.models import Reading, Submission
from lineage.intake.vault import open_body
from tests.conformance.events import JSON, TIME, spelt
from tests.conformance.model import Dataset, Edge, Model, Name, Version
from tests.conformance.plant import Plant
from tests.lineage.openlineage.standard import OPENLINEAGE, events, needs_standard, valid_by_the_schemas

pytestmark = needs_standard
EVENTS = events() if OPENLINEAGE.is_dir() else {}
SCENARIOS = sorted({path.split("/")[1] for path in EVENTS if path.startswith("scenarios/")})
COMPRESSION = pytest.mark.parametrize("compression", [{}, {"compression": "gzip"}], ids=["plain", "gzip"])


def marked(event: dict[str, Any], mark: str) -> dict[str, Any]:
    """Return the event with a member more, so that it is none that came before."""
    return event | {"sentBy": mark}


def as_sent(event: dict[str, Any]) -> bytes:
    """The bytes that the standard's client makes of an event."""
    return Serde.to_json(event).encode()


def emit(transport: Transport, event: dict[str, Any]) -> Any:
    """Have the transport send the event as it is: it takes dictionaries, though it doesn't say so."""
    return transport.emit(cast(Any, event))


def config(server: Plant, token: Issued, compression: dict[str, str]) -> dict[str, Any]:
    return {"url": server.url, "auth": {"type": "api_key", "apiKey": token.secret}, **compression}


def outcomes(token: Issued) -> dict[bytes, Reading]:
    """Return what became of everything that the token sent, by its body."""
    found = {}
    for reading in Reading.objects.filter(source=token.name).select_related("submission"):
        found[open_body(reading.submission)] = reading
    return found


# --- one event a request --------------------------------------------------------------------------
@pytest.fixture(scope="module")
def transports(server: Plant, django_db_blocker: Any) -> Iterator[Callable[[dict[str, str]], HttpTransport]]:
    with django_db_blocker.unblock():
        token = server.token("openlineage")
    made: dict[str, HttpTransport] = {}

    def make(compression: dict[str, str]) -> HttpTransport:
        key = str(compression)
        made[key] = made.get(key) or HttpTransport(HttpConfig.from_dict(config(server, token, compression)))
        return made[key]

    yield make
    for transport in made.values():
        transport.close()


@COMPRESSION
@pytest.mark.parametrize("path", EVENTS)
def test_the_http_transport_posts_every_event(
    transports: Callable[[dict[str, str]], HttpTransport], path: str, compression: dict[str, str]
) -> None:
    event = marked(EVENTS[path], f"sync {path} {compression}")
    sent = as_sent(event)
    if valid_by_the_schemas(json.loads(sent)):
        assert emit(transports(compression), event).status_code == 201
        assert emit(transports(compression), event).status_code == 200
        return
    with pytest.raises(HTTPError) as refused:
        emit(transports(compression), event)
    answer = refused.value.response
    assert answer is not None and answer.status_code == 400
    problem = answer.json()
    assert problem["detail"] and problem["errors"][0]["pointer"].startswith("/")
    submission = Submission.objects.get(pk=problem["submission"])
    assert open_body(submission) == sent
    reading = Reading.objects.get(submission=submission)
    assert (reading.outcome, reading.reason) == ("quarantined", problem["detail"])
    assert reading.pointer == problem["errors"][0]["pointer"]


@COMPRESSION
def test_the_async_transport_posts_every_event(server: Plant, compression: dict[str, str]) -> None:
    token = server.token("openlineage")
    transport = AsyncHttpTransport(AsyncHttpConfig.from_dict(config(server, token, compression)))
    sent = {path: marked(event, f"async {path} {compression}") for path, event in EVENTS.items()}
    for event in sent.values():
        emit(transport, event)
    assert transport.close(timeout=60)
    valid = {as_sent(e) for e in sent.values() if valid_by_the_schemas(json.loads(as_sent(e)))}
    assert transport.get_stats() == {"pending": 0, "success": len(valid), "failed": len(sent) - len(valid)}
    found = outcomes(token)
    assert found.keys() == {as_sent(event) for event in sent.values()}
    for body, reading in found.items():
        assert reading.outcome == ("accepted" if body in valid else "quarantined")


@COMPRESSION
@pytest.mark.parametrize("transport", ["http", "async_http"])
def test_the_client_with_its_own_types(
    server: Plant, client: httpx.Client, here: str, transport: str, compression: dict[str, str]
) -> None:
    token = server.token("openlineage")
    sender = OpenLineageClient(
        config={"transport": {"type": transport, **config(server, token, compression)}}
    )
    run = str(uuid.uuid4())
    for state in (RunState.START, RunState.COMPLETE):
        sender.emit(
            RunEvent(
                eventType=state,
                eventTime=TIME,
                run=Run(runId=run),
                job=Job(namespace=here, name="load"),
                inputs=[
                    InputDataset(
                        here,
                        "raw",
                        facets={"version": dataset_version_dataset.DatasetVersionDatasetFacet("v1")},
                    )
                ],
                outputs=[
                    OutputDataset(
                        here,
                        "clean",
                        facets={
                            "schema": schema_dataset.SchemaDatasetFacet(
                                [schema_dataset.SchemaDatasetFacetFields("id", "bigint")]
                            )
                        },
                    )
                ],
            )
        )
    sender.close(timeout=30)
    trace = client.get("/api/v1/trace", params={"node": f"dataset_version:{here}/clean@run-{run}"}).json()
    assert [(e["source"], e["kind"], e["target"], e["basis"]) for e in trace["edges"]] == [
        (f"dataset_version:{here}/raw@v1", "read", f"run:openlineage/{run}", "observed"),
        (f"run:openlineage/{run}", "wrote", f"dataset_version:{here}/clean@run-{run}", "inferred"),
    ]
    node = client.get("/api/v1/node", params={"key": f"dataset:{here}/clean"}).json()
    assert [field["type"] for field in node["facets"]["schema"]["fields"]] == ["bigint"]
    assert node["asserted_by"] == [token.name]


# --- batches --------------------------------------------------------------------------------------
def batch_answer() -> Draft4Validator:
    """The validator of a batch's answer, from the standard's own OpenAPI document."""
    document = yaml.safe_load((OPENLINEAGE / "schema" / "OpenLineage.yml").read_text())
    answers = document["paths"]["/lineage/batch"]["post"]["responses"]
    return Draft4Validator(answers["200"]["content"]["application/json"]["schema"])


@COMPRESSION
def test_a_batch_of_every_event(client: httpx.Client, compression: dict[str, str]) -> None:
    sent = [marked(event, f"batch {path} {compression}") for path, event in EVENTS.items()]
    wrong = [index for index, event in enumerate(sent) if not valid_by_the_schemas(event)]
    body = spelt(sent)
    headers = JSON | ({"Content-Encoding": "gzip"} if compression else {})
    answer = client.post(
        "/api/v1/lineage/batch", content=gzip.compress(body) if compression else body, headers=headers
    )
    assert answer.status_code == 200
    result = answer.json()
    batch_answer().validate(result)
    assert result["status"] == ("partial_success" if wrong else "success")
    assert result["summary"] == {
        "received": len(sent),
        "successful": len(sent) - len(wrong),
        "failed": len(wrong),
        "retriable": 0,
        "non_retriable": len(wrong),
    }
    assert [failed["index"] for failed in result["failed_events"]] == wrong
    assert all(failed["reason"] and failed["pointer"] for failed in result["failed_events"])
    assert open_body(Submission.objects.get(pk=result["submission"])) == body
    again = client.post("/api/v1/lineage/batch", content=body, headers=JSON).json()
    assert again["repeated"] == len(sent) - len(wrong)


# --- what the scenarios come to -------------------------------------------------------------------
def renamed(value: Any, here: str) -> Any:
    """Return the events with every namespace and run id a new one, so that nobody else speaks of them."""
    if isinstance(value, list):
        return [renamed(one, here) for one in value]
    if not isinstance(value, dict):
        return value
    changed = {name: renamed(one, here) for name, one in value.items()}
    if isinstance(value.get("namespace"), str):
        changed["namespace"] = f"{here}:{value['namespace']}"
    if isinstance(value.get("runId"), str):
        changed["runId"] = str(uuid.uuid5(uuid.UUID(value["runId"]), here))
    return changed


def parts(key: str) -> tuple[str, Name, str]:
    """Return kind, name and version of a node key."""
    kind, _, rest = key.partition(":")
    path, _, version = rest.partition("@")
    namespace, _, name = path.partition("/")
    return kind, (unquote(namespace), unquote(name)), unquote(version)


@pytest.mark.parametrize("backwards", [False, True], ids=["in order", "backwards"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_graph_is_what_a_scenario_says(
    client: httpx.Client, here: str, scenario: str, backwards: bool
) -> None:
    told = [event for path, event in EVENTS.items() if path.startswith(f"scenarios/{scenario}/")]
    told = [renamed(event, here) for event in told if valid_by_the_schemas(event)]
    for event in reversed(told) if backwards else told:
        assert client.post("/api/v1/lineage", json=event).status_code == 201
    model = Model(told)

    def nodes(kind: str, **wanted: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        link: str | None = str(httpx.URL("/api/v1/nodes", params={"kind": kind, "limit": 200, **wanted}))
        while link:
            page = client.get(link).json()
            found += page["results"]
            link = page["next"]
        return found

    ours = [n for kind in ("job", "dataset", "dataset_version") for n in nodes(kind)]
    ours = [n for n in ours if n["namespace"].startswith(f"{here}:")]
    by_kind = {kind: [n for n in ours if n["kind"] == kind] for kind in ("job", "dataset", "dataset_version")}

    assert {(n["namespace"], n["name"]) for n in by_kind["job"]} == model.jobs
    found: dict[Name, Dataset] = {}
    for node in by_kind["dataset"]:
        full = client.get("/api/v1/node", params={"key": node["key"]}).json()
        names = frozenset(parts(key)[1] for key in (node["key"], *full["other_names"]))
        found |= dict.fromkeys(names, names)
    assert set(found.values()) == model.datasets
    edges: set[Edge] = set()
    for id_, run in model.runs.items():
        node = client.get("/api/v1/node", params={"key": f"run:openlineage/{id_}"}).json()
        assert parts(node["attributes"]["job"])[1] == run.job
        assert node["attributes"].get("parent", "") == (run.parent and f"run:openlineage/{run.parent}")
        assert (node["state"] == "COMPLETE") == (run.completed is not None)
        trace = client.get("/api/v1/trace", params={"node": node["key"], "direction": "both", "depth": 1})
        for edge in trace.json()["edges"]:
            ends: list[Any] = []
            for end in (edge["source"], edge["target"]):
                kind, name, version = parts(end)
                ends.append(name[1] if kind == "run" else (found[name], version))
            edges.add((ends[0], edge["kind"], ends[1]))
            assert edge["evidence"] and edge["asserted_by"]
            named = any(e in ends for e in model.made() if not e[1].startswith("run-"))
            assert edge["basis"] == ("observed" if named else "inferred")
    assert edges == model.edges()
    # a version that was concluded and then mended away stays known, but nothing flows through it
    flowing = {end for source, _, target in edges for end in (source, target)}
    versions: set[Version] = set()
    for node in by_kind["dataset_version"]:
        one = (found[node["namespace"], node["name"]], node["version"])
        if one in flowing or not node["inferred"]:
            versions.add(one)
    assert versions == model.versions()
