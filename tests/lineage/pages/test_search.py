import pytest
from django.test import Client

from tests.lineage.pages import told

pytestmark = pytest.mark.django_db


def test_results_are_grouped_by_kind(alice: Client) -> None:
    told.run("load_customers", reads=("raw",), writes=("customers",))
    groups = alice.get("/search/?q=custo").context["groups"]
    assert [(group.title, [row.name for row in group.rows]) for group in groups] == [
        ("Datasets", ["customers"]),
        ("Dataset versions", ["customers"]),
        ("Jobs", ["load_customers"]),
    ]


def test_htmx_gets_the_results_alone(alice: Client) -> None:
    told.run("load", writes=("customers",))
    answer = alice.get("/search/?q=custo", headers={"HX-Request": "true"})
    assert b"customers" in answer.content and b"<html" not in answer.content


def test_a_whole_key_leads_to_its_node(alice: Client) -> None:
    told.run("load", writes=("customers",))
    answer = alice.get("/search/", {"q": "dataset:bank/customers"})
    assert answer.status_code == 302 and answer["Location"].startswith("/node/?key=")


@pytest.mark.parametrize("q", ["", " ", "'", "a:b", "&|!", "\x00", "<", "%", "x" * 5000, "dataset:", "🙂"])
def test_any_words_are_answered(alice: Client, q: str) -> None:
    assert alice.get("/search/", {"q": q}).status_code == 200


def test_it_costs_the_same_however_much_is_found(alice: Client, django_assert_num_queries) -> None:
    for number in range(30):
        told.run(f"customers_{number}", number, writes=(f"customers_{number}",))
    with django_assert_num_queries(4):
        answer = alice.get("/search/?q=customers")
    assert b"All that match" in answer.content
