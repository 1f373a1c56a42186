"""The branch kiosks: a fraud model at the edge, and the night in which `latest` moved."""

from collections.abc import Iterator

from openlineage.client import event_v2

from factory.sample import tables
from factory.sample.clock import Clock
from factory.sample.events import Event, emit, ref
from factory.sample.jobs import PLATFORM, TRAINING
from factory.sample.lending import MODELS, alias
from factory.sample.runs import PYTHON, SPARK, Job, Run, State
from factory.sample.tables import At

MODEL, EDGE, STAGING = "kiosk-fraud", "branch-edge", "staging-eu"
#: version -> the day on which it was trained
TRAININGS = {"1": -36, "2": -19, "3": -1}
NIGHTLY = "svc-nightly-retrain"

STREAM = Job(
    PLATFORM,
    "stream_card_events",
    SPARK,
    tables.FRAUD_LEAD,
    "Counts card events by kiosk and hour.",
    "STREAMING",
)
TRAIN = Job(
    TRAINING,
    "train_kiosk_fraud",
    PYTHON,
    tables.FRAUD_LEAD,
    "Trains the kiosks' fraud model.",
    "JOB",
    path="training/kiosk_fraud.py",
)


def stream(clock: Clock) -> Iterator[event_v2.RunEvent]:
    """One run that never ends: it started with the story and reports every day what it did."""
    run = Run(clock.id("stream"), STREAM, clock.at(-41, 1), clock.at(0, 23))
    inputs = [run.input(At(tables.CARD_EVENTS))]
    yield run.event(State.START, run.start, inputs, [])
    for day in clock.days():
        yield run.event(
            State.RUNNING,
            clock.at(day, 12),
            inputs,
            [run.output(At(tables.KIOSK_FEATURES, clock.date(day)))],
        )


def training(clock: Clock) -> Iterator[event_v2.RunEvent]:
    for version, day in TRAININGS.items():
        hour = 23 if version == "3" else 12
        yield from Run(
            clock.id("kiosk", version),
            TRAIN,
            clock.at(day, hour, 10),
            clock.at(day, hour, 50),
            [At(tables.KIOSK_FEATURES, clock.date(day))],
        ).events()


def registrations(clock: Clock) -> Iterator[Event]:
    for version, day in TRAININGS.items():
        hour = 23 if version == "3" else 12
        for spelled, precision in ((version, "fp32"), (f"{version}-int8", "int8")):
            full = spelled == version
            yield emit(
                clock,
                "mlops-registry",
                "factory.model_version.registered",
                clock.at(day, hour, 52),
                {
                    "namespace": MODELS,
                    "name": MODEL,
                    "version": spelled,
                    **(
                        {
                            "run": {"id": str(clock.id("kiosk", version))},
                            "inputs": [ref(tables.KIOSK_FEATURES, clock.date(day), role="train")],
                        }
                        if full
                        else {
                            "derived_from": [
                                {
                                    "namespace": MODELS,
                                    "name": MODEL,
                                    "version": version,
                                    "relation": "quantized",
                                }
                            ]
                        }
                    ),
                    "digest": clock.id("kiosk weights", spelled).hex,
                    "framework": "onnx",
                    "precision": precision,
                    "materiality": "medium",
                    "department": "risk-data",
                },
                spelled,
            )
        if version != "3":
            yield emit(
                clock,
                "mlops-registry",
                "factory.test.recorded",
                clock.at(day, 13, 20),
                {
                    "model": {"namespace": MODELS, "name": MODEL, "version": f"{version}-int8"},
                    "suite": "kiosk-replay",
                    "passed": True,
                    "metrics": {"recall": 0.81, "false_alarms_per_day": 2.4},
                },
                version,
            )
            yield alias(clock, day, 14, "latest", f"{version}-int8", tables.FRAUD_LEAD, MODEL)


def moved_overnight(clock: Clock) -> Iterator[Event]:
    """At 02:17 a service account moves `latest` to a version that nobody has tested; whatever
    follows `latest` has it minutes later, and nothing but the platform's own report says so."""
    yield alias(clock, 0, 2, "latest", "3-int8", NIGHTLY, MODEL)
    yield observed(clock, 0, 2, 19, STAGING, "kiosk-fraud-staging", "3-int8")
    yield observed(clock, 0, 2, 24, EDGE, "kiosk-fraud", "3-int8")


def observed(clock: Clock, day: int, hour: int, minute: int, where: str, name: str, version: str) -> Event:
    return emit(
        clock,
        "kiosk-fleet",
        "factory.deployment.changed",
        clock.at(day, hour, minute),
        {
            "namespace": where,
            "name": name,
            "environment": "production" if where == EDGE else "staging",
            "state": "serving",
            "share": 1,
            "model": {"namespace": MODELS, "name": MODEL, "version": version},
            "observed": True,
            "region": "branches",
            "jurisdiction": "EU",
            "accelerator": "kiosk-npu",
            "accelerator_count": 64,
            "precision": "int8",
            "department": "risk-data",
            "system": "kiosk-fraud-watch",
        },
    )


def deployments(clock: Clock) -> Iterator[Event]:
    for version, day in TRAININGS.items():
        if version != "3":
            yield observed(clock, day, 14, 19, STAGING, "kiosk-fraud-staging", f"{version}-int8")
            yield observed(clock, day + 1, 6, 5, EDGE, "kiosk-fraud", f"{version}-int8")


def alarms(clock: Clock) -> Iterator[Event]:
    for day in clock.days(-34):
        luck = clock.chance("alarms", day)
        for number in range(luck.randrange(2, 5)):
            seen = luck.random() < 0.5
            name = f"alarm-{clock.date(day)}-{number}"
            yield emit(
                clock,
                "kiosk-fleet",
                "factory.outcome.recorded",
                clock.at(day, 9 + 3 * number, luck.randrange(60)),
                {
                    "outcome": name,
                    "deployment": {"namespace": EDGE, "name": "kiosk-fraud"},
                    "result": "card held" if seen else "watched",
                    "subject_digest": clock.id("card", day, number).hex,
                    **(
                        {"human_review": {"reviewer": tables.FRAUD_LEAD, "verdict": "upheld"}} if seen else {}
                    ),
                },
                name,
            )
        yield emit(
            clock,
            "kiosk-fleet",
            "factory.usage.recorded",
            clock.at(day, 23, 30),
            {
                "meters": {
                    "requests": luck.randrange(18_000, 26_000),
                    "energy_joules": luck.randrange(40, 60) * 100_000,
                },
                "deployment": {"namespace": EDGE, "name": "kiosk-fraud"},
                "department": "risk-data",
                "region": "branches",
            },
        )
