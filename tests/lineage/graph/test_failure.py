"""A failing deployment is traced to the data, and what speaks against it is found."""

import pytest

from lineage.entities.find import find_node
from lineage.graph.failure import NotTraceable, trace_failure
from tests.lineage.stories import (
    LAKE,
    MODELS,
    answered,
    at,
    declared,
    deployed,
    facet,
    item,
    ran,
    ref,
    registered,
    send,
    told,
)

pytestmark = pytest.mark.django_db
DEPLOYMENT = "deployment:credit/scoring"


def failed_checks(count: int) -> dict:
    return facet(assertions=[{"assertion": "not_null", "success": False}] * count)


def bad_day() -> None:
    """v1 is trained on the first delivery, v2 on the second one, which failed two checks and which v2's
    deployment shows: it fails."""
    send(
        told("department.declared", 0, "d", department="risk", title="Risk"),
        ran("load 1", 1, writes=[item("raw", "1")]),
        ran("build 1", 2, reads=[item("raw", "1"), item("rates", "1")], writes=[item("features", "1")]),
        registered("risk", "1", 3, inputs=[ref("features", "1", role="train")]),
        deployed("scoring", "risk", "1", 4),
        declared("raw", "2", 9.5, department="risk"),
        ran("load 2", 10, writes=[item("raw", "2", dataQualityAssertions=failed_checks(2))]),
        ran("build 2", 11, reads=[item("raw", "2"), item("rates", "1")], writes=[item("features", "2")]),
        registered("risk", "2", 12, inputs=[ref("features", "2", role="train")]),
        deployed("scoring", "risk", "2", 13),
        answered("loan-7", "scoring", 14),
        told(
            "incident.opened",
            15,
            "i",
            incident="INC-1",
            subject=DEPLOYMENT,
            severity="high",
            title="Refusals",
        ),
    )


def test_the_bad_version_comes_first_and_is_new_since_the_model_before() -> None:
    bad_day()
    failure = trace_failure(find_node(DEPLOYMENT), at(14))
    assert [str(one.model) for one in failure.models] == ["model_version:credit/risk@2"]
    assert failure.previous and str(failure.previous.model) == "model_version:credit/risk@1"
    first = failure.suspects[0]
    assert first.node.key == f"dataset_version:{LAKE}/raw@2"
    assert first.reasons == ["checks", "new"]
    assert first.before and first.before.version == "1"
    new = {one.node.key for one in failure.suspects if "new" in one.reasons}
    assert new == {f"dataset_version:{LAKE}/raw@2", f"dataset_version:{LAKE}/features@2"}


def test_the_path_runs_from_the_data_to_the_deployment() -> None:
    bad_day()
    steps = trace_failure(find_node(DEPLOYMENT), at(14)).steps
    keys = [step.node.key for step in steps]
    assert keys[-2:] == [f"model_version:{MODELS}/risk@2", DEPLOYMENT]
    assert keys.index(f"dataset_version:{LAKE}/raw@2") < keys.index(f"dataset_version:{LAKE}/features@2")
    raw = steps[keys.index(f"dataset_version:{LAKE}/raw@2")]
    assert [maker.node.kind for maker in raw.makers] == ["run"]
    assert raw.evidence
    assert raw.node.department == "risk"


def test_an_outcome_and_an_incident_bring_their_own_moment() -> None:
    bad_day()
    outcome = trace_failure(find_node("outcome:factory/loan-7"))
    assert outcome.at == at(14)
    assert outcome.deployment.name == "scoring"
    assert outcome.suspects[0].node.key == f"dataset_version:{LAKE}/raw@2"
    incident = trace_failure(find_node("incident:factory/INC-1"))
    assert (incident.at, incident.about.kind) == (at(15), "deployment")


def test_a_deployment_reported_failed_is_asked_about_as_of_then() -> None:
    bad_day()
    send(deployed("scoring", "risk", "2", 20, state="failed"), deployed("scoring", "risk", "1", 30))
    failure = trace_failure(find_node(DEPLOYMENT))
    assert failure.at == at(20)
    assert [str(one.model) for one in failure.models] == ["model_version:credit/risk@2"]


def test_of_a_canary_and_its_elder_the_one_that_answered_is_traced() -> None:
    bad_day()
    send(
        deployed("scoring", "risk", "1", 16),
        deployed("scoring", "risk", "2", 17, share=0.1),
        answered("loan-8", "scoring", 18, model=ref("risk", "2", MODELS)),
    )
    failure = trace_failure(find_node("outcome:factory/loan-8"))
    assert [str(one.model) for one in failure.models] == ["model_version:credit/risk@2"]


def test_before_anything_was_served_there_is_nothing_to_trace() -> None:
    bad_day()
    failure = trace_failure(find_node(DEPLOYMENT), at(1))
    assert failure.models == []
    assert failure.previous is None


def test_what_is_unknown_or_failed_is_a_suspect() -> None:
    send(
        ran("build", 2, reads=["rates"], writes=[item("features", "1")]),
        ran("late", 3, "FAIL", reads=[item("features", "1")], writes=[item("scores", "1")]),
        registered("risk", "1", 4, inputs=[ref("scores", "1", role="train")]),
        deployed("scoring", "risk", "1", 5),
    )
    reasons = {one.node.name: one.reasons for one in trace_failure(find_node(DEPLOYMENT), at(6)).suspects}
    assert reasons["rates"] == ["unknown"]
    assert ["failed"] in reasons.values()


def test_other_nodes_are_refused_in_words() -> None:
    bad_day()
    with pytest.raises(NotTraceable, match="a failure is traced from a deployment"):
        trace_failure(find_node(f"dataset:{LAKE}/raw"))
