"""One minimal and one full example of each type's data; the full one has every member."""

import json
from typing import Any

TIME = "2026-03-01T08:30:00Z"
SOURCE = "/platform/serving"
PERIOD = {"start": "2026-02-01T00:00:00Z", "end": "2026-03-01T00:00:00+01:00"}
SCORER = {"namespace": "credit", "name": "scorer"}
MODEL = {"namespace": "credit", "name": "risk", "version": "5"}
TABLE = {"namespace": "s3://lake", "name": "raw/applicants"}

MINIMAL: dict[str, dict[str, Any]] = {
    "factory.department.declared": {"department": "lending", "title": "Lending"},
    "factory.system.declared": {
        "system": "credit-scoring",
        "title": "Credit scoring",
        "purpose": "Decide on consumer loans",
        "role": "deployer",
        "risk_class": "high",
        "department": "lending",
        "owner": "ada@bank.example",
    },
    "factory.dataset_version.declared": {**TABLE, "version": "3"},
    "factory.model_version.registered": dict(MODEL),
    "factory.model_alias.moved": {"namespace": "credit", "name": "risk", "alias": "champion", "version": "5"},
    "factory.test.recorded": {"model": MODEL, "suite": "fairness", "passed": True, "metrics": {}},
    "factory.deployment.changed": {
        **SCORER,
        "environment": "production",
        "state": "serving",
        "model": MODEL,
    },
    "factory.agent.registered": {
        "agent": "helper",
        "title": "Support assistant",
        "department": "service",
        "owner": "bob@bank.example",
        "state": "active",
    },
    "factory.outcome.recorded": {"outcome": "o-1", "deployment": SCORER, "result": "declined"},
    "factory.feedback.recorded": {
        "subject": "outcome:factory/o-1",
        "kind": "ground_truth",
        "value": None,
    },
    "factory.task.completed": {"task": "t-1", "succeeded": False},
    "factory.usage.recorded": {"meters": {"requests": 1}},
    "factory.measurement.recorded": {
        "metric": "utilisation",
        "unit": "1",
        "period": PERIOD,
        "value": 0.5,
    },
    "factory.target.declared": {
        "subject": "deployment:credit/scorer",
        "metric": "latency_p95",
        "comparison": "<=",
        "value": 300,
        "unit": "ms",
        "kind": "objective",
        "effective_from": TIME,
    },
    "factory.revenue.recorded": {"amount": "12.50", "currency": "EUR", "period": PERIOD},
    "factory.incident.opened": {
        "incident": "i-1",
        "subject": "deployment:credit/scorer",
        "severity": "major",
        "title": "Wrong refusals",
    },
    "factory.incident.closed": {
        "incident": "i-1",
        "subject": "deployment:credit/scorer",
        "severity": "major",
        "title": "Wrong refusals",
    },
    "factory.event.retracted": {"source": SOURCE, "id": "e-0", "reason": "sent by mistake"},
}

_MORE: dict[str, dict[str, Any]] = {
    "factory.department.declared": {"parent": "bank", "cost_center": "4711"},
    "factory.system.declared": {
        "annex_iii": "5(b)",
        "deployments": [SCORER],
        "agents": ["helper"],
    },
    "factory.dataset_version.declared": {
        "previous": "2",
        "operation": "append",
        "partitions": ["day=1", {"day": 2}],
        "digest": "sha256:aa",
        "classification": "confidential",
        "personal_data": True,
        "jurisdictions": ["DE", "FR"],
        "department": "lending",
        "license": "CC-BY-4.0",
        "location": "s3://lake/raw/applicants/3",
        "row_count": 1200,
        "schema": [{"name": "income", "type": "decimal", "description": "per year", "fields": []}],
    },
    "factory.model_version.registered": {
        "run": {"issuer": "mlflow-prod", "id": "R1"},
        "inputs": [{**TABLE, "version": "3", "role": "train", "digest": "sha256:aa"}],
        "derived_from": [{"namespace": "hub", "name": "base", "version": "1", "relation": "adapter"}],
        "code": {"repository": "https://git.example/risk", "revision": "abc"},
        "parameters_digest": "p",
        "environment_digest": "e",
        "digest": "sha256:bb",
        "framework": "xgboost",
        "precision": "fp32",
        "materiality": "high",
        "department": "lending",
    },
    "factory.model_alias.moved": {"actor": "ada@bank.example"},
    "factory.test.recorded": {
        "metrics": {"auc": 0.91, "gap": "0.02"},
        "dataset": {**TABLE, "version": "3"},
        "report": "https://reports.example/1",
    },
    "factory.deployment.changed": {
        "share": 0.25,
        "observed": True,
        "region": "eu-central-1",
        "jurisdiction": "DE",
        "accelerator": "H100",
        "accelerator_count": 2,
        "precision": "fp8",
        "fallback": {"namespace": "credit", "name": "rules"},
        "department": "lending",
        "system": "credit-scoring",
    },
    "factory.agent.registered": {
        "version": "2",
        "deployment": SCORER,
        "prompt_digest": "sha256:cc",
        "tools": ["search"],
        "indexes": [{"namespace": "vec", "name": "faq"}],
        "parent_agent": "desk",
    },
    "factory.outcome.recorded": {
        "model": MODEL,
        "agent": "helper",
        "inputs": [{**TABLE, "role": "features"}],
        "subject_digest": "hmac:1",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "human_review": {"reviewer": "ada@bank.example", "verdict": "upheld"},
    },
    "factory.feedback.recorded": {"value": {"repaid": False}, "detail": "found at the review"},
    "factory.task.completed": {"agent": "helper", "deployment": SCORER, "value": "3.20"},
    "factory.usage.recorded": {
        "meters": {"input_tokens": 1200, "gpu_seconds": 0.1234567890123456789},
        "service_provider": "cloud",
        "sku": "gpt-large",
        "region": "eu",
        "tier": "batch",
        "billed_cost": {"amount": "0.000000000000000001234", "currency": "USD"},
        "deployment": SCORER,
        "model": MODEL,
        "agent": "helper",
        "run": {"issuer": "mlflow-prod", "id": "R1"},
        "department": "lending",
        "task": "t-1",
        "trace_id": "t",
        "span_id": "s",
        "status": "ok",
        "latency_ms": 81.5,
        "charge_period": PERIOD,
        "tags": {"team": "risk", "tier": 2},
    },
    "factory.measurement.recorded": {
        "subject": "deployment:credit/scorer",
        "station": "compute",
        "basis": {"method": "sampled"},
    },
    "factory.target.declared": {"source": "service contract 7"},
    "factory.revenue.recorded": {"deployment": SCORER, "model": MODEL, "department": "lending"},
    "factory.incident.opened": {"detail": "since the load of v3", "drill": False},
    "factory.incident.closed": {"detail": "reverted to v2", "drill": True},
    "factory.event.retracted": {},
}
FULL = {name: MINIMAL[name] | _MORE[name] for name in MINIMAL}


def envelope(event_type: str, data: Any, /, **attributes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "e-1",
        "source": SOURCE,
        "type": event_type,
        "time": TIME,
        "datacontenttype": "application/json",
        "data": data,
    } | attributes


def event(event_type: str, data: Any, /, **attributes: Any) -> bytes:
    """An event in structured mode; an attribute of None is left out."""
    whole = envelope(event_type, data, **attributes)
    return json.dumps({name: value for name, value in whole.items() if value is not None}).encode()
