"""Finding nodes, and what stands of them."""

import pytest

from lineage.entities.find import facets_of, find_name, find_node, nodes
from lineage.entities.keys import BadKey
from lineage.entities.models import NodeState
from tests.lineage.stories import (
    dataset_event,
    declared,
    facet,
    item,
    ran,
    registered,
    run,
    run_id,
    send,
    told,
)

pytestmark = pytest.mark.django_db


def found(**filters: str) -> set[str]:
    return {str(node.key) for node in nodes(**filters)}


def test_by_kind_name_and_words() -> None:
    owners = facet(owners=[{"name": "team:risk"}])
    tags = facet(tags=[{"key": "pii", "value": "yes", "source": "DBT"}])
    said = facet(description="Applicants as they come in, one row each")
    send(
        dataset_event(1, item("raw/applicants", ownership=owners, tags=tags, documentation=said)),
        declared("raw/loans", "1", 1, department="lending"),
        ran("night", 1, reads=["raw/loans"], job="load loans"),
    )
    applicants, loans = "dataset:lake/raw%2Fapplicants", "dataset:lake/raw%2Floans"
    assert found(kind="dataset") == {applicants, loans}
    assert found(kind="dataset", name="raw/app") == {applicants}
    assert found(kind="dataset", namespace="lake", name="raw/") == {applicants, loans}
    assert found(q="come in row") == {applicants}
    assert found(q="applic") == {applicants}
    assert found(q="load lo") == {"job:airflow/load%20loans"}
    assert found(kind="dataset", tag="pii=yes") == {applicants}
    assert found(owner="team:risk") == {applicants}
    assert found(kind="dataset", department="lending") == {loans}
    assert found(q=run_id("night")) == {run("night")}
    assert found(q="'); DROP") == set()


def test_other_names_are_not_listed_but_lead_on() -> None:
    send(dataset_event(1, item("files/raw", "1", also=["raw"])))
    assert found(kind="dataset") == {"dataset:lake/files%2Fraw"}
    assert str(find_node("dataset:lake/raw").key) == "dataset:lake/files%2Fraw"
    assert str(find_name("dataset:lake/raw")) == "dataset:lake/raw"


def test_keys_that_arrive_decoded() -> None:
    send(declared("raw/a@b", "1", 1))
    for text in ("dataset:lake/raw/a@b", "dataset:lake/raw%2Fa@b", "dataset_version:lake/raw/a@b@1"):
        assert find_node(text).name == "raw/a@b"
    with pytest.raises(NodeState.DoesNotExist):
        find_node("dataset:lake/raw/none")
    with pytest.raises(BadKey):
        find_node("raw")


def test_facets_come_back_byte_for_byte_from_whoever_said_them_last() -> None:
    odd = facet(query="select 1", number=1.50, deep={"b": [1, 2], "a": None})
    send(
        dataset_event(2, item("raw", custom=odd), "dbt"),
        dataset_event(1, item("raw", custom=facet(query="older")), "airflow"),
    )
    kept = facets_of(find_node("dataset:lake/raw"))["custom"]
    assert kept.asserter == "dbt"
    assert b'"number": 1.5, "deep": {"b": [1, 2], "a": null}' in kept.value


def test_a_deleted_facet_is_gone_and_one_under_a_second_name_is_there() -> None:
    send(
        dataset_event(1, item("files/raw", also=["raw"], custom=facet(note="one"))),
        dataset_event(2, item("raw", other=facet(note="two"))),
    )
    assert facets_of(find_node("dataset:lake/raw")).keys() == {"symlinks", "custom", "other"}
    send(dataset_event(3, item("raw", custom=facet(_deleted=True))))
    assert "custom" not in facets_of(find_node("dataset:lake/raw"))


def test_each_suite_of_tests_stands_by_itself() -> None:
    send(registered("risk", "1", 1))
    for minute, suite in enumerate(["fairness", "accuracy"], 2):
        result = {"suite": suite, "passed": minute == 2, "metrics": {}}
        ref = {"namespace": "credit", "name": "risk", "version": "1"}
        send(told("test.recorded", minute, suite, "registry", model=ref, **result))
    attributes = find_node("model_version:credit/risk@1").attributes
    assert attributes["test:fairness"]["passed"] is True
    assert attributes["test:accuracy"]["passed"] is False
