"""Which of their numbers the sources left out.

Each accepted event's number is a fact (`Numbered`). The facts of a CloudEvents source are folded into
ranges of numbers that all came; what lies between two ranges is missing. The fold is a union of sets, so
neither the order of arrival nor repetition matters, and a number that comes late closes its gap.

A source that begins anew at a low number gives numbers a second time, with other ids. All its rounds
are laid over each other: `reused` counts such events, and a gap of one round that another round fills
can't be seen. A source that starts afresh does better under another `source`.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Protocol

import msgspec
from django.db import connection, transaction

from factory.kit.bulk import copy_in, fetch
from lineage.intake.derived import Derived
from lineage.intake.source_models import Numbered

#: The advisory lock of whoever folds.
FOLDING = 0x706C756D63
#: Facts that are folded in one transaction.
_TOGETHER = 100_000


class Filed(Protocol):
    """What `keep` reads of an event that is accepted: see `intake.record.Filed`."""

    @property
    def arrival(self) -> Any: ...

    @property
    def event(self) -> Any: ...

    @property
    def derived(self) -> Derived: ...


def keep(filed: Iterable[Filed], known_at: datetime) -> None:
    """Put the numbers of accepted events on record; costs nothing where there are none."""
    rows = [
        (f.event.reading, *f.derived.identity, f.arrival.source, said.text, said.kind, said.number, known_at)
        for f in filed
        if (said := f.derived.sequence) is not None and f.derived.identity is not None
    ]
    columns = ("reading_id", "stream", "event", "name", "sequence", "sequence_type", "number", "known_at")
    copy_in(Numbered, columns, rows)


def fold() -> None:
    """Bring streams and ranges up to date with the facts. Quick where nothing is new; safe at any time."""
    while fetch(_NEW)[0][0]:
        with transaction.atomic():
            fetch("SELECT pg_advisory_xact_lock(%s)", [FOLDING])
            after, last = fetch(_BOUNDS, {"together": _TOGETHER})[0]
            if last is None:
                return
            bounds = {"after": after, "last": last}
            with connection.cursor() as cursor:
                for statement in (_STREAMS, _RANGES, _TOTALS):
                    cursor.execute(statement, bounds)


def forget() -> None:
    """Drop what is folded, in the caller's transaction; the next `fold` makes it again from the facts."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [FOLDING])
        cursor.execute("DELETE FROM lineage_numberrange")
        cursor.execute("DELETE FROM lineage_streamsender")
        cursor.execute("DELETE FROM lineage_stream")


