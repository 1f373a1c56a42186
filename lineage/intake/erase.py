"""Erasing events: their bodies' keys are destroyed, and what was read out of them is made unreadable.

The graph stays: an outcome is still an answer of its deployment and of the versions behind it, without its
name and without what it says. `rebuild` and `replay` come to the same erased state afterwards.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from factory.kit.bulk import fetch, json_text
from factory.kit.sealing import digest, wrap
from lineage.entities.keys import NodeKey
from lineage.entities.take_in import take_in
from lineage.intake import retract
from lineage.intake.arrival import Arrival
from lineage.intake.derived import Refused
from lineage.intake.doors import DOORS, split
from lineage.intake.models import Submission
from lineage.intake.record import next_moment, settle_from
from lineage.intake.vault import BodyDestroyed, open_body, period_key, seal

#: A submission and the place of an event in it.
EventId = tuple[UUID, int]

#: What stays of a statement, because the graph rests on it and it tells of nobody.
STRUCTURE = frozenset(
    [
        *("run_state", "job", "parent", "made", "operation", "previous", "same_as", "renamed_from"),
        *("dropped", "digest", "state", "severity", "drill", "opened", "closed", "deployment", "department"),
        *("classification", "risk_class", "personal_data"),
    ]
)
#: Kinds of nodes whose name goes too.
NAMED = ("outcome", "user")
_EMPTY = b'{"facets":{},"attributes":{}}'
_body = msgspec.json.Decoder(dict[str, dict[str, msgspec.Raw]])


class Counts(NamedTuple):
    """What an erasure destroys, or would: bodies whole, and bodies of which the events of others stay."""

    events: int = 0
    bodies: int = 0
    bodies_in_part: int = 0
    readings: int = 0
    statements: int = 0
    nodes: int = 0

    def plus(self, other: "Counts") -> "Counts":
        return Counts(*(mine + its for mine, its in zip(self, other, strict=True)))


# --- which events ---------------------------------------------------------------------------------
def events_about(names: Collection[str | bytes]) -> list[EventId]:
    """Return the events that name any of these, and all that tell of outcomes about them.

    `names` are as `mentioned` spells them, or their keyed digests. The events that name them come last:
    as long as one is left, what belongs to it is found, so that an erasure can go on where it stopped.
    """
    about = [name if isinstance(name, bytes) else digest(name) for name in names]
    return [
        (submission, index)
        for submission, index, _ in fetch(
            """
            WITH named AS (SELECT submission_id, index FROM lineage_mention WHERE about = ANY(%(about)s)),
            outcomes AS (
                SELECT DISTINCT m.about FROM named JOIN lineage_mention m USING (submission_id, index)
                WHERE m.is_outcome
            ), told AS (
                SELECT submission_id, index, true AS itself FROM named UNION ALL
                SELECT m.submission_id, m.index, false FROM outcomes JOIN lineage_mention m USING (about)
            )
            SELECT submission_id, index, bool_or(itself) FROM told
            GROUP BY 1, 2 ORDER BY 3, 1, 2
            """,
            {"about": about},
        )
    ]


def events_of(submission: UUID) -> list[EventId]:
    """Return the events of a submission that are not erased yet."""
    rows = fetch(
        """SELECT DISTINCT index FROM lineage_reading WHERE submission_id = %s AND code <> 'erased'
           ORDER BY 1""",
        [submission],
    )
    return [(submission, index) for (index,) in rows]


def count(events: Collection[EventId]) -> Counts:
    """Return what erasing these events would destroy."""
    hit = Counter(submission for submission, _ in events)
    bodies = fetch(
        """SELECT r.submission_id, count(DISTINCT r.index)
           FROM lineage_reading r JOIN lineage_bodykey k USING (submission_id)
           WHERE r.submission_id = ANY(%s) AND r.code <> 'erased' GROUP BY 1""",
        [list(hit)],
    )
    readings = [row.id for row in _readings(events)]
    statements, nodes = _statements(readings)
    return Counts(
        events=len(events),
        bodies=sum(1 for submission, there in bodies if there <= hit[submission]),
        bodies_in_part=sum(1 for submission, there in bodies if there > hit[submission]),
        readings=len(readings),
        statements=len(statements),
        nodes=len(_alone([node for node, kind in nodes.items() if kind in NAMED], readings)),
    )


def nodes_named(events: Collection[EventId]) -> list[NodeKey]:
    """Return the outcomes that these events tell of, and the people: their names go, unless others are left
    that tell of them too."""
    if not events:
        return []
    rows = fetch(
        """SELECT DISTINCT n.kind, n.namespace, n.name, n.version
           FROM lineage_statement s JOIN lineage_node n ON n.id = s.node_id
           WHERE s.reading_id = ANY(%s) AND n.kind = ANY(%s) ORDER BY 1, 2, 3""",
        [[row.id for row in _readings(events)], list(NAMED)],
    )
    return [NodeKey(*row) for row in rows]


def _columns(events: Iterable[EventId]) -> tuple[list[UUID], list[int]]:
    pairs = list(events)
    return [submission for submission, _ in pairs], [index for _, index in pairs]


# --- the act --------------------------------------------------------------------------------------
def erase(erasure: UUID, by: str, events: Collection[EventId]) -> Counts:
    """Erase these events, in the caller's transaction. Safe to repeat.

    `erasure` is the act's id and `by` who does it: the database keeps both with what was erased.
    Raises OperationalError where writers hold the turnstile for too long; nothing has changed then.
    """
    readings = _readings(events)
    prepared = _prepare(events, readings)
    # everybody who pushes waits from here on
    known_at = next_moment()
    if (now := _readings(events)) != readings:
        readings, prepared = now, _prepare(events, now)
    hit, destroyed, rests, statements, nodes = prepared
    named = _alone({node for node, kind in nodes.items() if kind in NAMED}, [row.id for row in readings])
    done = Counts(
        sum(map(len, hit.values())),
        len(destroyed),
        len(rests),
        len(readings),
        len(statements),
        len(named),
    )
    what = done._asdict() | {
        "submissions": sorted(str(one) for one in hit),
        "erased_nodes": sorted(named),
    }
    fetch(
        "SELECT lineage_erase(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            *(erasure, by, json_text(what), destroyed),
            *([one.submission for one in rests], [one.body for one in rests], [one.key for one in rests]),
            *([row.id for row in readings], [row.identity for row in readings]),
            *([row.retracts for row in readings], [id_ for id_, _ in statements]),
            *([body for _, body in statements], list(named)),
        ],
    )
    fetch(
        """WITH gone AS (DELETE FROM lineage_mention m
               USING unnest(%s::uuid[], %s::int[]) AS e(submission_id, index)
               WHERE m.submission_id = e.submission_id AND m.index = e.index)
           SELECT 1""",
        list(_columns((submission, index) for submission, found in hit.items() for index in found)),
    )
    _fold_again(set(nodes), known_at)
    return done


class _Prepared(NamedTuple):
    """What is to be done: the places of events in their submissions, bodies that go, what is left of others
    and of statements, and the nodes that are to be folded again, with their kinds."""

    hit: dict[UUID, set[int]]
    destroyed: list[UUID]
    rests: "list[_Rest]"
    statements: list[tuple[int, bytes]]
    nodes: dict[int, str]


def _prepare(events: Collection[EventId], readings: "list[_Reading]") -> _Prepared:
    hit: dict[UUID, set[int]] = defaultdict(set)
    for submission, index in (*events, *((row.submission, row.event) for row in readings)):
        hit[submission].add(index)
    return _Prepared(hit, *_bodies(hit), *_statements([row.id for row in readings]))


class _Reading(NamedTuple):
    id: int
    submission: UUID
    event: int
    identity: str | None
    retracts: str | None


def _readings(events: Collection[EventId]) -> list[_Reading]:
    """All readings of these events, and of the events that take them back."""
    rows = fetch(
        """
        WITH hit AS (
            SELECT r.* FROM unnest(%s::uuid[], %s::int[]) AS e(submission_id, index)
            JOIN lineage_reading r USING (submission_id, index)
        )
        SELECT id, submission_id, index, identity_source, identity_id, retracts_source, retracts_id FROM hit
        UNION
        SELECT t.id, t.submission_id, t.index, t.identity_source, t.identity_id, t.retracts_source,
               t.retracts_id
        FROM hit JOIN lineage_reading t ON t.retracts_source = hit.identity_source
                                       AND t.retracts_id = hit.identity_id
        WHERE t.outcome = 'accepted' AND t.retracts_id IS NOT NULL AND hit.code <> 'erased'
        """,
        list(_columns(events)),
    )
    return [
        _Reading(id_, submission, index, _opaque(source, name), _opaque(taken_source, taken_name))
        for id_, submission, index, source, name, taken_source, taken_name in rows
    ]


def _opaque(source: str | None, id_: str | None) -> str | None:
    """A name for an event that tells nothing, the same for all who name the event."""
    if source is None or id_ is None or id_.startswith("erased:"):
        return id_
    return "erased:" + digest(f"event:{source}\n{id_}").hex()


class _Rest(NamedTuple):
    """What is left of a batch: sealed anew, under a new key."""

    submission: UUID
    body: bytes
    key: bytes


def _bodies(hit: dict[UUID, set[int]]) -> tuple[list[UUID], list[_Rest]]:
    """Tell the bodies that go from those of which other people's events stay."""
    destroyed: list[UUID] = []
    rests: list[_Rest] = []
    for submission in Submission.objects.filter(pk__in=list(hit)).order_by("id"):
        rest = _without(submission, hit[submission.pk])
        if rest is None:
            destroyed.append(submission.pk)
        else:
            _, month = period_key(submission.received_at.date())
            sealed, key = seal(rest, submission.pk.bytes)
            rests.append(_Rest(submission.pk, sealed, wrap(key, month)))
    return destroyed, rests


