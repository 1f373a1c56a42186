"""What an erasure would destroy, and what it can't: said before the act."""

from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from governance.audit.retention.holds import held
from governance.audit.retention.models import Hold
from governance.erasure import account
from governance.erasure.account import Removed
from governance.erasure.target import Target
from governance.people.models import User
from lineage.entities.keys import NodeKey
from lineage.intake.erase import Counts, EventId, count, nodes_named


class Plan(NamedTuple):
    """`holds` and `why_not` stand in the way. `snapshots` are files with parts of the record in them."""

    target: Target
    user: User | None
    events: list[EventId]
    counts: Counts
    removed: Removed
    nodes: list[NodeKey]
    entries: int
    snapshots: int
    holds: list[Hold]
    why_not: str

    @property
    def nothing(self) -> bool:
        """Whether there is nothing left to destroy."""
        return not any((*self.counts, *self.removed))

    @property
    def submissions(self) -> list[str]:
        return list(dict.fromkeys(str(submission) for submission, _ in self.events))


def plan(target: Target) -> Plan:
    """Look at everything, and change nothing. Raises nothing for what is not there: the counts say so."""
    user, events = target.user(), target.events()
    nodes = nodes_named(events)
    return Plan(
        target=target,
        user=user,
        events=events,
        counts=count(events) if events else Counts(),
        removed=account.count(user) if user else Removed(),
        nodes=nodes,
        entries=account.entries_by(user) if user else 0,
        snapshots=len(snapshots()) if events else 0,
        holds=held(targets_of(target, events, nodes)),
        why_not=account.why_not(user) if user else "",
    )


def snapshots() -> list[Path]:
    """The files that pruning left of the record as it was (see `governance.audit.retention.snapshot`)."""
    return sorted((settings.VAR / "snapshots").glob("*.zip"))


def targets_of(target: Target, events: list[EventId], nodes: list[NodeKey]) -> list[str]:
    """Everything that a hold may name to keep this."""
    submissions = dict.fromkeys(f"submission:{submission}" for submission, _ in events)
    return [str(target), *submissions, *map(str, nodes)]
