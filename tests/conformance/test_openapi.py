"""The description of the interface: valid, whole, and kept by the answers."""

import json
from functools import cache
from typing import Any

import httpx
import pytest
from django.urls import get_resolver
from django.urls.resolvers import URLPattern, URLResolver
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from tests.conformance.events import (
    BATCHED,
    JSON,
    STRUCTURED,
    cloud_event,
    dataset,
    facet,
    run_event,
    spelt,
    usage,
)
from tests.conformance.plant import Plant

DOCUMENTED = ("/api/v1/",)


@pytest.fixture(scope="module")
def document(server: Plant) -> dict[str, Any]:
    answer = httpx.get(f"{server.url}/api/schema/", params={"format": "json"})
    assert answer.status_code == 200
    return answer.json()


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    validate(document)


def _routes(patterns: list[Any], before: str = "/") -> list[str]:
    found = []
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            found += _routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            found.append(route)
    return found


def test_every_rest_address_is_described(document: dict[str, Any]) -> None:
    routes = {
        route.replace("<str:", "{").replace(">", "}")
        for route in _routes(get_resolver().url_patterns)
        if route.startswith(DOCUMENTED)
    }
    assert routes == {path for path in document["paths"] if path.startswith(DOCUMENTED)}
    for path in document["paths"].values():
        for operation in path.values():
            assert operation["summary"] and operation["operationId"] and operation["tags"]


def test_what_a_door_takes_and_a_question_asks_is_described(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for parameter in operations.get("get", {}).get("parameters", []):
            assert parameter.get("description"), (path, parameter["name"])
    assert document["components"]["securitySchemes"]
    for path in ("/api/v1/lineage", "/api/v1/lineage/batch", "/api/v1/events"):
        assert document["paths"][path]["post"]["requestBody"]["content"]


# --- answers --------------------------------------------------------------------------------------
@cache
def _validator(schema: str, components: str) -> Draft202012Validator:
    whole = json.loads(schema) | {"components": json.loads(components)}
    return Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)


class Checked(httpx.Client):
    """A client that holds every answer to the description of its address."""

    def __init__(self, document: dict[str, Any], server: Plant, token: Any) -> None:
        super().__init__(
            base_url=server.url,
            headers={"Authorization": f"Bearer {token.secret}"},
            timeout=60,
            event_hooks={"response": [self._check]},
        )
        self.document = document
        self.checked: set[tuple[str, str, int]] = set()

    def _check(self, answer: httpx.Response) -> None:
        answer.read()
        path, method = answer.request.url.path, answer.request.method.lower()
        if path.startswith("/api/v1/events/schemas/") and path != "/api/v1/events/schemas/":
            path = "/api/v1/events/schemas/{event_type}"
        responses = self.document["paths"][path][method]["responses"]
        assert str(answer.status_code) in responses, (path, answer.status_code, answer.text[:300])
        media = answer.headers["Content-Type"]
        content = responses[str(answer.status_code)]["content"]
        assert media in content, (path, answer.status_code, media, list(content))
        components = json.dumps(self.document.get("components", {}))
        _validator(json.dumps(content[media]["schema"]), components).validate(answer.json())
        self.checked.add((path, method, answer.status_code))


def test_answers_are_as_described(
    document: dict[str, Any], server: Plant, everything: Any, here: str
) -> None:
    with Checked(document, server, everything) as client:
        lineage, events = "/api/v1/lineage", "/api/v1/events"
        facets = {"schema": facet(fields=[{"name": "a", "type": "int"}])}
        event = run_event(here, inputs=[dataset(here, "a", **facets)], outputs=[dataset(here, "b")])
        for _ in range(2):
            client.post(lineage, json=event)
        client.post(lineage, json={})
        client.post(f"{lineage}/batch", json=[event, {}, run_event(here)])
        client.post(f"{lineage}/batch", content=b"x", headers=JSON)
        one = usage(here)
        for _ in range(2):
            client.post(events, content=spelt(one), headers=STRUCTURED)
        client.post(events, content=spelt(one | {"data": {"meters": {"requests": 9}}}), headers=STRUCTURED)
        client.post(events, content=spelt([one, 1]), headers=BATCHED)
        client.post(events, content=b"{}", headers=STRUCTURED)
        model = {"namespace": here, "name": "m", "version": "1"}
        deployment = {"namespace": here, "name": "d", "environment": here, "state": "serving", "model": model}
        served = cloud_event(here, "factory.deployment.changed", deployment)
        client.post(events, content=spelt(served), headers=STRUCTURED)
        for path in (lineage, f"{lineage}/batch", events):
            client.post(path, content=b"x", headers={"Content-Type": "text/plain"})
            client.post(path, content=b"x", headers=JSON | {"Content-Encoding": "br"})
            client.post(path, content=b" " * 65_000_000 + b" " * 3_000_000, headers=JSON)
            client.post(path, content=b"{}", headers=JSON | {"Authorization": "Bearer no"})
        client.get(f"{events}/schemas/")
        client.get(f"{events}/schemas/factory.usage.recorded")
        client.get(f"{events}/schemas/nothing")
        for query in ("", "limit=1", "kind=dataset&q=a", "kind=nothing", "cursor=x"):
            client.get(f"/api/v1/nodes?namespace={here}&{query}")
        for key in (f"dataset:{here}/a", f"job:{here}/load", f"deployment:{here}/d", "nothing", "job:a/b"):
            client.get("/api/v1/node", params={"key": key})
            client.get("/api/v1/trace", params={"node": key, "direction": "both"})
        client.get("/api/v1/serving")
        client.get("/api/v1/serving", params={"at": "tomorrow"})
        numbered = [usage(here, sequence=str(n), sequencetype="Integer") for n in (1, 4)]
        client.post(events, content=spelt(numbered), headers=BATCHED)
        for query in ("", "limit=1", "cursor=x"):
            client.get(f"/api/v1/sources?{query}")
        for door, name in (("cloudevents", everything.name), ("openlineage", ""), ("window", "x"), ("", "")):
            client.get("/api/v1/sources/report", params={"door": door, "name": name})
        for path in ("nodes", "node", "trace", "serving", "sources", "sources/report"):
            client.get(f"/api/v1/{path}", headers={"Authorization": "Bearer no"})
    described = {
        (path, method, int(status))
        for path, operations in document["paths"].items()
        if path.startswith(DOCUMENTED)
        for method, operation in operations.items()
        for status in operation["responses"]
        if status not in ("403", "503")
    }
    assert described - client.checked == set()