def _without(submission: Submission, indexes: set[int]) -> bytes | None:
    """Return a batch with nothing in the places of these events; None where nothing else is in it."""
    if not submission.batch:
        return None
    try:
        arrival = Arrival(
            id=submission.pk,
            door=submission.door,
            source=submission.source,
            received_at=submission.received_at,
            content_type=submission.content_type,
            headers=submission.headers,
            body=open_body(submission),
            batch=True,
            reader=DOORS[submission.door].revision,
            events=[],
            stored=True,
        )
        raws = split(arrival)
    except (BodyDestroyed, Refused):
        return None
    left = [b"null" if index in indexes else raw for index, raw in enumerate(raws)]
    return b"[" + b",".join(left) + b"]" if set(left) != {b"null"} else None


def _alone(nodes: Collection[int], readings: list[int]) -> set[int]:
    """Return those of the nodes of which nothing but these readings speaks."""
    rows = fetch(
        """SELECT node FROM unnest(%s::bigint[]) AS n(node) WHERE NOT EXISTS (
               SELECT FROM lineage_statement o JOIN lineage_reading r ON r.id = o.reading_id
               WHERE o.node_id = n.node AND r.code <> 'erased' AND NOT r.id = ANY(%s))""",
        [list(nodes), readings],
    )
    return {node for (node,) in rows}


