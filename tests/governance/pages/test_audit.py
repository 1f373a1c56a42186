import re

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from factory.kit.recording import CONSOLE, SYSTEM, record
from governance.audit.reading import entries
from tests import personas

pytestmark = pytest.mark.django_db
PAGE = "/audit/"


@pytest.fixture
def alice(client: Client) -> Client:
    client.force_login(personas.alice())
    return client


def test_pages_follow_each_other_without_gap_or_repeat(alice: Client) -> None:
    for number in range(120):
        record("submission.replayed", actor=SYSTEM, targets=[f"submission:{number}"])
    seen: list[str] = []
    address = PAGE
    while address:
        page = alice.get(address)
        seen += re.findall(r"submission (\d+)", page.content.decode())
        following = page.context["page"].next
        address = PAGE + following if following else ""
    assert seen == [str(number) for number in reversed(range(120))]


def test_the_page_costs_the_same_however_long(alice: Client, django_assert_max_num_queries) -> None:
    for _ in range(20):
        record("submission.replayed", actor=SYSTEM)
    alice.get(PAGE)
    with django_assert_max_num_queries(9):
        assert alice.get(PAGE).status_code == 200


def test_one_kind_of_act(alice: Client) -> None:
    record("submission.replayed", actor=SYSTEM, targets=["submission:1"])
    personas.airflow()
    page = alice.get(PAGE, {"action": "token.created"})
    [row] = page.context["page"].rows
    assert [strip_tags(cell.content) for cell in row][1:4] == ["the console", "token created", "airflow"]
    listed = alice.get(PAGE, {"target": "submission:1"}).content.decode()
    assert listed.count("submission replayed") == 2 and listed.count("token created") == 1, (
        "one is the filter's"
    )


def test_the_trail_as_csv(alice: Client) -> None:
    token = personas.airflow()
    answer = alice.get(PAGE, {"format": "csv"})
    lines = answer.getvalue().decode().splitlines()
    assert lines[0] == "when,actor,action,targets,outcome,through,reason,id,request_id"
    assert f",console,token.created,token:{token.id},success,,," in lines[1]


@pytest.mark.parametrize("query", ["?action=none.such", "?action=%00", "?after=nonsense", "?target=%00x"])
def test_odd_questions_get_an_answer(alice: Client, query: str) -> None:
    record("submission.replayed", actor=CONSOLE)
    assert alice.get(reverse("governance:audit") + query).status_code == 200


def test_a_page_reads_only_its_rows() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
    assert "Sort" not in entries({"action": "a.b"}).order_by("-id", "-pk")[:50].explain()