_MARK = "(SELECT coalesce(max(folded), 0) FROM lineage_stream)"
_NEW = f"SELECT (SELECT max(reading_id) FROM lineage_numbered) > {_MARK}"
# readings get their ids while writers take turns, so no lower one is committed later
_BOUNDS = f"""
    SELECT {_MARK}, (SELECT max(reading_id) FROM (
        SELECT reading_id FROM lineage_numbered WHERE reading_id > {_MARK}
        ORDER BY reading_id LIMIT %(together)s) next)
"""
# Counts of this round's facts, each event once, however often it was read.
_STREAMS = """
    WITH fresh AS MATERIALIZED (
        SELECT n.* FROM lineage_numbered n
        WHERE n.reading_id > %(after)s AND n.reading_id <= %(last)s AND NOT EXISTS (
            SELECT 1 FROM lineage_reading r JOIN lineage_numbered o ON o.reading_id = r.id
            WHERE r.identity_source = n.stream AND r.identity_id = n.event AND r.identity_id IS NOT NULL
              AND r.outcome = 'accepted' AND r.id < n.reading_id)
    ), streams AS (
        INSERT INTO lineage_stream AS s (source, declared, assumed, uncounted, first_text, last_text,
                                         first_known, last_known, received, missing, folded)
        SELECT stream, count(*) FILTER (WHERE number IS NOT NULL AND sequence_type <> ''),
               count(*) FILTER (WHERE number IS NOT NULL AND sequence_type = ''),
               count(*) FILTER (WHERE number IS NULL),
               min(sequence) FILTER (WHERE number IS NULL), max(sequence) FILTER (WHERE number IS NULL),
               min(known_at), max(known_at), 0, 0, max(reading_id)
        FROM fresh GROUP BY stream
        ON CONFLICT (source) DO UPDATE SET
            declared = s.declared + excluded.declared, assumed = s.assumed + excluded.assumed,
            uncounted = s.uncounted + excluded.uncounted,
            first_text = least(s.first_text, excluded.first_text),
            last_text = greatest(s.last_text, excluded.last_text),
            last_known = greatest(s.last_known, excluded.last_known)
        RETURNING id, source
    )
    INSERT INTO lineage_streamsender AS m (stream_id, name, events)
    SELECT streams.id, fresh.name, count(*) FROM fresh JOIN streams ON streams.source = fresh.stream
    GROUP BY 1, 2
    ON CONFLICT (name, stream_id) DO UPDATE SET events = m.events + excluded.events
"""
# Ranges from one below the lowest new number up are taken out, joined with the new numbers, put back.
_RANGES = """
    WITH fresh AS MATERIALIZED (
        SELECT t.id AS stream_id, n.number, n.known_at
        FROM lineage_numbered n JOIN lineage_stream t ON t.source = n.stream
        WHERE n.reading_id > %(after)s AND n.reading_id <= %(last)s AND n.number IS NOT NULL
    ), lowest AS (
        SELECT stream_id, min(number) AS number FROM fresh GROUP BY 1
    ), taken AS (
        DELETE FROM lineage_numberrange r USING lowest l
        WHERE r.stream_id = l.stream_id AND r.high >= l.number - 1
        RETURNING r.stream_id, r.low, r.high, r.since
    ), pieces AS (
        SELECT * FROM taken UNION ALL SELECT stream_id, number, number, known_at FROM fresh
    ), begun AS (
        SELECT *, low > 1 + max(high) OVER (PARTITION BY stream_id ORDER BY low, high
                                            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS parted
        FROM pieces
    ), grouped AS (
        SELECT *, count(*) FILTER (WHERE parted) OVER (PARTITION BY stream_id ORDER BY low, high
                                                       ROWS UNBOUNDED PRECEDING) AS place
        FROM begun
    )
    INSERT INTO lineage_numberrange (stream_id, low, high, since)
    SELECT stream_id, min(low), max(high), min(since) FROM grouped GROUP BY stream_id, place
"""
_TOTALS = """
    UPDATE lineage_stream s
    SET folded = f.folded, low = r.low, high = r.high, received = coalesce(r.received, 0),
        missing = coalesce(r.high::numeric - r.low + 1 - r.received, 0)
    FROM (SELECT stream, max(reading_id) AS folded FROM lineage_numbered
          WHERE reading_id > %(after)s AND reading_id <= %(last)s GROUP BY 1) f
    JOIN lineage_stream t ON t.source = f.stream
    LEFT JOIN LATERAL (SELECT min(low) AS low, max(high) AS high, sum(high - low + 1) AS received
                       FROM lineage_numberrange WHERE stream_id = t.id) r ON true
    WHERE s.id = t.id
"""


#: How a stream's numbers are to be taken: see `Numbering`.
COUNTING = """CASE WHEN s.assumed > 0 THEN 'assumed' WHEN s.declared > 0 THEN 'declared' ELSE 'ordered' END"""


def as_sent(number: int, counting: str) -> int:
    """Return a number as its source writes it: below zero where it has wrapped round."""
    return number - 2**32 if counting == "declared" and number >= 2**31 else number


class Gap(msgspec.Struct, frozen=True):
    """Numbers `low` to `high` that never came, and since when that could be known."""

    low: int
    high: int
    since: datetime

    @property
    def missing(self) -> int:
        return self.high - self.low + 1


