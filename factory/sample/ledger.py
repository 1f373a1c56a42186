"""The frame around the story: departments, systems, what is aimed at, used, measured and earned."""

from collections.abc import Iterator
from typing import Any

from factory.sample import branches, lending, support, tables
from factory.sample.clock import Clock, text
from factory.sample.events import Event, emit, ref
from factory.sample.people import DEPARTMENTS
from factory.sample.pipelines import TRAININGS
from lineage.entities.keys import deployment, plain

SYSTEMS: list[dict[str, Any]] = [
    {
        "system": "credit-scoring",
        "title": "Credit scoring",
        "purpose": "Estimates whether an applicant will repay a consumer loan; a person decides refusals.",
        "role": "provider",
        "risk_class": "high",
        "annex_iii": "5(b) creditworthiness of natural persons",
        "department": "retail-lending",
        "owner": tables.LENDING_LEAD,
        "deployments": [
            {"namespace": lending.SERVING, "name": lending.PRODUCTION},
            {"namespace": lending.STAGING, "name": lending.REHEARSAL},
        ],
    },
    {
        "system": "support-assistance",
        "title": "Support assistance",
        "purpose": "Answers customers' questions from the help articles and hands over to a person.",
        "role": "deployer",
        "risk_class": "limited",
        "department": "customer-support",
        "owner": tables.SUPPORT_LEAD,
        "deployments": [
            {"namespace": support.SERVING, "name": support.ASSISTANT},
            {"namespace": support.SERVING, "name": support.FALLBACK},
        ],
        "agents": [support.AGENT, support.SPECIALIST],
    },
    {
        "system": "kiosk-fraud-watch",
        "title": "Kiosk fraud watch",
        "purpose": "Holds a card at a branch kiosk where its use looks like fraud.",
        "role": "provider",
        "risk_class": "minimal",
        "department": "risk-data",
        "owner": tables.FRAUD_LEAD,
        "deployments": [{"namespace": branches.EDGE, "name": "kiosk-fraud"}],
    },
]


def declarations(clock: Clock) -> Iterator[Event]:
    for number, department in enumerate(DEPARTMENTS):
        yield emit(
            clock,
            "data-catalogue",
            "factory.department.declared",
            clock.at(-41, 0, 5, number),
            {
                "department": department.name,
                "title": department.title,
                "cost_center": department.cost_center,
                **({"parent": department.parent} if department.parent else {}),
            },
            department.name,
        )
    for number, system in enumerate(SYSTEMS):
        yield emit(
            clock,
            "data-catalogue",
            "factory.system.declared",
            clock.at(-41, 0, 10, number),
            system,
            system["system"],
        )


def crawled(clock: Clock) -> Iterator[Event]:
    """What the catalogue says of the lake's tables: whose they are, and how far they may go."""
    lending = [tables.CREDIT_FEATURES, tables.LIVE_FEATURES, tables.OLD_REPAYMENTS]
    platform = [tables.RAW_APPLICATIONS, tables.RAW_REPAYMENTS, tables.RAW_BUREAU, tables.APPLICANTS]
    by_department = {
        "retail-lending": lending,
        "risk-data": [*platform, tables.KIOSK_FEATURES],
    }
    for department, theirs in by_department.items():
        for table in theirs:
            personal = bool(table.tags.get("personal_data"))
            yield emit(
                clock,
                "data-catalogue",
                "factory.dataset_version.declared",
                clock.at(-40, 22),
                {
                    **ref(table, clock.date(-40)),
                    "classification": "restricted" if personal else "confidential",
                    "personal_data": personal,
                    "jurisdictions": ["EU"],
                    "department": department,
                },
                table.name,
            )


def quarrels(clock: Clock) -> Iterator[Event]:
    """Two sources that contradict others: both statements are kept, and Plumbline says which stands."""
    for day in (-41, -27):
        yield emit(
            clock,
            "data-catalogue",
            "factory.dataset_version.declared",
            clock.at(day, 3, 5),
            {
                **ref(tables.RAW_CUSTOMERS, clock.date(day)),
                "classification": "restricted",
                "personal_data": True,
                "jurisdictions": ["EU"],
                "department": "risk-data",
                "digest": clock.id("customers", day).hex,
            },
        )
    # Marketing's tool calls the same customers `internal`: kept, and not applied.
    yield emit(
        clock,
        "marketing-lab",
        "factory.dataset_version.declared",
        clock.at(-27, 10, 0),
        {
            **ref(tables.RAW_CUSTOMERS, clock.date(-27)),
            "classification": "internal",
            "personal_data": False,
        },
    )
    # The registry computed another digest of v3's training set than the catalogue did.
    yield emit(
        clock,
        "mlops-registry",
        "factory.dataset_version.declared",
        clock.at(TRAININGS["v3"], 13, 44),
        {
            **ref(tables.TRAINING_SET, "v3"),
            "digest": clock.id("training set", "v3", "after a late fix").hex,
        },
    )


