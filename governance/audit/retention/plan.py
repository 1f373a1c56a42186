"""What may be pruned now: the beginning of the log up to the first entry that a class or a hold keeps."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from factory.kit.bulk import fetch
from governance.audit.models import Log
from governance.audit.retention import classes as retention
from governance.audit.retention import holds
from governance.audit.retention.models import Hold, RetentionClass, Scope
from governance.audit.store import published
from governance.audit.tlog.tiles import WIDTH

#: Entries that are looked at in one query.
_CHUNK = 20_000


class Plan(NamedTuple):
    """Entries with indexes in [first, minimum) may go; `kept_by` says in words what keeps the next one."""

    first: int
    minimum: int
    kept_by: str


def plan(
    log: Log, now: datetime, progress: Callable[[int, int], None] = lambda done, total: None
) -> Plan | None:
    """Return what of the log may go as of `now`; None where nothing of it is published yet.

    The minimum index is rounded down to a full bundle: a bundle that holds a kept entry is served whole
    (c2sp.org/tlog-tiles, pruning). `progress` is told how many entries were looked at, of how many.
    """
    head = published(log)
    first = first_index(log)
    if head is None or first is None:
        return None
    stop, kept_by = _first_in_a_class(log, first, head.size, now, progress)
    for hold in holds.standing():
        at = first_held(log, hold, first, stop)
        if at is not None and at < stop:
            stop, kept_by = at, f"entry {at} is under a legal hold: {hold}"
    return Plan(first, max(first, stop // WIDTH * WIDTH), kept_by)


def first_index(log: Log) -> int | None:
    """Return the smallest index of the log that is still there."""
    rows = fetch(
        "SELECT index FROM governance_place WHERE log_id = %s ORDER BY index LIMIT 1",
        [log.pk],
    )
    return rows[0][0] if rows else None


def first_held(log: Log, hold: Hold, start: int, end: int) -> int | None:
    """Return the smallest index in [start, end) that the hold covers."""
    if hold.scope == Scope.EVERYTHING:
        return start if start < end else None
    if hold.scope == Scope.NODE:
        return _first_of_node(log, hold.node, start, end)
    condition, params = holds.in_scope(hold)
    return fetch(
        f"""SELECT min(p.index) FROM governance_place p JOIN governance_entry e ON e.id = p.entry_id
            WHERE p.log_id = %s AND p.index >= %s AND p.index < %s AND {condition}""",
        [log.pk, start, end, *params],
    )[0][0]


def _first_of_node(log: Log, node: str, start: int, end: int) -> int | None:
    covered, params = holds.entries_of_node(node)
    return fetch(
        f"""SELECT min(p.index) FROM governance_place p JOIN ({covered}) c ON c.id = p.entry_id
            WHERE p.log_id = %s AND p.index >= %s AND p.index < %s""",
        [*params, log.pk, start, end],
    )[0][0]


def _first_in_a_class(
    log: Log, first: int, end: int, now: datetime, progress: Callable[[int, int], None]
) -> tuple[int, str]:
    rows = retention.classes()
    condition, params = retention.is_kept(rows, now)
    for start in range(first, end, _CHUNK):
        found = fetch(
            f"""SELECT p.index, e.id, e.action, e.recorded_at, coalesce(b.door, ''), coalesce(b.source, '')
                FROM {retention.ENTRIES}
                WHERE p.log_id = %s AND p.index >= %s AND p.index < %s AND {condition}
                ORDER BY p.index LIMIT 1""",
            [log.pk, start, min(start + _CHUNK, end), *params],
        )
        if found:
            index, entry, action, recorded_at, door, source = found[0]
            types = [row[0] for row in fetch(_TYPES, [entry])] if action == retention.SUBMISSION else []
            keeps = retention.longest(retention.claiming(rows, action, door, source, types))
            return index, _because(index, keeps, recorded_at)
        progress(min(start + _CHUNK, end) - first, end - first)
    return end, "no entry is kept any longer"


_TYPES = "SELECT DISTINCT event_type FROM lineage_reading WHERE submission_id = %s"


def _because(index: int, keeps: RetentionClass, recorded_at: datetime) -> str:
    until = retention.ends(keeps, recorded_at.date())
    how_long = f"until {until}" if until else "for ever"
    return f"entry {index}, of {recorded_at:%Y-%m-%d}, is kept {how_long} by the class {keeps.name}"


def stopped(log: Log, start: int, end: int, seen: set[UUID]) -> tuple[int, str] | None:
    """Return where a standing hold that is not `seen` stops a pruning of [start, end), and which it is.

    Rounded down to a full bundle. Those that were looked at are `seen` from then on.
    """
    new = [hold for hold in holds.standing() if hold.pk not in seen]
    seen |= {hold.pk for hold in new}
    stops = [
        (max(start, at // WIDTH * WIDTH), f"entry {at} came under a legal hold meanwhile: {hold}")
        for hold in new
        if (at := first_held(log, hold, start, end)) is not None
    ]
    return min(stops, default=None)
