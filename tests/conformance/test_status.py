"""What each status means, and what is kept of what was refused."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone

from governance.people.models import ApiToken
from lineage.intake.models import Reading, Submission
from lineage.intake.vault import open_body
from tests.conformance.events import BATCHED, JSON, STRUCTURED, cloud_event, run_event, spelt, usage
from tests.conformance.plant import Plant
from tests.personas import dave

ONE, BATCH, EVENTS = "/api/v1/lineage", "/api/v1/lineage/batch", "/api/v1/events"
DOORS = [(ONE, JSON), (BATCH, JSON), (EVENTS, STRUCTURED)]
QUESTIONS = ["/api/v1/nodes", "/api/v1/node", "/api/v1/trace", "/api/v1/serving"]


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Check that the answer is problem+json of this status, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    found = answer.json()
    assert found["status"] == status and found["title"] and found["type"] == "about:blank"
    assert isinstance(found["detail"], str) and found["detail"], found
    return found


# --- 201 and 200 ----------------------------------------------------------------------------------
@pytest.mark.parametrize("door", ["openlineage", "cloudevents"])
def test_stored_and_repeated(client: httpx.Client, here: str, door: str) -> None:
    path, headers, event = {
        "openlineage": (ONE, JSON, run_event(here)),
        "cloudevents": (EVENTS, STRUCTURED, usage(here)),
    }[door]
    first = client.post(path, content=spelt(event), headers=headers)
    assert first.status_code == 201
    assert first.json().keys() == {"submission", "status"} and first.json()["status"] == "stored"
    stored = Submission.objects.get(pk=first.json()["submission"])
    assert (stored.door, open_body(stored)) == (door, spelt(event))
    # the same event spelt otherwise is a repeat
    other = spelt(dict(reversed(event.items()))).replace(b", ", b",\n ")
    again = client.post(path, content=other, headers=headers)
    assert again.status_code == 200
    assert again.json()["status"] == "repeated" and again.json()["repeat_of"] == first.json()["submission"]
    assert open_body(Submission.objects.get(pk=again.json()["submission"])) == other


def test_the_graph_shows_the_event_by_the_time_of_the_answer(client: httpx.Client, here: str) -> None:
    for number in range(20):
        assert client.post(ONE, json=run_event(here, job=f"job {number}")).status_code == 201
        found = client.get("/api/v1/node", params={"key": f"job:{here}/job%20{number}"})
        assert found.status_code == 200


# --- 400 ------------------------------------------------------------------------------------------
def test_what_is_not_understood_says_where_and_is_kept(client: httpx.Client, here: str) -> None:
    body = spelt(run_event(here, inputs=[{"namespace": here}]))
    found = problem(client.post(ONE, content=body, headers=JSON), 400)
    assert [error["pointer"] for error in found["errors"]] == ["/inputs/0/name"]
    assert open_body(Submission.objects.get(pk=found["submission"])) == body
    reading = Reading.objects.get(submission=found["submission"])
    assert (reading.outcome, reading.pointer, reading.reason) == (
        "quarantined",
        "/inputs/0/name",
        found["detail"],
    )


# --- 401 ------------------------------------------------------------------------------------------
def _wrong_tokens(server: Plant) -> dict[str, str]:
    expired, revoked = server.token("all"), server.token("all")
    ApiToken.objects.filter(pk=expired.id).update(
        created_at=timezone.now() - timedelta(days=2), expires_at=timezone.now() - timedelta(days=1)
    )
    ApiToken.objects.filter(pk=revoked.id).update(revoked_at=timezone.now(), revoked_by=dave())
    return {
        "none": "",
        "wrong": "Bearer plb_wrong",
        "empty": "Bearer",
        "another scheme": "Basic YTpi",
        "expired": f"Bearer {expired.secret}",
        "revoked": f"Bearer {revoked.secret}",
        "not ASCII": "Bearer pl\xe9",
        "long": "Bearer " + "x" * 10_000,
    }


def test_without_a_valid_token_nothing_is_kept(server: Plant, here: str) -> None:
    tokens = _wrong_tokens(server)
    before = Submission.objects.count()
    with server.client() as nobody:
        for name, value in tokens.items():
            headers = httpx.Headers({b"Authorization": value.encode("latin-1")} if value else {})
            for path, kind in DOORS:
                body = spelt(run_event(here))
                headers.update(kind)
                answer = nobody.post(path, content=body, headers=headers)
                assert answer.status_code == 401, (name, path, answer.text)
                assert answer.headers["WWW-Authenticate"] == 'Bearer realm="plumbline"'
                problem(answer, 401)
            for path in QUESTIONS:
                answer = nobody.get(path, headers=headers)
                assert answer.status_code == 401, (name, path)
                assert answer.headers["WWW-Authenticate"] == 'Bearer realm="plumbline"'
    assert Submission.objects.count() == before


def test_a_token_is_refused_soon_after_it_was_revoked(server: Plant, here: str) -> None:
    token = server.token("all")
    with server.client(token) as client:
        assert client.post(ONE, json=run_event(here)).status_code == 201
        ApiToken.objects.filter(pk=token.id).update(revoked_at=timezone.now(), revoked_by=dave())
        time.sleep(1)
        for _ in range(8):
            assert client.post(ONE, json=run_event(here)).status_code == 401


# --- 403 ------------------------------------------------------------------------------------------
def test_a_token_opens_its_doors_only(server: Plant, here: str) -> None:
    before = Submission.objects.count()
    for door, path in [("questions", ONE), ("cloudevents", BATCH), ("openlineage", EVENTS)]:
        with server.client(server.token(door)) as client:
            found = problem(client.post(path, content=b"{}", headers=JSON), 403)
            assert found["code"] == "wrong_scope"
    with server.client(server.token("openlineage", "cloudevents")) as client:
        for path in QUESTIONS:
            problem(client.get(path), 403)
    assert Submission.objects.count() == before


def test_a_namespace_of_others_is_refused_and_kept(server: Plant, here: str) -> None:
    with server.client(server.token("openlineage", namespaces=[f"{here}*"])) as client:
        body = spelt(run_event("somebody else's"))
        found = problem(client.post(ONE, content=body, headers=JSON), 403)
        assert open_body(Submission.objects.get(pk=found["submission"])) == body
        assert Reading.objects.get(submission=found["submission"]).outcome == "quarantined"
        # what else is named in an event is no matter of scope
        allowed = run_event(f"{here}/jobs", inputs=[{"namespace": "somebody else's", "name": "raw"}])
        assert client.post(ONE, json=allowed).status_code == 201


def test_in_a_batch_scope_is_judged_event_by_event(server: Plant, client: httpx.Client, here: str) -> None:
    other = f"other-{here}"
    with server.client(server.token("all", namespaces=[here])) as sender:
        sent = [run_event(other), run_event(here), run_event(other), {"nonsense": 1}]
        result = sender.post(BATCH, json=sent).json()
        assert [(f["index"], f["code"]) for f in result["failed_events"]][:2] == [(0, "scope"), (2, "scope")]
        assert [f["index"] for f in result["failed_events"]] == [0, 2, 3]
        sent = [usage(other), usage(here)]
        result = sender.post(EVENTS, content=spelt(sent), headers=BATCHED).json()
        assert [(f["index"], f["code"]) for f in result["failed_events"]] == [(0, "scope")]
    assert client.get("/api/v1/nodes", params={"namespace": other}).json()["results"] == []
    assert client.get("/api/v1/nodes", params={"namespace": here}).json()["results"] != []


def test_event_types_bound_a_token(server: Plant, here: str) -> None:
    token = server.token("cloudevents", event_types=["factory.usage.*"])
    with server.client(token) as client:
        assert client.post(EVENTS, content=spelt(usage(here)), headers=STRUCTURED).status_code == 201
        event = cloud_event(here, "factory.department.declared", {"department": "x", "title": "X"})
        problem(client.post(EVENTS, content=spelt(event), headers=STRUCTURED), 403)


# --- 404, 405, 406, 409 ---------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/api/v1/", "/api/v1/lineages", "/api/v1/events/schemas/factory.nothing"])
def test_an_address_that_is_none(client: httpx.Client, path: str) -> None:
    problem(client.get(path), 404)


@pytest.mark.parametrize("path", [ONE, BATCH, EVENTS])
def test_other_methods_at_a_door(client: httpx.Client, path: str) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = client.request(method, path)
        problem(answer, 405)
        assert answer.headers["Allow"] == "POST, OPTIONS"


@pytest.mark.parametrize("path", QUESTIONS)
def test_other_methods_at_a_question(client: httpx.Client, path: str) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = client.request(method, path, content=b"{}", headers=JSON)
        problem(answer, 405)
        assert "GET" in answer.headers["Allow"]


def test_an_id_that_is_taken(client: httpx.Client, here: str) -> None:
    first, other = usage(here), usage(here)
    other |= {"id": first["id"], "data": {"meters": {"requests": 2}}}
    assert client.post(EVENTS, content=spelt(first), headers=STRUCTURED).status_code == 201
    found = problem(client.post(EVENTS, content=spelt(other), headers=STRUCTURED), 409)
    assert open_body(Submission.objects.get(pk=found["submission"])) == spelt(other)
    # the first stands, and is still what a repeat repeats
    assert client.post(EVENTS, content=spelt(first), headers=STRUCTURED).status_code == 200
    result = client.post(EVENTS, content=spelt([other, usage(here)]), headers=BATCHED).json()
    assert [(f["index"], f["code"]) for f in result["failed_events"]] == [(0, "id-reused")]


# --- 415 ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("media", ["text/plain", "application/cloudevents+avro", "application/xml", ""])
def test_a_body_of_another_kind_at_the_door_of_cloud_events(
    client: httpx.Client, here: str, media: str
) -> None:
    problem(client.post(EVENTS, content=spelt(usage(here)), headers={"Content-Type": media}), 415)


# --- what is asked of any answer ------------------------------------------------------------------
@pytest.mark.parametrize(
    "accept", ["application/json", "*/*", "application/problem+json", "text/html", "*/*;q=.2"]
)
def test_whatever_a_client_says_it_accepts(client: httpx.Client, here: str, accept: str) -> None:
    for path, kind in DOORS:
        event: Callable[[str], Any] = usage if path == EVENTS else run_event
        body = [event(here)] if path == BATCH else event(here)
        answer = client.post(path, content=spelt(body), headers=kind | {"Accept": accept})
        assert answer.status_code in (200, 201), (path, answer.text)
    assert client.get("/api/v1/nodes", headers={"Accept": accept}).status_code == 200