def targets(clock: Clock) -> Iterator[Event]:
    credit = str(deployment(lending.SERVING, lending.PRODUCTION))
    assistant = str(deployment(support.SERVING, support.ASSISTANT))
    aims: list[tuple[str, str, str, str, str, str, str]] = [
        (credit, "population_stability_index", "<=", "0.25", "1", "objective", "Model risk policy 4.2"),
        (credit, "latency_p95", "<=", "300", "ms", "objective", "Service level of lending"),
        (assistant, "latency_p95", "<=", "4000", "ms", "objective", "Service level of support"),
        (assistant, "requests_per_hour", "<=", "600", "1/h", "capacity", "Load test of the summer"),
        (
            str(plain("department", "customer-support")),
            "cost_month",
            "<=",
            "9000",
            "EUR",
            "budget",
            "Budget 4200",
        ),
        (
            str(plain("department", "retail-lending")),
            "cost_month",
            "<=",
            "6500",
            "EUR",
            "budget",
            "Budget 4100",
        ),
        (
            str(plain("department", "risk-data")),
            "power_usage_effectiveness",
            "<=",
            "1.25",
            "1",
            "claim",
            "Data centre contract",
        ),
    ]
    for number, (subject, metric, comparison, value, unit, kind, source) in enumerate(aims):
        yield emit(
            clock,
            "finance-ledger",
            "factory.target.declared",
            clock.at(-41, 0, 30, number),
            {
                "subject": subject,
                "metric": metric,
                "comparison": comparison,
                "value": value,
                "unit": unit,
                "kind": kind,
                "effective_from": text(clock.at(-41, 0)),
                "source": source,
            },
            number,
        )


def revenue(clock: Clock) -> Iterator[Event]:
    earners = [
        (
            {"namespace": lending.SERVING, "name": lending.PRODUCTION},
            "retail-lending",
            41_000,
        ),
        (
            {"namespace": support.SERVING, "name": support.ASSISTANT},
            "customer-support",
            6_200,
        ),
    ]
    for week in range(-6, 0):
        for where, department, about in earners:
            amount = about * clock.chance("revenue", department, week).uniform(0.9, 1.1)
            end = clock.at(7 * week + 7, 0)
            yield emit(
                clock,
                "finance-ledger",
                "factory.revenue.recorded",
                end,
                {
                    "deployment": where,
                    "department": department,
                    "amount": f"{amount:.2f}",
                    "currency": "EUR",
                    "period": {"start": text(clock.at(7 * week, 0)), "end": text(end)},
                },
                department,
            )


def measurements(clock: Clock) -> Iterator[Event]:
    """Daily figures: how the stations of the factory were used, and how fast deployments answered."""
    daily = [
        ("compute", None, "gpu_utilisation", "1", 0.35, 0.8),
        ("compute", None, "power_usage_effectiveness", "1", 1.19, 1.31),
        ("storage", None, "stored_bytes", "By", 4.1e13, 4.2e13),
        (
            "deployment",
            deployment(lending.SERVING, lending.PRODUCTION),
            "latency_p95",
            "ms",
            140,
            260,
        ),
        (
            "deployment",
            deployment(support.SERVING, support.ASSISTANT),
            "latency_p95",
            "ms",
            2_900,
            4_100,
        ),
    ]
    for day in clock.days():
        luck = clock.chance("measured", day)
        for station, subject, metric, unit, low, high in daily:
            value = luck.uniform(low, high)
            yield emit(
                clock,
                "monitoring",
                "factory.measurement.recorded",
                clock.at(day, 23, 55),
                {
                    "station": station,
                    **({"subject": str(subject)} if subject else {}),
                    "metric": metric,
                    "unit": unit,
                    "value": f"{value:.3f}" if high < 1e6 else str(int(value)),
                    "period": {"start": text(clock.at(day, 0)), "end": text(clock.at(day, 23, 55))},
                },
                f"{metric} {subject}",
            )


def usage(clock: Clock) -> Iterator[Event]:
    """What trainings and the scoring service used; conversations meter themselves."""
    for version, day in TRAININGS.items():
        yield emit(
            clock,
            "gpu-cluster",
            "factory.usage.recorded",
            clock.at(day, 13, 41),
            {
                "meters": {"gpu_seconds": 16_800, "energy_joules": 6_700_000},
                "department": "retail-lending",
                "run": {"issuer": "openlineage", "id": str(clock.id("train", version))},
                "sku": "L40S",
                "charge_period": {"start": text(clock.at(day, 9)), "end": text(clock.at(day, 13, 40))},
            },
            version,
        )
    for day in clock.days(-37):
        luck = clock.chance("scoring", day)
        for hour in range(8, 20, 3):
            yield emit(
                clock,
                "gpu-cluster",
                "factory.usage.recorded",
                clock.at(day, hour + 3),
                {
                    "meters": {
                        "requests": int(luck.randrange(60, 190) * clock.busy(day)),
                        "cpu_seconds": luck.randrange(900, 1_500),
                    },
                    "deployment": {"namespace": lending.SERVING, "name": lending.PRODUCTION},
                    "department": "retail-lending",
                    "charge_period": {
                        "start": text(clock.at(day, hour)),
                        "end": text(clock.at(day, hour + 3)),
                    },
                },
                "scoring",
            )


def counted_twice(clock: Clock) -> Iterator[Event]:
    """A bill that was sent twice under two ids, and the second one taken back."""
    bill = {
        "meters": {"gpu_seconds": 2_400},
        "department": "risk-data",
        "sku": "L40S",
        "run": {"issuer": "openlineage", "id": str(clock.id("kiosk", "2"))},
    }
    first = emit(
        clock,
        "gpu-cluster",
        "factory.usage.recorded",
        clock.at(-19, 12, 55),
        bill,
        "bill",
    )
    second = emit(
        clock,
        "gpu-cluster",
        "factory.usage.recorded",
        clock.at(-19, 12, 55),
        bill,
        "bill again",
    )
    yield first
    yield second
    yield emit(
        clock,
        "gpu-cluster",
        "factory.event.retracted",
        clock.at(-18, 8, 0),
        {
            "source": second.body["source"],
            "id": second.body["id"],
            "reason": "sent twice by the cluster's exporter",
        },
    )
