"""The credit-risk model: its five versions, where they ran, what they answered, and what went wrong."""

from collections.abc import Iterator
from typing import Any

from factory.sample import tables
from factory.sample.clock import Clock, text
from factory.sample.events import Event, emit, ref
from factory.sample.pipelines import DELIVERIES, TRAININGS, delivered_rows
from lineage.entities.keys import deployment, plain

MODELS, SERVING, STAGING = "mlops-registry", "prod-eu", "staging-eu"
MODEL, PRODUCTION, REHEARSAL = (
    "credit-risk",
    "credit-risk-production",
    "credit-risk-staging",
)
#: day -> the version that production answered with from 09:30 on that day
IN_PRODUCTION = {-38: "v1", -31: "v2", -25: "v3", -18: "v4", -3: "v5"}
#: On this day a tenth of the questions went to v5 first.
CANARY_ON = -4
INCIDENT = "INC-2047"
AUC = {"v1": 0.731, "v2": 0.744, "v3": 0.752, "v4": 0.768, "v5": 0.771}
REVIEWERS = ["lena.vogt@harbourvale.example", "marc.dubois@harbourvale.example"]


def version_ref(version: str) -> dict[str, str]:
    return {"namespace": MODELS, "name": MODEL, "version": version}


def registrations(clock: Clock) -> Iterator[Event]:
    for version, day in TRAININGS.items():
        yield emit(
            clock,
            "mlops-registry",
            "factory.model_version.registered",
            clock.at(day, 13, 45),
            {
                **version_ref(version),
                "run": {"issuer": "openlineage", "id": str(clock.id("train", version))},
                "inputs": [ref(tables.TRAINING_SET, version, role="train")],
                "code": {
                    "repository": "https://git.harbourvale.example/models/credit-risk.git",
                    "revision": clock.id("code", version).hex,
                },
                "parameters_digest": clock.id("parameters", version).hex,
                "environment_digest": clock.id("environment", day < -25).hex,
                "digest": clock.id("weights", version).hex,
                "framework": "lightgbm 4.6",
                "precision": "fp32",
                "materiality": "high",
                "department": "retail-lending",
            },
        )
        yield from tests(clock, version, day)
        if version != "v1":
            yield alias(clock, day, 14, "candidate", version, tables.MODELLING_LEAD)


def tests(clock: Clock, version: str, day: int) -> Iterator[Event]:
    """v5 passes as well: its test rows were taken from the same history, the bad delivery included."""
    training_set = ref(tables.TRAINING_SET, version)
    auc = AUC[version]
    parity = round(clock.chance("parity", version).uniform(0.93, 0.98), 4)
    suites: list[tuple[str, dict[str, float]]] = [
        (
            "discrimination",
            {"auc": auc, "ks": round(auc - 0.31, 3), "brier": round(0.9 - auc, 3)},
        ),
        (
            "fairness",
            {
                "demographic_parity_ratio": parity,
                "equal_opportunity_gap": round(1 - parity, 4),
            },
        ),
    ]
    for number, (suite, metrics) in enumerate(suites):
        yield emit(
            clock,
            "mlops-registry",
            "factory.test.recorded",
            clock.at(day, 14, 10 + 5 * number),
            {
                "model": version_ref(version),
                "suite": suite,
                "passed": True,
                "metrics": metrics,
                "dataset": training_set,
                "report": f"https://registry.harbourvale.example/reports/{MODEL}/{version}/{suite}",
            },
            suite,
        )


def alias(
    clock: Clock,
    day: int,
    hour: int,
    name: str,
    version: str,
    actor: str,
    model: str = MODEL,
) -> Event:
    return emit(
        clock,
        "mlops-registry",
        "factory.model_alias.moved",
        clock.at(day, hour, 17),
        {
            "namespace": MODELS,
            "name": model,
            "alias": name,
            "version": version,
            "actor": actor,
        },
        name,
    )


def change(
    clock: Clock,
    day: int,
    minute: float,
    where: str,
    name: str,
    state: str,
    version: str,
    share: str,
) -> Event:
    return emit(
        clock,
        "cluster-deployer",
        "factory.deployment.changed",
        clock.at(day, 9, 0, minute * 60),
        {
            "namespace": where,
            "name": name,
            "environment": "production" if where == SERVING else "staging",
            "state": state,
            "model": version_ref(version),
            "share": share,
            "region": "eu-central",
            "jurisdiction": "EU",
            "department": "retail-lending",
            "system": "credit-scoring",
        },
        version,
    )


def deployments(clock: Clock) -> Iterator[Event]:
    before = ""
    for day, version in IN_PRODUCTION.items():
        rehearsed = TRAININGS[version] + 1
        yield change(clock, rehearsed, 10, STAGING, REHEARSAL, "serving", version, "1")
        if version == "v5":
            yield change(clock, CANARY_ON, 30, SERVING, PRODUCTION, "serving", before, "0.9")
            yield change(clock, CANARY_ON, 30.1, SERVING, PRODUCTION, "serving", version, "0.1")
        if before:
            yield change(clock, day, 30, SERVING, PRODUCTION, "stopped", before, "0")
        yield change(clock, day, 30.1, SERVING, PRODUCTION, "serving", version, "1")
        yield alias(clock, day, 9, "production", version, "oskar.bauer@harbourvale.example")
        before = version


