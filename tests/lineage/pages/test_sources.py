"""The pages of sources: what each says, that nothing is mistaken for none, and what they ask the database."""

import csv
import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from lineage.intake import numbering, refused
from lineage.intake.watch import watch
from tests.lineage.intake.test_numbering import numbered
from tests.lineage.intake.test_sources import push
from tests.lineage.pages import told
from tests.lineage.stories import RECEIVED, ran, run, send

pytestmark = pytest.mark.django_db
DESK = "/sources/report/?door=cloudevents&name=desk&from=2026-03-01&to=2026-03-05"
AIRFLOW = "/sources/report/?door=openlineage&name=airflow&from=2026-03-01&to=2026-03-05"


def text(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return " ".join(answer.content.decode().replace("\u202f", "").split())


def test_an_empty_installation_says_what_to_do(alice: Client) -> None:
    page = text(alice, "/sources/")
    assert "No source has sent anything yet" in page
    assert "No log can prove that an event that was never sent did not happen." in page


def test_the_list_begins_with_what_lacks_something(alice: Client) -> None:
    told.version("customers", "v1")
    send(*(numbered(n) for n in (1, 5)), *(numbered(t, source="till", kind="") for t in ("a", "b")))
    send(ran("night", 0, "START"))
    page = text(alice, "/sources/")
    assert page.index(">desk</a>") < page.index(">airflow</a>") < page.index(">catalogue</a>")
    assert ">3 numbers<" in page and ">1 run never ended<" in page
    assert "it does not number" in page and "its numbers can't be counted" in page


def test_a_report_shows_gaps_and_their_pages(alice: Client) -> None:
    send(*(numbered(n) for n in range(1, 200, 2)), numbered(1000))
    page = text(alice, DESK)
    assert "By sequencetype Integer" in page and "899 missing" in page
    assert page.count('<th scope="row">') >= 50 and ">2</th>" in page
    assert "No log can prove" in page
    [following] = [part.split('"')[0] for part in page.split('rel="next" href="')[1:]]
    second = text(alice, "/sources/report/" + following.replace("&amp;", "&"))
    assert "200 to 999" in second and ">2</th>" not in second and "« First" in second


def test_a_source_that_begins_anew_is_told_so(alice: Client) -> None:
    send(numbered(1), numbered(2), numbered(1, "again"))
    assert "has begun its numbering anew" in text(alice, DESK)


def test_empty_is_not_mistaken_for_none(alice: Client) -> None:
    told.version("customers", "v1")
    page = text(alice, "/sources/report/?door=cloudevents&name=catalogue")
    assert "This source does not number its events" in page and "none missing" not in page
    assert "too short to tell" in page
    send(ran("night", 0))
    page = text(alice, AIRFLOW)
    assert "carries no numbers" in page and "Every run that began has ended, or may still be running" in page


def test_runs_that_never_ended_lead_to_their_pages(alice: Client) -> None:
    send(ran("night", 0, "START"))
    page = text(alice, AIRFLOW)
    key = run("night").replace(":", "%3A").replace("/", "%2F")
    assert f"/node/?key={key}" in page and "Runs that never ended" in page


def test_silences_of_the_period(alice: Client) -> None:
    for hour in range(30):
        push(hour, RECEIVED + timedelta(hours=hour))
    watch(RECEIVED + timedelta(days=3))
    page = text(alice, "/sources/report/?door=openlineage&name=airflow&from=2026-03-01&to=2026-03-09")
    assert "still silent" in page and "2026-03-03 05:00" in page
    page = text(alice, "/sources/report/?door=openlineage&name=airflow&from=2026-02-01&to=2026-03-01")
    assert "No silence is on record in this period" in page


def test_refused_pushes_of_nobody_have_a_page(alice: Client) -> None:
    refused.count("openlineage", "", 401, "authentication_failed", timezone.now())
    assert "no token that is known" in text(alice, "/sources/")
    page = text(alice, "/sources/report/?door=openlineage&name=")
    assert "Pushes with no token that is known" in page and "authentication_failed" in page
    assert "does not number" not in page


def test_a_period_that_can_not_be_read_is_said(alice: Client) -> None:
    send(numbered(1))
    page = text(alice, "/sources/report/?door=cloudevents&name=desk&from=yesterday", 400)
    assert "The period can&#x27;t be read" in page and "The last 30 days are shown." in page
    page = text(alice, "/sources/report/?door=cloudevents&name=desk&from=2026-03-05&to=2026-03-01", 400)
    assert "The period ends before it begins." in page


def test_an_unknown_source_has_no_page(alice: Client, client: Client) -> None:
    assert alice.get("/sources/report/?door=cloudevents&name=nobody").status_code == 404
    assert Client().get("/sources/").status_code == 302


def test_the_report_as_a_table_and_as_json(alice: Client) -> None:
    send(*(numbered(n) for n in (1, 4)), numbered("=1+1", kind=""))
    answer = alice.get(DESK + "&format=csv")
    assert 'filename="source-cloudevents-desk-2026-03-01-2026-03-05.csv"' in answer["Content-Disposition"]
    lines = list(csv.DictReader(answer.getvalue().decode().splitlines()))
    [gap] = [line for line in lines if line["part"] == "gap"]
    assert (gap["what"], gap["first"], gap["last"], gap["number"]) == ("//desk", "2", "3", "2")
    assert any(line["part"] == "event" and line["first"] == "'=1+1" for line in lines)
    assert any("No log can prove" in line["what"] for line in lines)
    body = json.loads(alice.get(DESK + "&format=json").getvalue())
    assert body["numbering"][0]["gaps"][0]["missing"] == 2 and body["counts"]["accepted"] == 3


def test_the_pages_cost_the_same_however_much_there_is(alice: Client, django_assert_num_queries) -> None:
    send(numbered(1), numbered(3), ran("night", 0, "START"))
    numbering.fold()
    alice.get("/sources/")
    for path, queries in (("/sources/", 8), (DESK, 11), (AIRFLOW, 9)):
        with django_assert_num_queries(queries):
            alice.get(path)
    for number in range(20):
        send(numbered(9 + 2 * number), numbered(number * 3, source=f"till{number}"))
        send(ran(f"r{number}", 0, "START"))
    numbering.fold()
    for path, queries in (("/sources/", 8), (DESK, 11), (AIRFLOW, 9)):
        with django_assert_num_queries(queries):
            alice.get(path)
