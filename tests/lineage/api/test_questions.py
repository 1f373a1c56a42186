"""Paging, and how many queries each question and each door asks of the database."""

import base64
import json
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.conformance.events import cloud_event, dataset, run_event, spelt
from tests.personas import bearer, everything

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    client = Client(headers=bearer(everything()))
    client.post("/api/v1/lineage", "{}", "application/json")  # the token is known from here on
    return client


def send(client: Client, *events: dict[str, Any]) -> None:
    answer = client.post("/api/v1/lineage/batch", spelt(list(events)), "application/json")
    assert answer.status_code == 200 and answer.json()["status"] == "success", answer.content


def test_pages_hold_every_node_once_however_many_came_together(client: Client) -> None:
    jobs = [f"job {number}" for number in range(1203)]
    send(client, *(run_event("bank", job=job) for job in jobs))  # all known at one moment
    seen, link, last = [], "/api/v1/nodes?kind=job&limit=100", ""
    while link:
        page = client.get(link).json()
        seen += [node["name"] for node in page["results"]]
        last, link = link, page["next"]
    assert sorted(seen) == sorted(jobs)
    back: list[str] = []
    link = client.get(last).json()["previous"]
    while link:
        page = client.get(link).json()
        back = [node["name"] for node in page["results"]] + back
        link = page["previous"]
    assert back == seen[: len(back)] and len(back) == 1200


@pytest.mark.parametrize(
    "place",
    [[], {}, 1, ["x", 1, False], ["2026-03-01T00:00:00", 1, False], ["2026-03-01T00:00:00Z", "1", False],
     ["2026-03-01T00:00:00Z", 2**64, False], ["2026-03-01T00:00:00Z", True, False]],
)  # fmt: skip
def test_a_cursor_that_is_none(client: Client, place: Any) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(place).encode()).decode()
    answer = client.get("/api/v1/nodes", {"cursor": cursor})
    assert answer.status_code == 400 and answer.json()["code"] == "invalid"


# --- queries --------------------------------------------------------------------------------------
def queries(client: Client, method: str, *arguments: Any, **options: Any) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        answer = getattr(client, method)(*arguments, **options)
    assert answer.status_code in (200, 201), answer.content
    # tokens are looked up once in half a second
    return len([q for q in captured if "apitoken" not in q["sql"]])


def chain(namespace: str, length: int, width: int) -> list[dict[str, Any]]:
    """Runs that each read what the one before wrote, and write `width` datasets."""
    return [
        run_event(
            namespace,
            job=f"job {step}",
            inputs=[dataset(namespace, f"d{step}-{n}") for n in range(width)],
            outputs=[dataset(namespace, f"d{step + 1}-{n}") for n in range(width)],
            eventTime=f"2026-03-01T{step:02}:00:00Z",
        )
        for step in range(length)
    ]


def test_the_queries_of_a_door_do_not_grow_with_what_comes_in(client: Client) -> None:
    send(client, *chain("warm", 2, 1))
    asked = {}
    for size in (2, 30):
        body = spelt([run_event("a" * size, job=f"job {n}") for n in range(size)])
        asked[size] = queries(client, "post", "/api/v1/lineage/batch", body, "application/json")
    assert asked[30] == asked[2] <= 40
    for width in (1, 30):
        body = spelt(chain(f"w{width}", 1, width)[0])
        asked[width] = queries(client, "post", "/api/v1/lineage", body, "application/json")
    assert asked[30] == asked[1] <= 45
    for size in (2, 30):
        events = [
            cloud_event("bank", "factory.usage.recorded", {"meters": {"requests": n}, "department": f"d{n}"})
            for n in range(size)
        ]
        kind = "application/cloudevents-batch+json"
        asked[size] = queries(client, "post", "/api/v1/events", spelt(events), kind)
    assert asked[30] == asked[2] <= 40


def test_a_repeat_and_a_refusal_ask_less(client: Client) -> None:
    event = spelt(run_event("bank"))
    first = queries(client, "post", "/api/v1/lineage", event, "application/json")
    assert queries(client, "post", "/api/v1/lineage", event, "application/json") < first


@pytest.mark.parametrize("path", ["/api/v1/nodes", "/api/v1/serving"])
def test_the_queries_of_a_list_do_not_grow_with_it(client: Client, path: str) -> None:
    asked = []
    for size in (1, 40):
        send(client, *(run_event(f"n{size}", job=f"job {n}") for n in range(size)))
        deployed(client, size)
        asked.append(queries(client, "get", path))
    assert asked[0] == asked[1] <= 2


def deployed(client: Client, size: int) -> None:
    for number in range(size):
        model = {"namespace": "ml", "name": f"m{size}-{number}", "version": "1"}
        event = cloud_event(
            "ci",
            "factory.deployment.changed",
            {"namespace": "prod", "name": f"d{size}-{number}", "environment": "production",
             "state": "serving", "model": model},
        )  # fmt: skip
        assert client.post("/api/v1/events", spelt(event), "application/cloudevents+json").status_code == 201


def test_the_queries_of_a_trace_grow_with_its_depth_only(client: Client) -> None:
    asked = {}
    for width in (1, 12):
        namespace = uuid4().hex
        for event in chain(namespace, 6, width):
            send(client, event)
        key = f"dataset:{namespace}/d6-0"
        for depth in (0, 2, 5):
            asked[width, depth] = queries(client, "get", "/api/v1/trace", {"node": key, "depth": depth})
    for depth in (0, 2, 5):
        assert asked[1, depth] == asked[12, depth], asked
    assert asked[1, 5] <= 10 + 2 * 6


def test_the_queries_of_one_node_do_not_grow(client: Client) -> None:
    asked = []
    for size in (1, 30):
        base = {"_producer": "https://x", "_schemaURL": "https://x"}
        facets: dict[str, Any] = {f"f{n}": base for n in range(size)}
        aliases = [{"namespace": "bank", "name": f"alias {size} {n}", "type": "TABLE"} for n in range(size)]
        facets["symlinks"] = {"_producer": "https://x", "_schemaURL": "https://x", "identifiers": aliases}
        send(client, run_event("bank", inputs=[dataset("bank", f"d{size}", **facets)]))
        asked.append(queries(client, "get", "/api/v1/node", {"key": f"dataset:bank/d{size}"}))
    assert asked[0] == asked[1] <= 6
