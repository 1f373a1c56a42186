import csv
import io

import pytest
from django.test import Client

from lineage.entities.models import NodeState
from tests.lineage.pages import told

pytestmark = pytest.mark.django_db


def names(page: bytes) -> list[str]:
    """The names in the list's first column, in their order."""
    text = page.decode().split("<tbody>")[1].split("</tbody>")[0] if b"<tbody>" in page else ""
    return [part.split(">")[1].split("<")[0] for part in text.split('<th scope="row"><a ')[1:]]


def rows_of(answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.getvalue().decode())))


def test_every_page_of_a_long_list_is_reached_once_forth_and_back(alice: Client) -> None:
    for number in range(120):
        told.run("load", number, writes=(f"table_{number:03}",))
    seen, href = [], "/inventory/dataset/"
    pages = []
    while href:
        answer = alice.get(href)
        pages.append(names(answer.content))
        seen += pages[-1]
        following = answer.context["page"].next
        href = f"/inventory/dataset/{following}" if following else ""
    assert seen == [f"table_{number:03}" for number in range(120)]
    assert [len(page) for page in pages] == [50, 50, 20]
    back = alice.get(f"/inventory/dataset/{answer.context['page'].previous}")
    assert names(back.content) == pages[1]
    first = alice.get(f"/inventory/dataset/{back.context['page'].previous}")
    assert names(first.content) == pages[0] and not first.context["page"].previous


def test_a_list_costs_the_same_however_long(alice: Client, django_assert_num_queries) -> None:
    told.run("load", writes=("one",))
    alice.get("/inventory/dataset/")
    with django_assert_num_queries(5):
        alice.get("/inventory/dataset/")
    for number in range(40):
        told.run("load", number, writes=(f"table_{number}",))
    with django_assert_num_queries(5):
        alice.get("/inventory/dataset/")
    with django_assert_num_queries(5):
        alice.get("/inventory/run/")


def test_a_filter_is_a_chip_that_can_be_taken_off(alice: Client) -> None:
    told.version("customers", "1", department="retail", classification="restricted")
    told.version("rates", "1", department="treasury", classification="public")
    url = "/inventory/dataset/?department=retail&name=cust"
    answer = alice.get(url)
    assert names(answer.content) == ["customers"]
    chips = answer.context["page"].chips
    assert [(chip.title, chip.value) for chip in chips] == [
        ("Name begins with", "cust"),
        ("Department", "retail"),
    ]
    assert chips[0].href == "?department=retail" and chips[1].href == "?name=cust"
    assert b"remove this filter" in answer.content


def test_csv_holds_what_the_filters_let_through_and_no_formula(alice: Client) -> None:
    told.run("load", writes=("=HYPERLINK(1)", "plain"))
    told.run("load", writes=("elsewhere",), namespace="shop")
    rows = rows_of(alice.get("/inventory/dataset/?namespace=bank&format=csv"))
    assert [row["name"] for row in rows] == ["'=HYPERLINK(1)", "plain"]
    assert all(row["last_known"].endswith("Z") for row in rows)


def test_sorting_is_told_to_assistive_technology(alice: Client) -> None:
    told.run("load", writes=("a", "b"))
    answer = alice.get("/inventory/dataset/?sort=-name")
    assert names(answer.content) == ["b", "a"]
    assert b'aria-sort="descending"' in answer.content


@pytest.mark.parametrize("after", ["x", "WyJhIl0", "bm90IGpzb24", "WzEsMiwzXQ", "W3siYSI6MX0sMV0"])
def test_a_spoilt_cursor_leads_to_the_first_page(alice: Client, after: str) -> None:
    told.run("load", writes=("a",))
    assert names(alice.get(f"/inventory/dataset/?after={after}").content) == ["a"]


def test_another_name_of_a_dataset_is_not_listed_twice(alice: Client) -> None:
    same = told.facet(identifiers=[{"namespace": "hive", "name": "db.table", "type": "TABLE"}])
    told.run("load", writes=("path/table",), facets={"symlinks": same})
    assert len(names(alice.get("/inventory/dataset/").content)) == 1
    assert NodeState.objects.filter(kind="dataset").count() == 2


def test_what_is_no_kind_is_not_found(alice: Client) -> None:
    assert alice.get("/inventory/planet/").status_code == 404
    assert b"None known yet" in alice.get("/inventory/agent/").content


def test_pages_are_for_people_who_signed_in(client: Client) -> None:
    for path in ("/", "/search/", "/inventory/dataset/", "/node/", "/intake/", "/connect/"):
        assert client.get(path).status_code == 302, path
