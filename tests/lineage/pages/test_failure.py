"""Trace a failure: the sentence, what speaks against which step, and the path, all in the URL."""

import html
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import HttpResponse
from django.test import Client

from tests.lineage.graph.test_failure import DEPLOYMENT, bad_day
from tests.lineage.stories import LAKE, deployed, send, told

pytestmark = pytest.mark.django_db


def ask(client: Client, **question: str) -> HttpResponse:
    response: Any = client.get(f"/failure/?{urlencode(question)}")
    return response


def words(response: HttpResponse) -> str:
    """The page's text, without its markup."""
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", response.content.decode())).split())


def test_what_may_have_failed_is_offered_the_urgent_first(alice: Client) -> None:
    bad_day()
    send(deployed("pricing", "risk", "1", 16, state="failed"))
    page = words(ask(alice))
    order = [page.index(title) for title in ("Open incidents", "Failed deployments", "Other deployments")]
    assert order == sorted(order)
    assert "Refusals" in page


def test_with_nothing_known_it_says_so(alice: Client) -> None:
    assert "No deployment is known yet" in words(ask(alice))


def test_the_answer_names_the_exact_bad_version_in_one_sentence(alice: Client) -> None:
    bad_day()
    page = words(ask(alice, deployment=DEPLOYMENT, at="2026-03-01T08:14"))
    assert (
        "At 2026-03-01 08:14 UTC scoring in production ran risk version 2, shaped by 3 dataset versions "
        "from 1 department; version 2 of raw failed 2 data quality checks and is new since risk version 1."
    ) in page
    assert "whose newest was version 1" in page


def test_the_path_has_owners_evidence_and_gaps(alice: Client) -> None:
    bad_day()
    response = ask(alice, deployment=DEPLOYMENT, at="2026-03-01T08:14")
    page = words(response)
    path = page[page.index("The path, from the source data") :]
    assert "Owned by risk" in path
    assert "nobody on record" in path
    assert "job of load 2" in path
    assert "Nothing is known of how it was made: the trace begins here." in path
    assert re.search(r'href="/submission/[0-9a-f-]{36}/"', response.content.decode())
    assert "How complete this is" in path


def test_the_link_to_the_answer_gives_the_same_answer(alice: Client) -> None:
    bad_day()
    page = ask(alice, incident="INC-1").content.decode()
    (link,) = re.findall(r'href="([^"]+)">Link to this answer', page)
    again = alice.get(html.unescape(link)).content.decode()
    assert re.findall('id="answer".*', again) == re.findall('id="answer".*', page)


@pytest.mark.parametrize(
    "named", ["scoring", DEPLOYMENT, "loan-7", "outcome:factory/loan-7", "INC-1", "refusals"]
)
def test_names_titles_and_keys_all_do(alice: Client, named: str) -> None:
    bad_day()
    assert "version 2 of raw failed 2 data quality checks" in words(ask(alice, node=named))


def test_a_name_that_several_have_is_asked_back(alice: Client) -> None:
    bad_day()
    send(told("incident.opened", 16, "j", incident="scoring", subject=DEPLOYMENT, severity="low", title="x"))
    page = ask(alice, node="scoring")
    assert page.status_code == 400
    assert "2 things are called “scoring”" in words(page)


@pytest.mark.parametrize(
    ("question", "status", "said"),
    [
        ({"deployment": "deployment:credit/never"}, 404, "Nothing is known under this key"),
        ({"node": "deployment:lake/%00"}, 404, "is called"),
        ({"node": "nobody"}, 404, "No deployment, outcome or incident is called “nobody”"),
        ({"node": f"dataset:{LAKE}/raw"}, 400, "a failure is traced from a deployment"),
        ({"node": DEPLOYMENT, "at": "noon"}, 400, "is not a date and time"),
        ({"node": "\0"}, 200, "What failed"),
    ],
)
def test_what_can_t_be_traced_is_said(alice: Client, question: dict, status: int, said: str) -> None:
    bad_day()
    page = ask(alice, **question)
    assert page.status_code == status
    assert said in page.content.decode()


def test_before_anything_ran_the_answer_says_that_nothing_is_known(alice: Client) -> None:
    bad_day()
    page = words(ask(alice, node=DEPLOYMENT, at="2026-03-01"))
    assert "At 2026-03-01 00:00 UTC nothing is known to have been served by scoring in production." in page


def test_a_sound_model_is_not_accused(alice: Client) -> None:
    bad_day()
    page = words(ask(alice, node=DEPLOYMENT, at="2026-03-01T08:05"))
    assert "ran risk version 1" in page
    assert "No failed check, failed run, conflict or unknown version is known among them." in page
    assert "No model version is known to have been served here before." in page


def test_before_anything_was_known_there_is_a_plain_answer(alice: Client) -> None:
    bad_day()
    page = ask(alice, deployment=DEPLOYMENT, known_at="2020-01-01T00:00:00")
    assert page.status_code == 404
    assert "knew nothing of this node at that moment" in words(page)