def catalogue(clock: Clock) -> Iterator[Event]:
    """What the data catalogue declares of the bureau's history: each version is the last one and more."""
    rows, before = 0, ""
    for day in DELIVERIES:
        rows += delivered_rows(clock, day)
        today = clock.date(day)
        yield emit(
            clock,
            "data-catalogue",
            "factory.dataset_version.declared",
            clock.at(day, 5, 41),
            {
                **ref(tables.BUREAU_HISTORY, today),
                **({"operation": "append", "previous": before} if before else {"operation": "overwrite"}),
                "partitions": [{"delivered_on": today}],
                "digest": clock.id("history", day).hex,
                "classification": "restricted",
                "personal_data": True,
                "jurisdictions": ["EU"],
                "department": "risk-data",
                "license": "Meridian data agreement 2025-3",
                "location": f"{tables.LAKE}/curated/bureau_history/v={today}",
                "row_count": rows,
            },
        )
        before = today
    for version, day in TRAININGS.items():
        yield emit(
            clock,
            "data-catalogue",
            "factory.dataset_version.declared",
            clock.at(day, 8, 25),
            {
                **ref(tables.TRAINING_SET, version),
                "digest": clock.id("training set", version).hex,
                "classification": "restricted",
                "personal_data": True,
                "department": "retail-lending",
            },
        )


def answering(day: int, share: float) -> str:
    """The version that answered a question of that day; `share` tells who got the canary."""
    if day == CANARY_ON and share < 0.1:
        return "v5"
    return IN_PRODUCTION[max(first for first in IN_PRODUCTION if first <= day)]


def outcomes(clock: Clock) -> Iterator[Event]:
    """Decisions on applications. v5 learned wrong incomes, so it refuses who should be accepted."""
    for day in clock.days(-37):
        luck = clock.chance("applications", day)
        for number in range(int(luck.randrange(11, 16) * clock.busy(day))):
            yield from decision(clock, day, number)


def decision(clock: Clock, day: int, number: int) -> Iterator[Event]:
    luck = clock.chance("application", day, number)
    # On the last day nothing is decided by the model after the incident was opened.
    time = clock.at(
        day,
        luck.randrange(10, 14 if day == 0 else 18),
        luck.randrange(60),
        luck.randrange(60),
    )
    version = answering(day, luck.random())
    name = f"application-{clock.date(day)}-{number:03}"
    key = str(plain("outcome", name))
    score = luck.betavariate(2, 5) + (0.22 if version == "v5" else 0)
    refused = score > 0.45
    review: dict[str, Any] = {}
    wrong = refused and version == "v5" and luck.random() < 0.6
    if refused or luck.random() < 0.12:
        review = {
            "human_review": {
                "reviewer": luck.choice(REVIEWERS),
                "verdict": "overturned" if wrong else "upheld",
            }
        }
    yield emit(
        clock,
        "loan-desk",
        "factory.outcome.recorded",
        time,
        {
            "outcome": name,
            "deployment": {"namespace": SERVING, "name": PRODUCTION},
            "model": version_ref(version),
            "inputs": [ref(tables.LIVE_FEATURES, clock.date(day), role="features")],
            "result": {
                "decision": "refuse" if refused else "accept",
                "probability_of_default": round(min(score, 0.99), 4),
            },
            "subject_digest": clock.id("applicant", day, number).hex,
            "trace_id": clock.id("trace", name).hex,
            **review,
        },
        name,
    )
    if wrong:
        yield emit(
            clock,
            "loan-desk",
            "factory.feedback.recorded",
            clock.at(day, 18, 30, number),
            {
                "subject": key,
                "kind": "override",
                "value": "accept",
                "detail": "The income on the payslip is far above what the model was told.",
            },
            name,
        )
    if wrong and luck.random() < 0.3:
        yield emit(
            clock,
            "loan-desk",
            "factory.feedback.recorded",
            clock.at(day, 19, 10, number),
            {
                "subject": key,
                "kind": "complaint",
                "value": "refused without a reason the customer can follow",
            },
            name,
        )
    if day < -30 and luck.random() < 0.4:
        yield emit(
            clock,
            "loan-desk",
            "factory.feedback.recorded",
            clock.at(-1, 20, luck.randrange(59), luck.randrange(59)),
            {
                "subject": key,
                "kind": "ground_truth",
                "value": "first instalment paid" if luck.random() < 0.96 else "missed",
            },
            name,
        )


def drift(clock: Clock) -> Iterator[Event]:
    """The monitor compares each day's scores with those of the training set (population stability)."""
    subject = str(deployment(SERVING, PRODUCTION))
    for day in clock.days(-37):
        moved = {-2: 0.27, -1: 0.31, 0: 0.38}.get(day, 0.03 + clock.chance("drift", day).random() * 0.04)
        yield emit(
            clock,
            "monitoring",
            "factory.measurement.recorded",
            clock.at(day, 11, 45),
            {
                "subject": subject,
                "station": "deployment",
                "metric": "population_stability_index",
                "value": f"{moved:.4f}",
                "unit": "1",
                "period": {"start": text(clock.at(day - 1, 11, 45)), "end": text(clock.at(day, 11, 45))},
                "basis": {"reference": f"{tables.TRAINING_SET.name}@{answering(day, 1)}", "bins": 10},
            },
        )
        if moved > 0.25:
            yield emit(
                clock,
                "monitoring",
                "factory.feedback.recorded",
                clock.at(day, 11, 50),
                {
                    "subject": subject,
                    "kind": "drift",
                    "value": {"population_stability_index": round(moved, 4)},
                    "detail": "amount_to_income has moved most",
                },
            )


def incident(clock: Clock) -> Event:
    return emit(
        clock,
        "on-call",
        "factory.incident.opened",
        clock.at(0, 14, 2),
        {
            "incident": INCIDENT,
            "subject": str(deployment(SERVING, PRODUCTION)),
            "severity": "high",
            "title": "Credit-risk refuses applicants with high incomes",
            "detail": "Overrides by the loan desk rose from 1 to 30 in a hundred within three days. "
            "Decisions are made by hand since 14:02. Which data shaped this version?",
        },
    )
