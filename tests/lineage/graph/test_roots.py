"""What answers for an incident and for a system."""

from typing import Any

import pytest

from lineage.entities.keys import NodeKey, plain
from tests.lineage.stories import (
    MODELS,
    ask,
    at,
    declared,
    deployed,
    model,
    reached,
    ref,
    registered,
    send,
    told,
)

pytestmark = pytest.mark.django_db

DEPLOYMENT = str(NodeKey("deployment", MODELS, "scoring"))
INCIDENT = str(plain("incident", "INC-1"))


def incident(minute: float, **data: Any) -> Any:
    return told(
        "incident.opened",
        minute,
        "e-inc",
        "on-call",
        incident="INC-1",
        subject=DEPLOYMENT,
        severity="high",
        title="Wrong refusals",
        **data,
    )


def test_an_incident_is_answered_for_by_what_it_is_about_as_of_its_opening() -> None:
    send(
        declared("raw", "1", 0),
        registered("risk", "1", 1, inputs=[ref("raw", "1", role="train")]),
        registered("risk", "2", 2),
        deployed("scoring", "risk", "1", 3),
        incident(10),
        deployed("scoring", "risk", "2", 20),
    )
    answer = ask(INCIDENT)
    assert answer.at == at(10)
    assert {DEPLOYMENT, model("risk", "1")} <= {node.key for node in answer.nodes}
    assert model("risk", "2") not in {node.key for node in answer.nodes}
    assert model("risk", "2") in reached(INCIDENT, at=at(30))
    # asked as known before the incident's deployment was known to change
    assert reached(INCIDENT, known_at=answer.known_at) == {node.key for node in answer.nodes}


def test_a_system_is_answered_for_by_its_parts() -> None:
    send(
        registered("risk", "1", 1),
        deployed("scoring", "risk", "1", 3),
        told(
            "system.declared",
            5,
            "e-sys",
            system="credit",
            title="Credit scoring",
            purpose="decide on loans",
            role="provider",
            risk_class="high",
            department="lending",
            owner="ines",
            deployments=[ref("scoring", namespace=MODELS)],
        ),
    )
    system = str(plain("system", "credit"))
    assert {system, DEPLOYMENT, model("risk", "1")} <= reached(system)
    assert reached(system, at=at(4)) == {system}
