"""What each type asserts, exactly."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from lineage.entities.assertions import Statement
from lineage.entities.keys import NodeKey
from lineage.graph.assertions import Claim
from lineage.intake.cloudevents.read import READERS, read
from lineage.intake.cloudevents.schemas import all_types
from lineage.intake.derived import Derived
from tests.lineage.cloudevents.examples import FULL, MINIMAL, SOURCE, event

AT = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
START, END = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 28, 23, tzinfo=UTC)
LENDING = NodeKey("department", "factory", "lending")
ADA = NodeKey("user", "factory", "ada@bank.example")
BOB = NodeKey("user", "factory", "bob@bank.example")
SYSTEM = NodeKey("system", "factory", "credit-scoring")
AGENT = NodeKey("agent", "factory", "helper")
DEPLOYMENT = NodeKey("deployment", "credit", "scorer")
MODEL, MODEL_5 = NodeKey("model", "credit", "risk"), NodeKey("model_version", "credit", "risk", "5")
TABLE = NodeKey("dataset", "s3://lake", "raw/applicants")
TABLE_3 = TABLE.at_version("3")
OUTCOME = NodeKey("outcome", "factory", "o-1")


def full(event_type: str) -> Derived:
    return read(event(event_type, FULL[event_type]))


def spoken(derived: Derived) -> dict[NodeKey, dict[str, Any]]:
    return {statement.node: statement.attributes for statement in derived.statements}


def raw(event_type: str) -> dict[str, bytes]:
    return {event_type: json.dumps(FULL[event_type]).encode()}


def owns(actor: NodeKey, *owners: NodeKey) -> list[Claim]:
    return [Claim(actor=actor, kind="owns", entity=owner) for owner in owners]


def test_examples_are_of_every_type_and_name_every_member() -> None:
    assert list(MINIMAL) == list(FULL) == all_types() == list(READERS)


@pytest.mark.parametrize("event_type", all_types())
@pytest.mark.parametrize("examples", [MINIMAL, FULL], ids=["minimal", "full"])
def test_is_accepted(event_type: str, examples: dict[str, Any]) -> None:
    derived = read(event(event_type, examples[event_type]))
    assert derived.time == AT
    assert derived.event_type == event_type
    assert derived.producer == SOURCE
    assert derived.identity == (SOURCE, "e-1")
    assert len(derived.digest) == 32
    said = bool(derived.statements) + bool(derived.measures) + bool(derived.retracts)
    assert said == 1


def test_department() -> None:
    derived = full("factory.department.declared")
    assert derived.namespace == SOURCE
    assert derived.statements == [
        Statement(
            node=LENDING,
            attributes={"title": "Lending", "parent": "bank", "cost_center": "4711"},
            facets=raw("factory.department.declared"),
        )
    ]
    bank = NodeKey("department", "factory", "bank")
    assert derived.claims == [Claim(actor=LENDING, kind="part_of", entity=bank)]


def test_system() -> None:
    derived = full("factory.system.declared")
    assert spoken(derived) == {
        SYSTEM: {
            "title": "Credit scoring",
            "purpose": "Decide on consumer loans",
            "role": "deployer",
            "risk_class": "high",
            "annex_iii": "5(b)",
            "department": "lending",
            "owners": ["ada@bank.example"],
        }
    }
    assert derived.claims == [
        Claim(actor=DEPLOYMENT, kind="part_of", entity=SYSTEM),
        Claim(actor=AGENT, kind="part_of", entity=SYSTEM),
        *owns(SYSTEM, LENDING, ADA),
    ]


def test_dataset_version() -> None:
    derived = full("factory.dataset_version.declared")
    standing = {
        "classification": "confidential",
        "personal_data": True,
        "jurisdictions": ["DE", "FR"],
        "department": "lending",
        "license": "CC-BY-4.0",
        "location": "s3://lake/raw/applicants/3",
    }
    assert derived.namespace == "s3://lake"
    assert spoken(derived) == {
        TABLE: standing,
        TABLE_3: standing
        | {
            "made": True,
            "operation": "append",
            "previous": "2",
            "digest": "sha256:aa",
            "row_count": 1200,
            "fields": [{"name": "income", "type": "decimal", "description": "per year", "fields": []}],
            "partitions": ["day=1", {"day": 2}],
        },
    }
    assert derived.claims == owns(TABLE, LENDING)


def test_dataset_schema_as_openlineage_writes_it() -> None:
    data = MINIMAL["factory.dataset_version.declared"] | {"schema": {"fields": [{"name": "income"}]}}
    derived = read(event("factory.dataset_version.declared", data))
    assert spoken(derived)[TABLE_3]["fields"] == [{"name": "income"}]


def test_model_version() -> None:
    derived = full("factory.model_version.registered")
    assert derived.namespace == "credit"
    assert spoken(derived) == {
        MODEL: {"department": "lending"},
        MODEL_5: {
            "made": True,
            "digest": "sha256:bb",
            "framework": "xgboost",
            "precision": "fp32",
            "materiality": "high",
            "code": {"repository": "https://git.example/risk", "revision": "abc"},
            "parameters_digest": "p",
            "environment_digest": "e",
            "department": "lending",
        },
    }
    base = NodeKey("model_version", "hub", "base", "1")
    training = {"role": "train", "digest": "sha256:aa"}
    assert derived.claims == [
        Claim(actor=MODEL_5, kind="trained", entity=TABLE_3, detail=training),
        Claim(actor=MODEL_5, kind="derived", entity=base, detail={"relation": "adapter"}),
        Claim(actor=NodeKey("run", "mlflow-prod", "R1"), kind="wrote", entity=MODEL_5),
        *owns(MODEL, LENDING),
    ]


def test_run_without_issuer_is_openlineage_s() -> None:
    data = MINIMAL["factory.model_version.registered"] | {"run": {"id": "0190ABCD"}}
    derived = read(event("factory.model_version.registered", data))
    assert derived.claims == [
        Claim(actor=NodeKey("run", "openlineage", "0190abcd"), kind="wrote", entity=MODEL_5)
    ]


def test_model_alias() -> None:
    derived = full("factory.model_alias.moved")
    moved = {"alias:champion": {"version": "5", "actor": "ada@bank.example"}}
    assert spoken(derived) == {MODEL: moved}


def test_test() -> None:
    derived = full("factory.test.recorded")
    assert derived.statements == [
        Statement(
            node=MODEL_5,
            attributes={
                "test:fairness": {
                    "passed": True,
                    "metrics": {"auc": 0.91, "gap": 0.02},
                    "dataset": str(TABLE_3),
                    "report": "https://reports.example/1",
                }
            },
            facets={"test:fairness": json.dumps(FULL["factory.test.recorded"]).encode()},
        )
    ]
    assert derived.claims == []


def test_deployment() -> None:
    derived = full("factory.deployment.changed")
    where = {
        "environment": "production",
        "state": "serving",
        "region": "eu-central-1",
        "jurisdiction": "DE",
        "accelerator": "H100",
        "accelerator_count": 2,
        "precision": "fp8",
    }
    fallback = {"fallback": {"namespace": "credit", "name": "rules"}}
    assert derived.namespace == "credit"
    assert spoken(derived) == {DEPLOYMENT: where | fallback | {"department": "lending"}}
    served = where | fallback | {"share": 0.25}
    assert derived.claims == [
        Claim(actor=DEPLOYMENT, kind="serves", entity=MODEL_5, basis="observed", detail=served),
        Claim(actor=DEPLOYMENT, kind="part_of", entity=SYSTEM),
        *owns(DEPLOYMENT, LENDING),
    ]
    minimal = read(event("factory.deployment.changed", MINIMAL["factory.deployment.changed"]))
    assert [claim.basis for claim in minimal.claims] == ["declared"]


def test_agent() -> None:
    derived = full("factory.agent.registered")
    version = AGENT.at_version("2")
    assert spoken(derived) == {
        AGENT: {
            "title": "Support assistant",
            "department": "service",
            "owners": ["bob@bank.example"],
            "prompt_digest": "sha256:cc",
            "state": "active",
            "tools": ["search"],
            "deployment": {"namespace": "credit", "name": "scorer"},
        },
        version: {"made": True, "prompt_digest": "sha256:cc", "tools": ["search"]},
    }
    assert derived.claims == [
        Claim(actor=version, kind="uses", entity=DEPLOYMENT),
        Claim(actor=version, kind="uses", entity=NodeKey("tool", "factory", "search")),
        Claim(actor=version, kind="uses", entity=NodeKey("dataset", "vec", "faq")),
        Claim(actor=AGENT, kind="part_of", entity=NodeKey("agent", "factory", "desk")),
        *owns(AGENT, NodeKey("department", "factory", "service"), BOB),
    ]


def test_outcome() -> None:
    derived = full("factory.outcome.recorded")
    assert derived.namespace == "credit"
    assert spoken(derived) == {
        OUTCOME: {
            "result": "declined",
            "deployment": str(DEPLOYMENT),
            "subject_digest": "hmac:1",
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "human_review": {"reviewer": "ada@bank.example", "verdict": "upheld"},
        }
    }
    assert derived.claims == [
        Claim(actor=OUTCOME, kind="answered", entity=DEPLOYMENT),
        Claim(actor=OUTCOME, kind="answered", entity=MODEL_5),
        Claim(actor=OUTCOME, kind="answered", entity=AGENT),
        Claim(actor=OUTCOME, kind="answered", entity=TABLE, detail={"role": "features"}),
    ]


def test_feedback_of_every_event_stays_visible() -> None:
    derived = full("factory.feedback.recorded")
    told = {"value": {"repaid": False}, "detail": "found at the review"}
    assert derived.statements == [
        Statement(
            node=OUTCOME,
            attributes={"feedback:ground_truth": told},
            facets={f"feedback:{SOURCE}/e-1": json.dumps(FULL["factory.feedback.recorded"]).encode()},
        )
    ]


@pytest.mark.parametrize(("last", "state"), [("opened", "open"), ("closed", "closed")])
def test_incident(last: str, state: str) -> None:
    derived = full(f"factory.incident.{last}")
    incident = NodeKey("incident", "factory", "i-1")
    attributes = spoken(derived)[incident]
    assert attributes["state"] == state
    assert attributes[last] == "2026-03-01T08:30:00Z"
    assert attributes["subject"] == str(DEPLOYMENT)
    assert (attributes["title"], attributes["severity"]) == ("Wrong refusals", "major")
    assert derived.claims == [Claim(actor=incident, kind="part_of", entity=DEPLOYMENT)]


def test_retraction() -> None:
    derived = full("factory.event.retracted")
    assert derived.retracts == (SOURCE, "e-0")
    assert not (derived.statements or derived.claims or derived.measures)


def test_task() -> None:
    derived = full("factory.task.completed")
    assert derived.namespace == "credit"
    fields = {
        "task": "t-1",
        "agent": "agent:factory/helper",
        "deployment": "deployment:credit/scorer",
        "succeeded": True,
        "value": Decimal("3.20"),
        "period_start": AT,
        "period_end": AT,
    }
    assert derived.measures == [("task", fields | {"succeeded": False})]


def test_usage() -> None:
    raw_event = event("factory.usage.recorded", FULL["factory.usage.recorded"])
    # json.dumps shortens it; the reader keeps what stands in the event
    raw_event = raw_event.replace(b"0.12345678901234568", b"0.1234567890123456789")
    derived = read(raw_event)
    assert derived.namespace == "credit"
    assert derived.measures == [
        (
            "usage",
            {
                "meters": {"input_tokens": "1200", "gpu_seconds": "0.1234567890123456789"},
                "deployment": "deployment:credit/scorer",
                "model": "model_version:credit/risk@5",
                "agent": "agent:factory/helper",
                "run": "run:mlflow-prod/R1",
                "department": "lending",
                "task": "t-1",
                "trace_id": "t",
                "span_id": "s",
                "service_provider": "cloud",
                "sku": "gpt-large",
                "region": "eu",
                "tier": "batch",
                "status": "ok",
                "latency_ms": Decimal("81.5"),
                "billed_amount": Decimal("0.000000000000000001234"),
                "billed_currency": "USD",
                "tags": {"team": "risk", "tier": 2},
                "period_start": START,
                "period_end": END,
            },
        )
    ]


@pytest.mark.parametrize(
    ("run", "key"),
    [
        ("R1", "run:openlineage/r1"),
        ("run:mlflow-prod/R1", "run:mlflow-prod/R1"),
        ({"id": "R1", "issuer": "mlflow-prod"}, "run:mlflow-prod/R1"),
    ],
)
def test_usage_of_a_run(run: Any, key: str) -> None:
    derived = read(event("factory.usage.recorded", {"meters": {"requests": 1}, "run": run}))
    assert derived.measures[0][1]["run"] == key
    assert derived.namespace == SOURCE


def test_measurement_with_value_or_histogram() -> None:
    derived = full("factory.measurement.recorded")
    table, fields = derived.measures[0]
    assert table == "measurement"
    assert fields["value"] == Decimal("0.5")
    assert fields["subject"] == "deployment:credit/scorer"
    assert fields["basis"] == {"method": "sampled"}
    data = MINIMAL["factory.measurement.recorded"] | {"value": None, "histogram": {"counts": [1, 2]}}
    derived = read(event("factory.measurement.recorded", data))
    assert derived.measures[0][1]["histogram"] == {"counts": [1, 2]}


@pytest.mark.parametrize(("given", "kept"), [("<=", "<="), ("at_most", "<="), ("gte", ">="), ("lt", "<")])
def test_target(given: str, kept: str) -> None:
    data = FULL["factory.target.declared"] | {"comparison": given}
    derived = read(event("factory.target.declared", data))
    fields = derived.measures[0][1]
    assert fields["comparison"] == kept
    assert fields["value"] == Decimal(300)
    assert fields["effective_from"] == fields["period_start"] == AT
    assert fields["source"] == "service contract 7"


def test_revenue() -> None:
    table, fields = full("factory.revenue.recorded").measures[0]
    assert table == "revenue"
    assert fields == {
        "deployment": "deployment:credit/scorer",
        "model": "model_version:credit/risk@5",
        "department": "lending",
        "amount": Decimal("12.50"),
        "currency": "EUR",
        "period_start": START,
        "period_end": END,
    }


def test_what_a_type_does_not_know_is_kept() -> None:
    data = b'{"department": "lending", "title": "Lending",  "colour": {"rgb": [1.50, 2]}}'
    whole = event("factory.department.declared", "DATA", comexample="x", n=3, subject="s")
    derived = read(whole.replace(b'"DATA"', data))
    assert derived.statements[0].facets == {
        "factory.department.declared": data,
        "cloudevents": b'{"comexample":"x","n":3,"subject":"s"}',
    }


def test_null_is_the_same_as_left_out() -> None:
    for event_type, data in MINIMAL.items():
        optional = dict.fromkeys(FULL[event_type].keys() - data.keys())
        with_null, without = read(event(event_type, optional | data)), read(event(event_type, data))
        assert spoken(with_null) == spoken(without)
        assert with_null.claims == without.claims
        assert with_null.measures == without.measures
