"""The official CloudEvents client, in every content mode; the schemas served; CDEvents."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from jsonschema import Draft202012Validator

from lineage.intake.models import Submission
from lineage.intake.vault import open_body
from tests.conformance.events import BATCHED, JSON, STRUCTURED, TIME, cloud_event, spelt
from tests.lineage.cloudevents.examples import FULL, MINIMAL

EVENTS = "/api/v1/events"
SERVICE = {"deployed": "2026-03-01", "upgraded": "2026-03-02", "rolledback": "2026-03-03"}


def official(event: dict[str, Any]) -> CloudEvent:
    attributes = {name: value for name, value in event.items() if name != "data"}
    attributes["time"] = datetime.fromisoformat(event["time"])
    return CloudEvent(attributes, event["data"])


def post(client: httpx.Client, message: HTTPMessage) -> httpx.Response:
    return client.post(EVENTS, content=message.body, headers=message.headers)


@pytest.mark.parametrize("examples", [MINIMAL, FULL], ids=["minimal", "full"])
@pytest.mark.parametrize("type_", MINIMAL)
def test_every_mode_is_a_repeat_of_every_other(
    client: httpx.Client, here: str, type_: str, examples: dict[str, dict[str, Any]]
) -> None:
    plain = cloud_event(
        f"//{here}/quelle/ä€😀 %", type_, examples[type_], subject="größe 100 %", comexampleextra="7"
    )
    first = post(client, to_binary(official(plain), JSONFormat()))
    assert first.status_code == 201, first.text
    repeats = [
        post(client, to_structured(official(plain), JSONFormat())),
        post(client, to_binary(official(plain), JSONFormat())),
        client.post(EVENTS, content=spelt(plain), headers=STRUCTURED),
        client.post(EVENTS, content=spelt(plain), headers=JSON),
        client.post(
            EVENTS,
            content=spelt(plain),
            headers={"Content-Type": "application/cloudevents+json; charset=UTF-8"},
        ),
    ]
    for answer in repeats:
        assert answer.status_code == 200, answer.text
        assert answer.json()["repeat_of"] == first.json()["submission"]
    batch = client.post(EVENTS, content=spelt([plain, plain]), headers=BATCHED).json()
    assert (batch["status"], batch["repeated"]) == ("success", 2)
    other = client.post(EVENTS, content=spelt(plain | {"subject": "other"}), headers=STRUCTURED)
    assert other.status_code == 409


def test_a_body_in_binary_mode_is_kept_with_its_headers(client: httpx.Client, here: str) -> None:
    message = to_binary(official(cloud_event(here, "factory.usage.recorded", {"meters": {"requests": 1}})),
                        JSONFormat())  # fmt: skip
    submission = Submission.objects.get(pk=post(client, message).json()["submission"])
    assert open_body(submission) == message.body
    assert submission.headers["ce-source"] == here
    assert "authorization" not in submission.headers


def test_a_retraction_takes_an_event_back(client: httpx.Client, here: str) -> None:
    said = cloud_event(here, "factory.department.declared", {"department": here, "title": "A room"})
    assert client.post(EVENTS, content=spelt(said), headers=STRUCTURED).status_code == 201
    key = {"key": f"department:factory/{here}"}
    assert client.get("/api/v1/node", params=key).json()["title"] == "A room"
    back = cloud_event(
        here, "factory.event.retracted", {"source": here, "id": said["id"], "reason": "it was a mistake"}
    )
    assert client.post(EVENTS, content=spelt(back), headers=STRUCTURED).status_code == 201
    assert client.get("/api/v1/node", params=key).status_code == 404


# --- schemas --------------------------------------------------------------------------------------
def test_the_schemas_served_hold_the_examples(server: Any) -> None:
    with httpx.Client(base_url=server.url) as nobody:  # no token: a client may read them first
        types = nobody.get(f"{EVENTS}/schemas/").json()["types"]
        assert set(types) == set(MINIMAL)
        for type_, link in types.items():
            answer = nobody.get(link)
            assert answer.headers["Content-Type"] == "application/schema+json"
            schema = answer.json()
            Draft202012Validator.check_schema(schema)
            validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
            validator.validate(MINIMAL[type_])
            validator.validate(FULL[type_])
            assert not validator.is_valid("text") and not validator.is_valid([])


def _spoilt(data: Any) -> Iterator[Any]:
    for name in data:
        yield {member: value for member, value in data.items() if member != name}
        yield data | {name: [[]]}


@pytest.mark.parametrize("type_", MINIMAL)
def test_what_the_schema_refuses_is_refused_with_a_pointer(
    client: httpx.Client, here: str, type_: str
) -> None:
    validator = Draft202012Validator(client.get(f"{EVENTS}/schemas/{type_}").json())
    for data in _spoilt(MINIMAL[type_]):
        event = cloud_event(here, type_, data)
        answer = client.post(EVENTS, content=spelt(event), headers=STRUCTURED)
        if validator.is_valid(data):
            assert answer.status_code == 201, (data, answer.text)
            continue
        assert answer.status_code == 400, (data, answer.text)
        assert answer.json()["errors"][0]["pointer"].startswith("/data")


# --- CDEvents -------------------------------------------------------------------------------------
def cdevent(source: str, kind: str, day: str, subject: dict[str, Any]) -> CloudEvent:
    type_, id_ = f"dev.cdevents.{kind}.0.2.0", str(uuid4())
    context = {
        "version": "0.4.1",
        "id": id_,
        "source": source,
        "type": type_,
        "timestamp": f"{day}T00:00:00Z",
    }
    attributes = {
        "id": id_,
        "source": source,
        "type": type_,
        "time": datetime.fromisoformat(f"{day}T00:00:00Z"),
    }
    return CloudEvent(attributes, {"context": context, "subject": subject})


def test_a_service_of_cdevents_is_a_deployment(client: httpx.Client, here: str) -> None:
    def send(kind: str, day: str, **content: Any) -> None:
        subject = {
            "id": "scorer",
            "source": here,
            "type": "service",
            "content": {"environment": {"id": "production"}, **content},
        }
        assert post(client, to_binary(cdevent(here, kind, day, subject), JSONFormat())).status_code == 201

    def served(day: str) -> list[str]:
        answer = client.get("/api/v1/serving", params={"at": f"{day}T12:00:00Z"}).json()
        return [one["model"] for one in answer["results"] if one["deployment"] == f"deployment:{here}/scorer"]

    versions = {"deployed": "v1", "upgraded": "v2", "rolledback": "v1"}
    for predicate, day in SERVICE.items():
        artifact = f"pkg:oci/bank/{here}@{versions[predicate]}"
        send(f"service.{predicate}", day, artifactId=artifact)
    send("service.removed", "2026-03-04")
    for predicate, day in SERVICE.items():
        assert served(day) == [f"model_version:pkg%3Aoci%2Fbank/{here}@{versions[predicate]}"]
    assert served("2026-03-04") == served("2026-02-28") == []


def test_an_incident_of_cdevents(client: httpx.Client, here: str) -> None:
    subject = {
        "id": here,
        "source": here,
        "type": "incident",
        "content": {"description": "Too many refusals", "service": {"id": "scorer", "source": here}},
    }
    for kind, day in (("incident.detected", "2026-03-02"), ("incident.resolved", "2026-03-03")):
        message = to_structured(cdevent(here, kind, day, subject), JSONFormat())
        assert post(client, message).status_code == 201
    found = client.get("/api/v1/nodes", params={"kind": "incident", "q": here}).json()["results"]
    assert [node["title"] for node in found] == ["Too many refusals"]


def test_an_unknown_type_says_where_the_known_ones_are(client: httpx.Client, here: str) -> None:
    event = cloud_event(here, "com.example.something", {}, time=TIME)
    answer = client.post(EVENTS, content=spelt(event), headers=STRUCTURED)
    assert answer.status_code == 400 and answer.json()["code"] == "unknown-type"
    assert f"{EVENTS}/schemas/" in answer.json()["detail"]
