"""The whole story, sorted by who tells it."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from openlineage.client import event_v2

from factory.sample import branches, ledger, lending, pipelines, support
from factory.sample.clock import Clock, text
from factory.sample.events import Event
from factory.sample.faults import Fault, faults

OpenLineageEvent = event_v2.RunEvent | event_v2.DatasetEvent | event_v2.JobEvent


#: The one system that numbers its events, and the moment at which one of them was lost: day, hour.
NUMBERING = "loan-desk"
LOST_AT = (-2, 10)


@dataclass(frozen=True)
class Story:
    """`frame` is told before all else and `incident` after it; what the systems send in between may
    come in any order."""

    runs: dict[str, list[OpenLineageEvent]]
    events: dict[str, list[Event]]
    frame: list[Event]
    faults: list[Fault]
    incident: Event

    def __len__(self) -> int:
        told = sum(len(part) for part in self.runs.values()) + sum(len(part) for part in self.events.values())
        return told + len(self.frame) + len(self.faults) + 1


def tell(clock: Clock) -> Story:
    """Return everything that the bank's systems send, each system's events in order of time."""
    runs: dict[str, Iterable[OpenLineageEvent]] = {
        "airflow-lending": pipelines.lending(clock),
        "airflow-support": support.pipelines(clock),
        "spark-platform": chain(pipelines.platform(clock), branches.stream(clock)),
        "mlops-training": chain(pipelines.training(clock), branches.training(clock)),
    }
    events: dict[str, list[Event]] = {}
    for event in chain(
        ledger.crawled(clock),
        ledger.quarrels(clock),
        ledger.targets(clock),
        ledger.revenue(clock),
        ledger.measurements(clock),
        ledger.usage(clock),
        ledger.counted_twice(clock),
        lending.catalogue(clock),
        lending.registrations(clock),
        lending.deployments(clock),
        lending.outcomes(clock),
        lending.drift(clock),
        support.registrations(clock),
        support.deployments(clock),
        support.agents(clock),
        support.conversations(clock),
        support.slow_evening(clock),
        branches.registrations(clock),
        branches.deployments(clock),
        branches.alarms(clock),
        branches.moved_overnight(clock),
    ):
        events.setdefault(event.sender, []).append(event)
    told = {sender: sorted(parts, key=lambda event: event.body["time"]) for sender, parts in events.items()}
    number(told[NUMBERING], text(clock.at(*LOST_AT)))
    return Story(
        runs={sender: sorted(told, key=lambda event: event.eventTime) for sender, told in runs.items()},
        events=told,
        frame=list(ledger.declarations(clock)),
        faults=list(faults(clock)),
        incident=lending.incident(clock),
    )


def number(events: list[Event], lost_at: str) -> None:
    """Number events as the CloudEvents extension `sequence` does, in their order; the first event at or
    after `lost_at` had one before it that never arrived."""
    lost = 0
    for place, event in enumerate(events, start=1):
        if event.body["time"] >= lost_at:
            lost = 1
        event.body.update(sequence=f"{place + lost:06}", sequencetype="Integer")
