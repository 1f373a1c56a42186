"""What deployments served when, and which model answers for an outcome."""

from typing import Any

import pytest

from lineage.entities.models import NodeState
from lineage.graph.serving import serving
from tests.lineage.stories import (
    Sent,
    answered,
    ask,
    at,
    dataset,
    declared,
    deployed,
    flows,
    model,
    reached,
    ref,
    registered,
    retracted,
    send,
    told,
)

pytestmark = pytest.mark.django_db

SCORER = "deployment:credit/scorer"


def served(minute: float) -> list[tuple[str, str, float | None]]:
    return [(one.model, one.state, one.share) for one in serving(at(minute))]


def models_of(outcome: str) -> set[str]:
    return {
        source for source, _, target, _ in flows("answered") if target.endswith(outcome) and "model" in source
    }


def test_one_version_replaces_the_other() -> None:
    send(deployed("scorer", "risk", "2", 5), deployed("scorer", "risk", "1", 1))
    assert served(0) == []
    assert served(1) == served(4.9) == [(model("risk", "1"), "serving", None)]
    assert served(5) == [(model("risk", "2"), "serving", None)]


def test_a_canary_joins_and_takes_over() -> None:
    send(
        deployed("scorer", "risk", "1", 1),
        deployed("scorer", "risk", "2", 2, share=0.1),
        deployed("scorer", "risk", "2", 3, share=0.5),
        deployed("scorer", "risk", "2", 4, share=1),
    )
    assert served(2) == [(model("risk", "1"), "serving", None), (model("risk", "2"), "serving", 0.1)]
    assert served(3)[1] == (model("risk", "2"), "serving", 0.5)
    assert served(4) == [(model("risk", "2"), "serving", 1)]


def test_a_canary_that_is_taken_back() -> None:
    send(
        deployed("scorer", "risk", "1", 1),
        deployed("scorer", "risk", "2", 2, share=0.1),
        deployed("scorer", "risk", "2", 3, share=0),
    )
    assert served(3) == [(model("risk", "1"), "serving", None)]


def test_what_failed_still_answers_and_what_stopped_does_not() -> None:
    send(deployed("scorer", "risk", "1", 1), deployed("scorer", "risk", "1", 3, state="failed"))
    send(answered("o-1", "scorer", 4))
    assert served(4) == [(model("risk", "1"), "failed", None)]
    assert models_of("o-1") == {model("risk", "1")}
    assert NodeState.objects.get(kind="deployment").state == "failed"
    send(deployed("scorer", "risk", "1", 5, state="stopped"), answered("o-2", "scorer", 6))
    assert served(6) == []
    assert models_of("o-2") == set()
    assert models_of("o-1") == {model("risk", "1")}


def test_the_same_moment_is_taken_in_the_same_order_whatever_came_first() -> None:
    changes = [deployed("scorer", "risk", "1", 1), deployed("scorer", "base", "1", 1)]
    send(*changes)
    assert served(1) == [(model("risk", "1"), "serving", None)]  # the last by its name


def test_an_outcome_is_the_answer_of_the_model_that_served_at_its_moment() -> None:
    send(deployed("scorer", "risk", "1", 1), answered("o-1", "scorer", 4), deployed("scorer", "risk", "2", 5))
    assert flows("answered") == {
        (SCORER, "answered", "outcome:factory/o-1", "declared"),
        (model("risk", "1"), "answered", "outcome:factory/o-1", "inferred"),
    }
    assert ask("outcome:factory/o-1").at == at(4)


def test_a_late_deployment_mends_the_outcome() -> None:
    send(deployed("scorer", "risk", "1", 1), answered("o-1", "scorer", 4), deployed("scorer", "risk", "2", 3))
    assert models_of("o-1") == {model("risk", "2")}
    assert ask("outcome:factory/o-1").completeness.backdated >= 1


def test_an_outcome_before_anything_was_deployed_has_no_model_and_gets_it_later() -> None:
    send(answered("o-1", "scorer", 4))
    assert models_of("o-1") == set()
    send(deployed("scorer", "risk", "1", 3))
    assert models_of("o-1") == {model("risk", "1")}


def test_an_outcome_that_names_its_model_needs_no_inference() -> None:
    send(deployed("scorer", "risk", "1", 1), answered("o-1", "scorer", 4, model=ref("risk", "9", "credit")))
    assert models_of("o-1") == {model("risk", "9")}


def test_from_the_outcome_to_the_data_in_one_question() -> None:
    send(
        declared("raw", "3", 1),
        registered("risk", "5", 2, inputs=[ref("raw", role="train")]),
        deployed("scorer", "risk", "5", 3),
        answered("o-1", "scorer", 4, inputs=[ref("features", "7", role="features")]),
    )
    assert reached("outcome:factory/o-1") == {
        "outcome:factory/o-1",
        SCORER,
        model("risk", "5"),
        dataset("raw", "3"),
        dataset("features", "7"),
    }
    assert dataset("features", "7") not in reached(SCORER)


def test_a_retracted_deployment_is_as_if_it_had_not_been() -> None:
    second = deployed("scorer", "risk", "2", 3)
    send(deployed("scorer", "risk", "1", 1), second, answered("o-1", "scorer", 4))
    assert models_of("o-1") == {model("risk", "2")}
    send(retracted(second, 5))
    assert models_of("o-1") == {model("risk", "1")}
    assert served(4) == [(model("risk", "1"), "serving", None)]


def cdevent(kind: str, minute: float, content: dict[str, Any]) -> Sent:
    event = told("x", minute, f"{kind} {minute}", "argo").event
    event["type"] = f"dev.cdevents.service.{kind}.0.2.0"
    subject = {"id": "scorer", "type": "service", "source": "credit", "content": content}
    event["data"] = {
        "context": {
            "version": "0.4.1",
            "id": event["id"],
            "source": event["source"],
            "type": event["type"],
            "timestamp": event["time"],
        },
        "subject": subject,
    }
    return Sent("cloudevents", "argo", event)


def test_a_service_whose_artifact_is_no_version_serves_the_model_itself() -> None:
    where = {"environment": {"id": "production"}}
    send(cdevent("deployed", 1, where | {"artifactId": "an image"}), answered("o-1", "scorer", 2))
    assert [one.model for one in serving(at(1))] == ["model:artifact/an%20image"]
    assert models_of("o-1") == {"model:artifact/an%20image"}
    assert ask("deployment:credit/scorer").completeness.unversioned == 1
    send(cdevent("removed", 3, where))
    assert serving(at(3)) == []