def _statements(readings: list[int]) -> tuple[list[tuple[int, bytes]], dict[int, str]]:
    """Return what is left of the statements of these readings, and the nodes that are to be folded again."""
    rows = fetch(
        """SELECT s.id, s.body, n.id, n.kind
           FROM lineage_statement s JOIN lineage_node n ON n.id = s.node_id
           WHERE s.reading_id = ANY(%s)""",
        [readings],
    )
    left: list[tuple[int, bytes]] = []
    nodes: dict[int, str] = {}
    for id_, body, node, kind in rows:
        if kind in NAMED or bytes(body) != _EMPTY:
            nodes[node] = kind
        if bytes(body) != _EMPTY:
            left.append((id_, _left_of(bytes(body))))
    return left, nodes


def _left_of(body: bytes) -> bytes:
    attributes = {
        name: raw for name, raw in _body.decode(body)["attributes"].items() if name in STRUCTURE
    } | {"erased": msgspec.Raw(b"true")}
    return msgspec.json.encode({"facets": {}, "attributes": attributes})


def _fold_again(nodes: set[int], known_at: datetime) -> None:
    """Derive again what stands of these nodes."""
    if not nodes:
        return
    said = retract.statements_of(nodes)
    rows = fetch(
        "SELECT id, kind, namespace, name, version FROM lineage_node WHERE id = ANY(%s)", [list(nodes)]
    )
    fetch(
        """WITH renamed AS (
               UPDATE lineage_nodestate s SET name = n.name FROM lineage_node n
               WHERE n.id = s.node_id AND n.id = ANY(%s) AND s.name <> n.name)
           SELECT 1""",
        [list(nodes)],
    )
    taken = take_in(said, {NodeKey(*row[1:]): row[0] for row in rows}, afresh=frozenset(nodes))
    settle_from(taken, [], nodes, known_at)
