"""CDEvents of delivery and monitoring tools, as deployments and incidents."""

from typing import Any

import pytest

from lineage.entities.keys import NodeKey
from lineage.graph.assertions import Claim
from lineage.intake.cloudevents.cdevents import artifact
from lineage.intake.cloudevents.read import read
from lineage.intake.derived import Derived, Refused
from tests.lineage.cloudevents.examples import TIME, event

PURL = "pkg:oci/bank/scorer@sha256%3A0b31b1?repository_url=registry.example#x"
SCORER = NodeKey("deployment", "/clusters/eu", "scorer")
VERSION = NodeKey("model_version", "pkg:oci/bank", "scorer", "sha256:0b31b1")


def cdevent(kind: str, version: str = "0.2.0", source: str | None = "/clusters/eu", **content: Any) -> bytes:
    event_type = f"dev.cdevents.{kind}.{version}"
    subject = {
        "id": "scorer" if kind.startswith("service") else "i-9",
        "type": kind.partition(".")[0],
        "content": content,
    }
    if source is not None:
        subject["source"] = source
    data = {
        "context": {
            "version": "0.4.1",
            "id": "e-1",
            "source": "/ci",
            "type": event_type,
            "timestamp": TIME,
        },
        "subject": subject,
        "customData": {"team": "risk"},
    }
    return event(event_type, data, subject="scorer")


def spoken(derived: Derived) -> dict[NodeKey, dict[str, Any]]:
    return {statement.node: statement.attributes for statement in derived.statements}


@pytest.mark.parametrize("predicate", ["deployed", "upgraded", "rolledback"])
@pytest.mark.parametrize("version", ["0.1.1", "0.2.0", "0.3.0", "0.4.0-draft"])
def test_service_changed(predicate: str, version: str) -> None:
    derived = read(
        cdevent(f"service.{predicate}", version, environment={"id": "production"}, artifactId=PURL)
    )
    where = {"environment": "production", "state": "serving"}
    assert derived.namespace == "/clusters/eu"
    assert spoken(derived) == {SCORER: where}
    assert derived.claims == [Claim(actor=SCORER, kind="serves", entity=VERSION, detail=where)]
    assert set(derived.statements[0].facets) == {derived.event_type, "cloudevents"}


def test_service_removed_ends_whatever_it_served() -> None:
    derived = read(cdevent("service.removed", environment={"id": "production"}))
    where = {"environment": "production", "state": "stopped"}
    assert spoken(derived) == {SCORER: where}
    assert derived.claims == [Claim(actor=SCORER, kind="serves", entity=SCORER, detail=where)]


def test_service_without_source() -> None:
    derived = read(
        cdevent("service.deployed", source=None, environment={"id": "production"}, artifactId=PURL)
    )
    assert derived.namespace == "factory"
    assert list(spoken(derived)) == [NodeKey("deployment", "factory", "scorer")]


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("pkg:oci/scorer@sha256%3Aab", NodeKey("model_version", "pkg:oci", "scorer", "sha256:ab")),
        ("pkg:huggingface/org/m@main", NodeKey("model_version", "pkg:huggingface/org", "m", "main")),
        (
            "pkg:golang/g.example/o/my%2Fapp@1",
            NodeKey("model_version", "pkg:golang/g.example/o", "my/app", "1"),
        ),
        ("pkg:generic/scorer", NodeKey("model", "pkg:generic", "scorer")),
        ("0b31b1c0", NodeKey("model", "artifact", "0b31b1c0")),
        ("pkg:oci", NodeKey("model", "artifact", "pkg:oci")),
    ],
)
def test_artifact(text: str, node: NodeKey) -> None:
    assert artifact(text) == node


INCIDENT = NodeKey("incident", "/monitoring", "i-9")


@pytest.mark.parametrize(
    ("predicate", "change"),
    [
        ("detected", {"state": "open", "opened": "2026-03-01T08:30:00Z"}),
        ("resolved", {"state": "closed", "closed": "2026-03-01T08:30:00Z"}),
    ],
)
def test_incident(predicate: str, change: dict[str, str]) -> None:
    content: dict[str, Any] = {
        "description": "Response time above 100 ms",
        "environment": {"id": "production"},
        "service": {"id": "scorer", "source": "/clusters/eu"},
        "artifactId": PURL,
    }
    derived = read(cdevent(f"incident.{predicate}", source="/monitoring", **content))
    assert derived.namespace == "/clusters/eu"
    assert spoken(derived) == {
        INCIDENT: {
            "title": "Response time above 100 ms",
            "environment": "production",
            "subject": str(SCORER),
        }
        | change
    }
    assert derived.claims == [Claim(actor=INCIDENT, kind="part_of", entity=SCORER)]


def test_incident_of_an_artifact_and_of_nothing_but_a_place() -> None:
    derived = read(cdevent("incident.detected", environment={"id": "production"}, artifactId=PURL))
    assert [claim.entity for claim in derived.claims] == [VERSION]
    derived = read(cdevent("incident.detected", environment={"id": "production"}))
    assert derived.claims == []
    assert spoken(derived)[NodeKey("incident", "/clusters/eu", "i-9")]["title"] == "i-9"


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        ({"artifactId": PURL}, "/data/subject/content/environment"),
        ({"environment": {"id": "p"}}, "/data/subject/content/artifactId"),
        ({"environment": {"id": ""}, "artifactId": PURL}, "/data/subject/content/environment/id"),
        ({"environment": "p", "artifactId": PURL}, "/data/subject/content/environment"),
    ],
)
def test_refusals(content: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Refused) as refused:
        read(cdevent("service.deployed", **content))
    assert refused.value.pointer == pointer


@pytest.mark.parametrize("kind", ["service.published", "incident.reported", "build.started"])
def test_other_cdevents_are_unknown_types(kind: str) -> None:
    with pytest.raises(Refused) as refused:
        read(cdevent(kind, environment={"id": "p"}))
    assert refused.value.code == "unknown-type"