def gaps(
    streams: Collection[int], limit: int = 100, after: tuple[int, int] = (0, -1)
) -> dict[int, list[Gap]]:
    """Return the gaps of streams that have any, lowest first, at most `limit` of each; one query.

    `after` is a stream and a number: only the gaps beyond it are returned of that one. Call `fold` before.
    """
    found: dict[int, list[Gap]] = {}
    rows = fetch(
        f"""SELECT stream_id, low, high, since FROM (
                SELECT *, row_number() OVER (PARTITION BY stream_id ORDER BY low) AS place
                FROM ({gaps_where("stream_id = ANY(%(streams)s)")}) g
                WHERE NOT (stream_id = %(paged)s AND low <= %(after)s)) placed
            WHERE place <= %(limit)s ORDER BY stream_id, low""",
        {"streams": list(streams), "paged": after[0], "after": after[1], "limit": limit},
    )
    for stream, *gap in rows:
        found.setdefault(stream, []).append(Gap(*gap))
    return found


def gaps_where(which: str) -> str:
    """The query of all gaps in the ranges that a condition leaves: (stream_id, low, high, since). A gap can
    be known once a number on each side of it is."""
    return f"""
        SELECT stream_id, high + 1 AS low, next - 1 AS high, greatest(below, above) AS since
        FROM (SELECT stream_id, high, below, lead(low) OVER up AS next, lead(from_here) OVER up AS above
              FROM (SELECT *, min(since) OVER (PARTITION BY stream_id ORDER BY low) AS below,
                           min(since) OVER (PARTITION BY stream_id ORDER BY low DESC) AS from_here
                    FROM lineage_numberrange WHERE {which}) ranges
              WINDOW up AS (PARTITION BY stream_id ORDER BY low)) pairs
        WHERE next IS NOT NULL
    """


class Numbering(msgspec.Struct):
    """How one CloudEvents source numbers what it sends through a source of Plumbline's.

    `counting` is `declared` (sequencetype Integer), `assumed` (whole numbers of no stated type) or
    `ordered` (gaps can't be seen). `events` are different events, of which `uncounted` carry no number
    that can be counted and `reused` one that another event had; `received` are different numbers.
    """

    id: int
    stream: str
    counting: str
    events: int
    uncounted: int
    reused: int
    first: str
    last: str
    received: int
    missing: int
    senders: list[str]
    gaps: list[Gap] = []
    #: Where the next gaps are, `low` of the last one that is listed.
    next_after: int | None = None


def numberings(name: str, *, most: int = 100) -> list[Numbering]:
    """Return the streams that a source (token) sent numbered events of, those with gaps first; one query."""
    rows = fetch(
        f"""SELECT s.id, s.source, {COUNTING}, s.declared + s.assumed, s.uncounted, s.first_text, s.last_text,
                  s.low, s.high, s.received, s.missing,
                  (SELECT array_agg(o.name ORDER BY o.name) FROM lineage_streamsender o
                   WHERE o.stream_id = s.id)
           FROM lineage_streamsender m JOIN lineage_stream s ON s.id = m.stream_id
           WHERE m.name = %s ORDER BY s.missing > 0 DESC, s.source LIMIT %s""",
        [name, most],
    )
    return [_numbering(*row) for row in rows]


def _numbering(
    id_: int,
    stream: str,
    counting: str,
    counted: int,
    uncounted: int,
    first_text: str | None,
    last_text: str | None,
    low: int | None,
    high: int | None,
    received: int,
    missing: Any,
    senders: list[str],
) -> Numbering:
    return Numbering(
        id=id_,
        stream=stream,
        counting=counting,
        events=counted + uncounted,
        uncounted=uncounted if counted else 0,
        reused=counted - received,
        first=first_text or "" if low is None else str(as_sent(low, counting)),
        last=last_text or "" if high is None else str(as_sent(high, counting)),
        received=received,
        missing=int(missing),
        senders=senders,
    )


def missing_of(names: set[str]) -> int:
    """Return how many numbers are missing of the streams that these sources sent; one cheap query."""
    return int(
        fetch(
            """SELECT coalesce(sum(missing), 0) FROM lineage_stream WHERE missing > 0 AND id IN (
                   SELECT stream_id FROM lineage_streamsender WHERE name = ANY(%s))""",
            [list(names)],
        )[0][0]
    )
