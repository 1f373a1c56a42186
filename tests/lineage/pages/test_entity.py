from urllib.parse import quote

import pytest
from django.test import Client

from tests.lineage.pages import told

pytestmark = pytest.mark.django_db


def node(client: Client, key: str, **more: str):
    return client.get("/node/", {"key": key, **more})


def test_facets_are_shown_as_a_person_reads_them(alice: Client) -> None:
    facets = {
        "schema": told.facet(
            fields=[{"name": "id", "type": "INT"}, {"name": "pay", "fields": [{"name": "net"}]}]
        ),
        "dataQualityAssertions": told.facet(
            assertions=[{"assertion": "not_null", "success": False, "column": "id"}]
        ),
        "columnLineage": told.facet(
            fields={"id": {"inputFields": [{"namespace": "bank", "name": "raw", "field": "ID"}]}}
        ),
        "ownership": told.facet(owners=[{"name": "team:data", "type": "OWNER"}]),
        "vendor_thing": told.facet(setting={"deep": [1, {"deeper": "value-seen"}]}),
    }
    told.run("load", reads=("raw",), writes=("clean",), facets=facets)
    page = node(alice, "dataset:bank/clean").content.decode()
    for text in (
        "not_null",
        "state-bad",
        "raw · ID",
        "team:data",
        "vendor_thing",
        "value-seen",
        "As it came",
    ):
        assert text in page, text
    assert '<code class="depth-1">net</code>' in page


@pytest.mark.parametrize("value", [{"fields": "no list"}, {"fields": [1, None]}, {"fields": {"a": 3}}, {}])
@pytest.mark.parametrize("name", ["schema", "columnLineage", "dataQualityMetrics", "tags", "ownership"])
def test_a_facet_of_another_shape_is_shown_as_it_is(alice: Client, name: str, value: dict) -> None:
    told.run(
        "load", writes=("clean",), facets={f"x_{name}": told.facet(**value), "custom": told.facet(**value)}
    )
    assert node(alice, "dataset:bank/clean").status_code == 200


def test_a_contradiction_is_explained_with_who_said_what(alice: Client) -> None:
    told.version("customers", "1", digest="a" * 64, source="catalogue")
    told.version("customers", "1", number=1, digest="b" * 64, source="registry")
    page = node(alice, "dataset_version:bank/customers@1").content.decode()
    assert "contradict each other" in page and "a" * 64 in page and "b" * 64 in page
    assert "registry" in page and "catalogue" in page


def test_an_assertion_that_would_loosen_is_shown_and_not_applied(alice: Client) -> None:
    told.version("customers", "1", classification="restricted")
    told.version("customers", "1", number=1, classification="public", source="eve")
    page = node(alice, "dataset_version:bank/customers@1").content.decode()
    assert "not applied" in page and "eve said classification <b>public</b>" in page


def test_versions_are_listed_newest_first_and_as_csv(alice: Client) -> None:
    for number in range(30):
        told.version("rates", f"v{number:02}", number)
    answer = node(alice, "dataset:bank/rates")
    listed = [cells[0].content for cells in answer.context["page"].rows]
    assert "v29" in listed[0] and len(listed) == 20
    following = alice.get(f"/node/{answer.context['page'].next}")
    assert len(following.context["page"].rows) == 10
    lines = node(alice, "dataset:bank/rates", format="csv").getvalue().decode().splitlines()
    assert len(lines) == 31 and lines[1].startswith("v29,")


def test_neighbours_are_one_step_away_with_their_basis(alice: Client) -> None:
    told.run("load", reads=("raw",), writes=("clean",))
    run = next(one for one in node(alice, "dataset:bank/clean").context["near"].upstream)
    assert run.title == "load, 2026-03-01 08:00" and run.edge.kind == "wrote" and run.evidence
    page = node(alice, str(run.key)).context
    assert [one.key.name for one in page["near"].upstream] == ["raw"]
    assert [one.key.name for one in page["near"].downstream] == ["clean"]


def test_history_tells_who_said_what_and_when(alice: Client) -> None:
    arrival = told.version("customers", "1", department="retail")
    page = node(alice, "dataset_version:bank/customers@1")
    assert page.context["history"][0].asserter == "catalogue"
    assert f"/submission/{arrival.id}/" in page.content.decode()


def test_the_page_costs_the_same_however_much_there_is(alice: Client, django_assert_max_num_queries) -> None:
    for number in range(40):
        told.run("load", number, reads=("raw",), writes=("clean",))
    with django_assert_max_num_queries(24):
        assert node(alice, "dataset:bank/clean").status_code == 200
    with django_assert_max_num_queries(24):
        assert node(alice, "job:bank/load").status_code == 200


def test_a_key_that_is_none_or_unknown_gets_a_clear_answer(alice: Client) -> None:
    answer = node(alice, "nonsense <script>")
    assert (
        answer.status_code == 400
        and b"not a node key" in answer.content
        and b"<script>n" not in answer.content
    )
    assert node(alice, "dataset:bank/nothing").status_code == 404
    assert node(alice, "").status_code == 400


def test_a_key_that_arrives_decoded_is_accepted(alice: Client) -> None:
    told.run("load", writes=("raw/customers",), namespace="s3://lake")
    assert node(alice, "dataset:s3://lake/raw/customers").status_code == 200
    assert alice.get(f"/node/?key={quote('dataset:s3%3A%2F%2Flake/raw%2Fcustomers')}").status_code == 200


@pytest.mark.parametrize("parent", ["planner", "agent:factory/planner", "dataset:", "<b>"])
def test_a_name_that_a_source_sent_need_not_be_a_key(alice: Client, parent: str) -> None:
    told.event(
        "agent.registered",
        {
            "agent": "helper",
            "title": "Helper",
            "department": "retail",
            "owner": "dana",
            "state": "active",
            "parent_agent": parent,
        },
    )
    answer = node(alice, "agent:factory/helper")
    assert answer.status_code == 200
