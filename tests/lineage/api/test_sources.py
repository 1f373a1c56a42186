"""What the REST interface says of sources, and that refused pushes are counted by whom they were."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from factory.kit.grants import issue_token
from lineage.intake import refused
from lineage.intake.source_models import Refusal
from tests.conformance.events import BATCHED, cloud_event, run_event, spelt
from tests.personas import airflow, auditor, bearer, everything

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.fixture
def client() -> Client:
    return Client(headers=bearer(everything()))


def desk(client: Client, *numbers: int, source: str = "//desk", **members: Any) -> None:
    events = [
        cloud_event(
            source,
            "factory.usage.recorded",
            {"meters": {"requests": 1}},
            sequence=str(number),
            sequencetype="Integer",
            **members,
        )
        for number in numbers
    ]
    answer = client.post("/api/v1/events", spelt(events), BATCHED["Content-Type"])
    assert answer.json()["status"] == "success", answer.content


def report(client: Client, **query: Any) -> dict[str, Any]:
    answer = client.get("/api/v1/sources/report", {"door": "cloudevents", "name": "everything", **query})
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_gap_is_in_the_report_at_once_and_goes_when_it_is_filled(client: Client) -> None:
    desk(client, 1, 2, 5)
    found = report(client)
    assert found["counts"] == {"accepted": 3, "repeated": 0, "quarantined": 0, "refused": 0}
    [one] = found["numbering"]
    assert (one["source"], one["counting"], one["missing"]) == ("//desk", "declared", 2)
    assert (one["first"], one["last"], one["received"], one["used_again"]) == ("1", "5", 3, 0)
    [gap] = one["gaps"]
    assert (gap["first"], gap["last"], gap["missing"]) == (3, 4, 2) and gap["known_since"]
    assert "No log can prove" in found["notes"][0]
    assert [event["sequence"] for event in found["last_events"]] == ["5", "2", "1"]
    desk(client, 4, 3)
    assert report(client)["numbering"][0]["gaps"] == []


def test_gaps_are_paged(client: Client) -> None:
    desk(client, *range(0, 21, 2))
    seen, link = [], "/api/v1/sources/report?door=cloudevents&name=everything&limit=4"
    while link:
        [one] = client.get(link).json()["numbering"]
        seen += [gap["first"] for gap in one["gaps"]]
        link = one["next"]
    assert seen == list(range(1, 20, 2))


def test_a_source_that_does_not_number_says_so(client: Client) -> None:
    event = cloud_event("//desk", "factory.usage.recorded", {"meters": {"requests": 1}})
    client.post("/api/v1/events", spelt(event), "application/cloudevents+json")
    found = report(client)
    assert found["numbering"] == []
    assert "This source does not number its events; gaps can't be seen." in found["notes"]
    [line] = client.get("/api/v1/sources").json()["results"]
    assert (line["numbering"], line["missing"]) == ("none", None)


def test_the_period_counts_what_came_in_it(client: Client) -> None:
    desk(client, 1)
    past = report(client, **{"from": "2020-01-01T00:00:00Z", "to": "2020-02-01T00:30:00Z"})
    assert past["counts"]["accepted"] == 0 and past["last_events"] == []
    assert past["to"] == "2020-02-01T01:00:00Z"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"door": ""}, 400),
        ({"from": "yesterday"}, 400),
        ({"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, 400),
        ({"after": "-5"}, 400),
        ({"limit": "0"}, 400),
        ({"name": "nobody"}, 404),
        ({"door": "window"}, 404),
    ],
)
def test_a_question_that_has_no_answer(client: Client, query: dict[str, str], status: int) -> None:
    desk(client, 1)
    answer = client.get("/api/v1/sources/report", {"door": "cloudevents", "name": "everything", **query})
    assert answer.status_code == status, answer.content


def test_only_who_may_ask_is_answered(client: Client) -> None:
    assert Client().get("/api/v1/sources").status_code == 401
    assert Client(headers=bearer(airflow())).get("/api/v1/sources").status_code == 403
    assert Client(headers=bearer(auditor())).get("/api/v1/sources").status_code == 200


def test_the_list_pages_both_ways(client: Client) -> None:
    for name in "abcde":
        token = issue_token(f"source-{name}", doors=["openlineage"])
        Client(headers=bearer(token)).post("/api/v1/lineage", spelt(run_event("bank")), JSON)
    seen, link, last = [], "/api/v1/sources?limit=2", ""
    while link:
        page = client.get(link).json()
        seen += [line["name"] for line in page["results"]]
        last, link = link, page["next"]
    assert seen == [f"source-{name}" for name in "abcde"]
    page = client.get(client.get(last).json()["previous"]).json()
    assert [line["name"] for line in page["results"]] == ["source-c", "source-d"]
    page = client.get(page["previous"]).json()
    assert [line["name"] for line in page["results"]] == ["source-a", "source-b"] and not page["previous"]
    assert client.get("/api/v1/sources?cursor=nonsense").status_code == 400


def test_the_queries_do_not_grow(client: Client) -> None:
    asked: list[list[int]] = []
    for size in (1, 25):
        for number in range(size):
            desk(client, 1, 3, 5, source=f"//desk-{size}-{number}")
        report(client)  # folds
        asked.append([])
        for path in ("/api/v1/sources", "/api/v1/sources/report?door=cloudevents&name=everything"):
            with CaptureQueriesContext(connection) as captured:
                assert client.get(path).status_code == 200
            asked[-1].append(len([q for q in captured if "apitoken" not in q["sql"]]))
    assert asked[0] == asked[1]
    assert asked[0][0] <= 6 and asked[0][1] <= 11


# --- refused pushes -------------------------------------------------------------------------------
def counted() -> set[tuple[str, str, int, str, int]]:
    return set(Refusal.objects.values_list("door", "name", "status", "code", "count"))


def test_refusals_are_counted_by_who_and_why(client: Client, settings: Any) -> None:
    stranger = Client(headers={"Authorization": "Bearer plb_guessed"})
    for _ in range(3):
        assert stranger.post("/api/v1/lineage", "{}", JSON).status_code == 401
    assert Client().post("/api/v1/events", "{}", JSON).status_code == 401
    assert Client(headers=bearer(auditor())).post("/api/v1/lineage", "{}", JSON).status_code == 403
    assert client.post("/api/v1/lineage", "<a/>", "text/xml").status_code == 415
    settings.MAX_EVENT_BYTES = 10
    assert client.post("/api/v1/lineage", "x" * 11, JSON).status_code == 413
    assert counted() == {
        ("openlineage", "", 401, "authentication_failed", 3),
        ("cloudevents", "", 401, "not_authenticated", 1),
        ("openlineage", "auditor", 403, "wrong_scope", 1),
        ("openlineage", "everything", 415, "media-type", 1),
        ("openlineage", "everything", 413, "too_large", 1),
    }
    found = report(client, door="openlineage")
    assert found["counts"]["refused"] == 2 and len(found["refused"]) == 2
    assert report(client, door="openlineage", name="")["counts"]["refused"] == 3


def test_what_is_kept_in_quarantine_is_no_refusal(client: Client) -> None:
    assert client.post("/api/v1/lineage", "{broken", JSON).status_code == 400
    assert client.get("/api/v1/lineage").status_code == 405
    assert counted() == set()
    assert report(client, door="openlineage")["counts"]["quarantined"] == 1


def test_a_body_that_the_gate_refused_is_counted_at_its_door() -> None:
    refused.too_large("/api/v1/lineage/batch")
    refused.too_large("/api/v1/nowhere")
    refused.too_large("/search/")
    assert counted() == {("openlineage", "", 413, "too_large", 1)}
