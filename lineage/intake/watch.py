"""What the sources leave out, put on record: once when it is found, once when it is over.

A round may be run at any time, by any number of workers: one of them does it. What was said stands in
`Finding` and `Refusal`, in the transaction of the audit entry that says it. An entry tells of all that a
round found of one source, never of single events.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from factory.kit.bulk import fetch
from factory.kit.recording import SYSTEM, record
from factory.kit.times import format_time
from lineage.entities.keys import NodeKey
from lineage.intake import numbering
from lineage.intake.models import Source
from lineage.intake.source_models import Finding, Kind, Refusal
from lineage.intake.sources import hour_of, silent_from
from lineage.intake.unended import unended

#: The advisory lock of a round.
WATCHING = 0x706C756D64
#: Senders work side by side, so numbers overtake each other: a younger gap is not on record yet.
GAP_STANDS_FOR = timedelta(minutes=1)
#: Counts of an hour may be written this long after its end.
HOUR_CLOSES_AFTER = timedelta(minutes=2)
#: An entry names this many gaps or runs, and says how many there are.
NAMED = 50
#: Gaps that are put on record in one round.
GAPS_AT_A_TIME = 5_000
CLOUDEVENTS = "cloudevents"


@shared_task(ignore_result=True)
def watch_sources() -> None:
    """One round."""
    watch(timezone.now())


def watch(now: datetime) -> None:
    """One round, as of `now`; each part in a transaction of its own, and none if another is at it."""
    numbering.fold()
    parts: Sequence[Callable[[datetime], None]] = (
        _gaps_closed, _gaps_found, _silences_ended, _silences_begun, _runs_ended, _runs_unended, _refusals,
    )  # fmt: skip
    for part in parts:
        with transaction.atomic():
            if not fetch("SELECT pg_try_advisory_xact_lock(%s)", [WATCHING])[0][0]:
                return
            part(now)


def source_target(door: str, name: str) -> str:
    """A source as the target of an entry."""
    return f"source:{door}/{name or 'unknown'}"


# --- gaps -----------------------------------------------------------------------------------------
_GAPS_FOUND = f"""
    INSERT INTO lineage_finding (kind, door, name, subject, low, high, since, found_at)
    SELECT 'gap', 'cloudevents', '', s.source, g.low, g.high, g.since, %(now)s
    FROM ({numbering.gaps_where("stream_id IN (SELECT id FROM lineage_stream WHERE missing > 0)")}) g
    JOIN lineage_stream s ON s.id = g.stream_id
    WHERE g.since <= %(now)s - %(stands)s AND NOT EXISTS (
        SELECT 1 FROM (SELECT high FROM lineage_finding f
                       WHERE f.kind = 'gap' AND f.subject = s.source AND f.low <= g.low
                       ORDER BY f.low DESC LIMIT 1) said
        WHERE said.high >= g.high)
    LIMIT %(most)s
    RETURNING subject, low, high, since
"""
_GAPS_CLOSED = """
    UPDATE lineage_finding f SET ended_at = %(now)s
    FROM lineage_stream s
    WHERE f.kind = 'gap' AND f.ended_at IS NULL AND s.source = f.subject AND (
        SELECT r.high FROM lineage_numberrange r WHERE r.stream_id = s.id AND r.low <= f.low
        ORDER BY r.low DESC LIMIT 1) >= f.high
    RETURNING f.subject, f.low, f.high, f.since
"""

_SENDERS = f"""
    SELECT s.source, {numbering.COUNTING}, array_agg(o.name ORDER BY o.name)
    FROM lineage_stream s JOIN lineage_streamsender o ON o.stream_id = s.id
    WHERE s.source = ANY(%s) GROUP BY s.id
"""


def _gaps_found(now: datetime) -> None:
    found = fetch(_GAPS_FOUND, {"now": now, "stands": GAP_STANDS_FOR, "most": GAPS_AT_A_TIME})
    _tell_gaps("source.gap_found", found, now)


def _gaps_closed(now: datetime) -> None:
    _tell_gaps("source.gap_closed", fetch(_GAPS_CLOSED, {"now": now}), now)


def _tell_gaps(action: str, rows: list[tuple[Any, ...]], now: datetime) -> None:
    streams: dict[str, list[tuple[int, int, datetime]]] = defaultdict(list)
    for subject, *gap in rows:
        streams[subject].append((gap[0], gap[1], gap[2]))
    known = {source: (counting, names) for source, counting, names in fetch(_SENDERS, [list(streams)])}
    for stream, found in sorted(streams.items()):
        counting, senders = known[stream]
        record(
            action,
            actor=SYSTEM,
            targets=[source_target(CLOUDEVENTS, name) for name in senders[:NAMED]],
            occurred_at=now,
            detail={
                "cloudevents_source": stream,
                "gaps": len(found),
                "numbers": str(sum(high - low + 1 for low, high, _ in found)),
                "known_since": format_time(min(since for _, _, since in found)),
                "first_gaps": [
                    {
                        "low": str(numbering.as_sent(low, counting)),
                        "high": str(numbering.as_sent(high, counting)),
                        "known_since": format_time(since),
                    }
                    for low, high, since in sorted(found)[:NAMED]
                ],
            },
        )


# --- silences -------------------------------------------------------------------------------------
def _silences_begun(now: datetime) -> None:
    standing = set(Finding.objects.filter(kind=Kind.SILENCE, ended_at=None).values_list("door", "name"))
    begun = []
    for source in Source.objects.order_by("door", "name"):
        due = silent_from(source)
        if due is None or due >= now or (source.door, source.name) in standing:
            continue
        begun.append(
            Finding(
                kind=Kind.SILENCE,
                door=source.door,
                name=source.name,
                since=source.last_seen,
                found_at=now,
            )
        )
        record(
            "source.fell_silent",
            actor=SYSTEM,
            targets=[source_target(source.door, source.name)],
            occurred_at=now,
            detail={"last_seen": format_time(source.last_seen), "expected_by": format_time(due)},
        )
    Finding.objects.bulk_create(begun)


# A silence ended with the first push after it, which an index finds.
_SILENCES_ENDED = """
    UPDATE lineage_finding f SET ended_at = coalesce((
        SELECT received_at FROM lineage_submission b
        WHERE b.door = f.door AND b.source = f.name AND b.received_at > f.since
        ORDER BY b.received_at LIMIT 1), s.last_seen)
    FROM lineage_source s
    WHERE f.kind = 'silence' AND f.ended_at IS NULL AND s.door = f.door AND s.name = f.name
      AND s.last_seen > f.since
    RETURNING f.door, f.name, f.since, f.ended_at
