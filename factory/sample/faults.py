"""What broken systems send. Each is refused with a reason and kept in quarantine."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from openlineage.client.serde import Serde

from factory.sample import tables
from factory.sample.clock import Clock
from factory.sample.events import Event, emit
from factory.sample.runs import AIRFLOW, Job, Run
from factory.sample.support import AGENT, ASSISTANT, SERVING, SUPPORT, conversations
from factory.sample.tables import At


class Fault(NamedTuple):
    """A body that the door refuses, and the status that it is refused with."""

    sender: str
    body: bytes
    status: int
    what: str


def faults(clock: Clock) -> Iterator[Fault]:
    yield from openlineage(clock)
    yield from cloudevents(clock)


def openlineage(clock: Clock) -> Iterator[Fault]:
    def event() -> dict[str, Any]:
        job = Job(
            SUPPORT,
            "survey_export",
            AIRFLOW,
            tables.SUPPORT_LEAD,
            "Exports the survey.",
        )
        run = Run(
            clock.id("survey"),
            job,
            clock.at(-5, 6),
            clock.at(-5, 6, 10),
            outputs=[At(tables.TICKETS)],
        )
        whole: dict[str, Any] = Serde.to_dict(run.events()[1])
        return whole

    named = event()
    named["run"]["runId"] = f"survey_export__{clock.date(-5)}"
    yield Fault("airflow-support", json.dumps(named).encode(), 400, "a run id that is no UUID")
    zoneless = event()
    zoneless["eventTime"] = zoneless["eventTime"].removesuffix("Z")
    yield Fault("airflow-support", json.dumps(zoneless).encode(), 400, "a time without its zone")
    foreign = event()
    foreign["job"]["namespace"] = "airflow-lending"
    yield Fault(
        "airflow-support",
        json.dumps(foreign).encode(),
        403,
        "speaking for another department",
    )


def cloudevents(clock: Clock) -> Iterator[Fault]:
    kiosk = {"namespace": "branch-edge", "name": "kiosk-fraud"}
    held = {"outcome": "alarm-of-kiosk-17", "deployment": kiosk, "result": "card held"}
    ahead = emit(
        clock,
        "kiosk-fleet",
        "factory.outcome.recorded",
        clock.at(4_000, 9),
        held,
        "ahead",
    )
    yield _fault(ahead, 400, "the clock of a kiosk after its battery died")
    cut = emit(
        clock,
        "kiosk-fleet",
        "factory.outcome.recorded",
        clock.at(-8, 9),
        held,
        "cut off",
    )
    yield _fault(cut, 400, "a connection that broke off")._replace(body=_json(cut)[:-40])
    refund = {
        "meters": {"input_tokens": -1800},
        "agent": AGENT,
        "deployment": {"namespace": SERVING, "name": ASSISTANT},
    }
    yield _fault(
        emit(clock, "llm-gateway", "factory.usage.recorded", clock.at(-6, 11), refund, "refund"),
        400,
        "tokens below zero, by which a tool meant a refund",
    )
    misspelt = {"namespace": "mlops-registry", "name": "churn", "version": "1"}
    yield _fault(
        emit(clock, "marketing-lab", "factory.model_version.registred", clock.at(-9, 15), misspelt),
        400,
        "an event type that is misspelt",
    )
    first = next(conversations(clock))
    again = {**first.body, "data": {**first.body["data"], "latency_ms": 9}}
    yield _fault(Event(first.sender, again), 409, "an event's id used again for another event")


def _json(event: Event) -> bytes:
    return json.dumps(event.body).encode()


def _fault(event: Event, status: int, what: str) -> Fault:
    return Fault(event.sender, _json(event), status, what)
