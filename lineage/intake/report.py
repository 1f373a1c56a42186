"""How complete one source is over a period: what came, what was refused, what is known to be missing."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Max, Q, Sum

from factory.kit.bulk import fetch
from lineage.intake import numbering
from lineage.intake.models import Source
from lineage.intake.numbering import Numbering
from lineage.intake.source_models import Finding, Kind, Refusal, SourceHour
from lineage.intake.sources import hour_of, silent_from
from lineage.intake.unended import Unended, unended

#: What no report can say, and so each says.
LIMITS = (
    "No log can prove that an event that was never sent did not happen. This report shows what came in,"
    " what was refused, and what the source's own numbers and runs show to be missing."
)
DEFAULT_PERIOD = timedelta(days=30)
HOUR = timedelta(hours=1)
LISTED = 100
EVENTS_LISTED = 20


class NoSuchSource(LookupError):
    """No source of this door and name has ever pushed anything, and none was refused."""


class RefusedPushes(msgspec.Struct, frozen=True):
    """Pushes refused for one reason. `name` is empty where no token was recognised."""

    door: str
    name: str
    status: int
    code: str
    count: int
    last_at: datetime


class Silence(msgspec.Struct, frozen=True):
    """A silence: from the last push before it to the first after it, None while it lasts."""

    since: datetime
    ended_at: datetime | None


class EventLine(msgspec.Struct, frozen=True):
    """One of the newest events; `sequence` is its number as it was sent, or empty."""

    submission: UUID
    index: int
    received_at: datetime
    outcome: str
    code: str
    event_type: str
    event_time: datetime | None
    sequence: str


class Report(msgspec.Struct):
    """`since` and `until` are full hours: what is counted, is counted by the hour. `state` is `sending`,
    `silent` or `new`, and empty for pushes of nobody. `unnumbered` are accepted events of all times that
    carry no number. Numbering, silences that last and runs that never ended are as of `as_of`."""

    door: str
    name: str
    as_of: datetime
    since: datetime
    until: datetime
    state: str
    due: datetime | None
    first_seen: datetime | None
    last_seen: datetime | None
    accepted: int
    repeated: int
    quarantined: int
    refused: list[RefusedPushes]
    numbering: list[Numbering]
    unnumbered: int
    silences: list[Silence]
    unended_runs: list[Unended]
    last_events: list[EventLine]

    @property
    def refused_count(self) -> int:
        return sum(one.count for one in self.refused)

    def sentences(self) -> list[str]:
        """What must be said beside the numbers, so that empty is not mistaken for none."""
        said = [LIMITS]
        if self.name and self.door == "openlineage":
            said.append(
                "OpenLineage events carry no numbers, so a lost event can't be seen by its number; a run"
                " whose end is missing can."
            )
        elif self.name and not self.numbering:
            said.append("This source does not number its events; gaps can't be seen.")
        elif self.unnumbered:
            said.append(f"{self.unnumbered:,} accepted events of this source carry no number.")
        if self.quarantined and self.numbering:
            said.append("A number whose event lies in quarantine counts as missing until it is understood.")
        if self.state == "new":
            said.append("It is known too short to tell what pause is usual, so no silence can be told yet.")
        return said


def state_of(source: Source, now: datetime) -> tuple[str, datetime | None]:
    """Return `silent`, `sending` or `new`, and when it counts as silent if nothing comes."""
    due = silent_from(source)
    if due is None:
        return "new", None
    return ("silent" if now > due else "sending"), due


def report(
    door: str,
    name: str,
    *,
    now: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    listed: int = LISTED,
    stream: str = "",
    after: int = -1,
) -> Report:
    """Return the report of a source; of an empty name, of pushes with no token that is known.

    The period is widened to full hours. At most `listed` gaps of a stream, silences and runs are listed;
    of `stream` the gaps beyond the number `after`. Raises NoSuchSource, ValueError where the period ends
    before it begins.
    """
    since, until = _hours(now, since, until)
    numbering.fold()
    source = Source.objects.filter(door=door, name=name).first()
    period = Q(door=door, name=name, hour__gte=since, hour__lt=until)
    refusals = list(refused_pushes(period))
    if source is None and not refusals and not Refusal.objects.filter(door=door, name=name).exists():
        raise NoSuchSource(f"no source {name!r} is known at the door {door!r}")
    counted: dict[str, Any] = SourceHour.objects.filter(period).aggregate(
        accepted=Sum("accepted", default=0),
        repeated=Sum("repeated", default=0),
        quarantined=Sum("quarantined", default=0),
    )
    streams = numbering.numberings(name) if door == "cloudevents" and name else []
    _list_gaps(streams, listed, stream, after)
    state, due = state_of(source, now) if source else ("", None)
    return Report(
        door=door,
        name=name,
        as_of=now,
        since=since,
        until=until,
        state=state,
        due=due,
        first_seen=source.first_seen if source else None,
        last_seen=source.last_seen if source else None,
        **counted,
        refused=refusals,
        numbering=streams,
        unnumbered=_unnumbered(source, streams),
        silences=_silences(door, name, since, until, listed),
        unended_runs=unended(now, name, limit=listed) if door == "openlineage" and name else [],
        last_events=_last_events(door, name, since, until),
    )


def _hours(now: datetime, since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    until = until or now
    if until != hour_of(until):
        until = hour_of(until) + HOUR
    since = hour_of(since or until - DEFAULT_PERIOD)
    if since >= until:
        raise ValueError("the period ends before it begins")
    return since, until


def _list_gaps(streams: list[Numbering], listed: int, stream: str, after: int) -> None:
    paged = next((one.id for one in streams if one.stream == stream), 0)
    with_gaps = [one.id for one in streams if one.missing]
    if not with_gaps:
        return
    found = numbering.gaps(with_gaps, listed + 1, (paged, after))
    for one in streams:
        one.gaps = found.get(one.id, [])
        if len(one.gaps) > listed:
            one.gaps = one.gaps[:listed]
            one.next_after = one.gaps[-1].low


def _unnumbered(source: Source | None, streams: list[Numbering]) -> int:
    if source is None or not streams:
        return 0
    numbered = fetch("SELECT sum(events) FROM lineage_streamsender WHERE name = %s", [source.name])[0][0]
    return max(0, source.accepted - int(numbered))


def refused_pushes(which: Q) -> Iterator[RefusedPushes]:
    """Yield refusals added up by who and why, the most frequent first; one query."""
    rows = (
        Refusal.objects.filter(which)
        .values_list("door", "name", "status", "code")
        .annotate(total=Sum("count"), last=Max("last_at"))
        .order_by("-total", "door", "name", "status", "code")
    )
    return (RefusedPushes(*row) for row in rows)


def _silences(door: str, name: str, since: datetime, until: datetime, listed: int) -> list[Silence]:
    """Silences that touch the period, the latest first."""
    found = Finding.objects.filter(
        Q(ended_at=None) | Q(ended_at__gte=since), kind=Kind.SILENCE, door=door, name=name, since__lt=until
    )
    return [Silence(one.since, one.ended_at) for one in found.order_by("-since")[:listed]]


def _last_events(door: str, name: str, since: datetime, until: datetime) -> list[EventLine]:
    rows = fetch(
        """SELECT r.submission_id, r.index, b.received_at, r.outcome, r.code, r.event_type, r.event_time,
                  coalesce(n.sequence, '')
           FROM (SELECT id, received_at FROM lineage_submission
                 WHERE door = %(door)s AND source = %(name)s
                   AND received_at >= %(since)s AND received_at < %(until)s
                 ORDER BY received_at DESC LIMIT %(most)s) b
           CROSS JOIN LATERAL (SELECT DISTINCT ON (index) * FROM lineage_reading WHERE submission_id = b.id
                               ORDER BY index DESC, id DESC LIMIT %(most)s) r
           LEFT JOIN lineage_numbered n ON n.reading_id = r.id
           ORDER BY b.received_at DESC, r.submission_id, r.index DESC LIMIT %(most)s""",
        {"door": door, "name": name, "since": since, "until": until, "most": EVENTS_LISTED},
    )
    return [EventLine(*row) for row in rows]


class SourceLine(msgspec.Struct, frozen=True):
    """A source as a list has it, as of now. `numbers` says how it numbers: `declared`, `assumed`,
    `ordered`, or empty where it does not; `refused` counts the last 30 days."""

    source: Source
    state: str
    due: datetime | None
    numbers: str
    missing: int
    unended_runs: int
    refused: int


def lines(sources: Iterable[Source], now: datetime) -> list[SourceLine]:
    """Add to sources what is known to be missing; a few queries, however many sources."""
    sources = list(sources)
    numbering.fold()
    streams = {
        name: (numbers, int(missing))
        for name, numbers, missing in fetch(
            """SELECT m.name, CASE WHEN sum(s.assumed) > 0 THEN 'assumed'
                                   WHEN sum(s.declared) > 0 THEN 'declared' ELSE 'ordered' END,
                      sum(s.missing)
               FROM lineage_streamsender m JOIN lineage_stream s ON s.id = m.stream_id
               WHERE m.name = ANY(%s) GROUP BY 1""",
            [[one.name for one in sources]],
        )
    }
    runs = Counter(one.source for one in unended(now, limit=10_000))
    recent = Q(hour__gte=hour_of(now) - DEFAULT_PERIOD)
    refusals: Counter[tuple[str, str]] = Counter()
    for refused in refused_pushes(recent):
        refusals[refused.door, refused.name] += refused.count
    found = []
    for one in sources:
        state, due = state_of(one, now)
        numbers, missing = streams.get(one.name, ("", 0)) if one.door == "cloudevents" else ("", 0)
        overdue = runs[one.name] if one.door == "openlineage" else 0
        found.append(SourceLine(one, state, due, numbers, missing, overdue, refusals[one.door, one.name]))
    return found