"""


def _silences_ended(now: datetime) -> None:
    for door, name, since, ended in fetch(_SILENCES_ENDED):
        record(
            "source.spoke_again",
            actor=SYSTEM,
            targets=[source_target(door, name)],
            occurred_at=now,
            detail={"silent_since": format_time(since), "heard_at": format_time(ended)},
        )


# --- runs -----------------------------------------------------------------------------------------
def _runs_unended(now: datetime) -> None:
    standing = set(Finding.objects.filter(kind=Kind.UNENDED_RUN, ended_at=None).values_list("low", flat=True))
    sources: dict[str, list[tuple[str, datetime]]] = defaultdict(list)
    found = []
    for one in unended(now, limit=GAPS_AT_A_TIME):
        if one.node_id in standing:
            continue
        sources[one.source].append((one.run, one.heard_at))
        found.append(
            Finding(
                kind=Kind.UNENDED_RUN,
                door="openlineage",
                name=one.source,
                low=one.node_id,
                since=one.heard_at,
                found_at=now,
            )
        )
    Finding.objects.bulk_create(found, batch_size=1000)
    _tell_runs("source.runs_unended", sources, now)


# A run that was found stays found until it has ended, or something newer is heard of it.
_RUNS_ENDED = """
    UPDATE lineage_finding f SET ended_at = %(now)s
    FROM lineage_node n
    WHERE f.kind = 'unended_run' AND f.ended_at IS NULL AND n.id = f.low AND (
        NOT EXISTS (SELECT 1 FROM lineage_nodestate s WHERE s.node_id = n.id AND s.ended_at IS NULL)
        OR EXISTS (SELECT 1 FROM lineage_statement t WHERE t.node_id = n.id AND t.at > f.since))
    RETURNING f.name, n.namespace, n.name, f.since
"""


def _runs_ended(now: datetime) -> None:
    sources: dict[str, list[tuple[str, datetime]]] = defaultdict(list)
    for name, issuer, run, since in fetch(_RUNS_ENDED, {"now": now}):
        sources[name].append((str(NodeKey("run", issuer, run)), since))
    _tell_runs("source.runs_heard_again", sources, now)


def _tell_runs(action: str, sources: dict[str, list[tuple[str, datetime]]], now: datetime) -> None:
    for name, runs in sorted(sources.items()):
        named = [run for run, _ in sorted(runs)[:NAMED]]
        record(
            action,
            actor=SYSTEM,
            targets=[source_target("openlineage", name), *named],
            occurred_at=now,
            detail={"runs": len(runs), "last_heard": format_time(max(heard for _, heard in runs))},
        )


# --- refused pushes -------------------------------------------------------------------------------
def _refusals(now: datetime) -> None:
    """Put the counts of hours that are over on record, and what was added to them later."""
    closed = Refusal.objects.raw(
        """SELECT * FROM lineage_refusal WHERE on_record < count AND hour < %s
           ORDER BY hour, door, name, status, code""",
        [hour_of(now - HOUR_CLOSES_AFTER)],
    )
    hours: dict[tuple[datetime, str, str], list[Refusal]] = defaultdict(list)
    for one in closed:
        hours[one.hour, one.door, one.name].append(one)
    for (hour, door, name), rows in hours.items():
        record(
            "source.pushes_refused",
            actor=SYSTEM,
            targets=[source_target(door, name)],
            outcome="denied",
            occurred_at=now,
            detail={
                "hour": format_time(hour),
                "count": sum(row.count - row.on_record for row in rows),
                "by_reason": [
                    {"status": row.status, "code": row.code, "count": row.count - row.on_record}
                    for row in rows
                ],
            },
        )
        for row in rows:
            row.on_record = row.count
    Refusal.objects.bulk_update([r for rows in hours.values() for r in rows], ["on_record"], batch_size=500)
