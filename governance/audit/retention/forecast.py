"""What the classes hold and what would be pruned when, reckoned from the tally: months, not days."""

import calendar
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from governance.audit.models import Log
from governance.audit.retention import classes as retention
from governance.audit.retention import holds, tally
from governance.audit.retention.models import Hold, RetentionClass, Scope, Tallied
from governance.audit.retention.plan import first_held
from governance.audit.retention.tally import Kind
from governance.audit.tlog.tiles import WIDTH


class Share(NamedTuple):
    """How many entries belong to a class, and their bytes. An entry may belong to several."""

    row: RetentionClass
    entries: int
    size: int


class Step(NamedTuple):
    """From `day` on `entries` more may go, which are those below the index `minimum`."""

    day: date
    entries: int
    minimum: int


class Forecast(NamedTuple):
    """`first` is the smallest index that is there, `counted` up to which entries are counted.

    `stops` says in words what is kept for ever, where something is.
    """

    shares: list[Share]
    steps: list[Step]
    stops: str
    first: int
    counted: int


class _Kept(NamedTuple):
    """Entries from index `first` on that are kept until a day, or for ever."""

    until: date
    first: int
    why: str


_FOR_EVER = date.max


def forecast(log: Log | None, today: date) -> Forecast:
    """Reckon what goes from today on, if nothing is added and no class or hold changes."""
    rows = retention.classes()
    kinds = list(tally.kinds(log)) if log else []
    row = Tallied.objects.filter(log=log).first() if log else None
    counted = row.size if row else 0
    claimed = [
        retention.claiming(rows, kind.action, kind.door, kind.source, kind.event_types) for kind in kinds
    ]
    kept = [_kept(kind, classes) for kind, classes in zip(kinds, claimed, strict=True)]
    first = min((kind.first_index for kind in kinds), default=counted)
    if log:
        kept += _held(log, kinds, first, counted)
    steps, stop = _steps(kept, first, counted, today)
    shares = [_share(each, kinds, claimed) for each in rows]
    return Forecast(shares, steps, stop, first, counted)


def _share(row: RetentionClass, kinds: Sequence[Kind], claimed: Sequence[list[RetentionClass]]) -> Share:
    mine = [kind for kind, classes in zip(kinds, claimed, strict=True) if row in classes]
    return Share(row, sum(kind.entries for kind in mine), sum(kind.size for kind in mine))


def _kept(kind: Kind, classes: Sequence[RetentionClass]) -> _Kept:
    keeps = retention.longest(classes)
    until = retention.ends(keeps, _last_day(kind.month))
    return _Kept(until or _FOR_EVER, kind.first_index, f"the class {keeps.name}, {kind.action}")


def _last_day(month: date) -> date:
    return month.replace(day=calendar.monthrange(month.year, month.month)[1])


def _held(log: Log, kinds: Sequence[Kind], first: int, counted: int) -> list[_Kept]:
    """What the standing holds keep. Of a node exactly; else by what is counted, which may be too much."""
    found = []
    for hold in holds.standing():
        at = _first_held(log, hold, kinds, first, counted)
        if at is not None:
            found.append(_Kept(_FOR_EVER, at, f"the legal hold on {hold}"))
    return found


def _first_held(log: Log, hold: Hold, kinds: Sequence[Kind], first: int, counted: int) -> int | None:
    match hold.scope:
        case Scope.SOURCE:
            mine = [
                kind for kind in kinds if kind.action == retention.SUBMISSION and kind.source == hold.source
            ]
        case Scope.TIME if hold.begins_at and hold.ends_at:
            # What happened in the range may have been put on record any time after.
            mine = [kind for kind in kinds if _last_day(kind.month) >= hold.begins_at.date()]
        case _:
            return first_held(log, hold, first, counted)
    return min((kind.first_index for kind in mine), default=None)


def _steps(kept: Sequence[_Kept], first: int, counted: int, today: date) -> tuple[list[Step], str]:
    """Go through the days on which something has been kept long enough; what is kept then still, stops."""
    ordered = sorted(kept, reverse=True)
    steps: list[Step] = []
    # From the last day back: how far pruning gets before it meets what is kept longer than that.
    reach, blocker = counted, None
    reaches: dict[date, int] = {}
    for each in ordered:
        if each.until != _FOR_EVER:
            reaches.setdefault(max(each.until, today), reach)
        if each.first < reach:
            reach = each.first
            if each.until == _FOR_EVER:
                blocker = each
    before = first
    for day in sorted(reaches):
        minimum = reaches[day] // WIDTH * WIDTH
        if minimum > before:
            steps.append(Step(day, minimum - before, minimum))
            before = minimum
    stop = f"Entry {blocker.first:,} and what follows: {blocker.why}." if blocker else ""
    return steps, stop
