"""Walking the graph: what shaped a node, and what a node shaped, as of any moment of either clock."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal, NamedTuple

import msgspec

from factory.kit.bulk import fetch
from lineage.entities.keys import NodeKey
from lineage.graph.complete import Completeness, completeness_of
from lineage.graph.models import FLOW_KINDS
from lineage.graph.roots import Root, answering_for, one_snapshot, settled

Direction = Literal["upstream", "downstream", "both"]
DEFAULT_DEPTH = 5
MAX_DEPTH = 100
DEFAULT_LIMIT = 1000
MAX_LIMIT = 10_000


class TraceNode(msgspec.Struct):
    """A node of the answer. `depth` is the number of runs on the shortest way from the root."""

    key: str
    kind: str
    namespace: str
    name: str
    version: str
    depth: int
    title: str
    department: str
    owners: list[str]
    classification: str
    state: str
    began_at: datetime | None
    ended_at: datetime | None
    inferred: bool
    conflicting: bool
    attributes: dict[str, Any]


class TraceEdge(msgspec.Struct):
    """An edge of the answer, pointing the way the data flowed. `evidence` are ids of submissions."""

    source: str
    target: str
    kind: str
    basis: str
    valid_from: datetime | None
    valid_to: datetime | None
    known_from: datetime
    superseded_at: datetime | None
    evidence: list[str]
    asserted_by: list[str]
    detail: dict[str, Any]


class Trace(msgspec.Struct):
    """An answer. `roots` are the keys that stand for the root at that moment (versions of a dataset)."""

    root: str
    roots: list[str]
    direction: str
    depth: int
    at: datetime
    known_at: datetime
    nodes: list[TraceNode]
    edges: list[TraceEdge]
    #: How many nodes to skip for the rest of the answer; None where this is all.
    next: int | None
    completeness: Completeness


class _Step(NamedTuple):
    """A step of a walk: how many runs from the root, in the first direction or the second, which one."""

    depth: int
    direction: int
    number: int


class _Walked(msgspec.Struct):
    steps: dict[int, _Step]
    edges: dict[int, tuple[Any, ...]]
    truncated: bool


def trace(
    root: NodeKey,
    *,
    direction: Direction = "upstream",
    depth: int = DEFAULT_DEPTH,
    at: datetime | None = None,
    known_at: datetime | None = None,
    limit: int = DEFAULT_LIMIT,
    offset: int = 0,
) -> Trace:
    """Return what the root came from (`upstream`), what came of it (`downstream`), or both.

    `depth` counts runs, at most MAX_DEPTH. `at` asks for what was true then; the default is now, or
    for an outcome the moment it was given. `known_at` asks for what was known then. At most `limit`
    nodes are returned, nearest first, after the first `offset`.

    Raises NodeState.DoesNotExist where the root was never heard of.
    """
    known_at = settled(known_at)
    with one_snapshot():
        return _trace(answering_for(root, at, known_at), direction, min(depth, MAX_DEPTH), limit, offset)


def _trace(origin: Root, direction: Direction, depth: int, limit: int, offset: int) -> Trace:
    walked = _Walked({}, {}, False)
    for place, one in enumerate(("upstream", "downstream") if direction == "both" else (direction,)):
        _walk(walked, origin, one, place, depth, offset + limit)
    ordered = sorted(walked.steps, key=lambda id_: (walked.steps[id_], id_))
    reached = set(ordered[: offset + limit])
    page = {id_: walked.steps[id_].depth for id_ in ordered[offset : offset + limit]}
    more = len(ordered) > offset + limit
    # an edge belongs to the page of its later end
    ends = [(row, row[1:3]) for row in walked.edges.values()]
    rows = [row for row, both in ends if reached.issuperset(both) and not page.keys().isdisjoint(both)]
    nodes = _nodes(page)
    _mark_failed_checks(nodes, origin)
    keys = {id_: node.key for id_, node in nodes.items()}
    if beyond := {*origin.ids, *(id_ for row in rows for id_ in row[1:3])} - keys.keys():
        keys |= _keys(beyond)
    edges = _edges(rows, keys, origin)
    return Trace(
        root=str(origin.key),
        roots=[keys[id_] for id_ in origin.ids],
        direction=direction,
        depth=depth,
        at=origin.at,
        known_at=origin.known_at,
        nodes=list(nodes.values()),
        edges=edges,
        next=offset + limit if more else None,
        completeness=completeness_of(nodes.values(), edges, truncated=more or walked.truncated),
    )


def _walk(walked: _Walked, origin: Root, direction: str, place: int, depth: int, enough: int) -> None:
    """Add what is reached: breadth first by the number of runs.

    A step over an edge costs nothing unless it enters a run, so that a chain of appended versions is
    one step of lineage; those free steps are taken first. Once more than `enough` nodes are reached,
    that will do: nodes are ordered by the step that reached them, so that what a longer walk would
    find comes after these.
    """
    ahead = _Ahead(direction, origin)
    step = _Step(0, place, 0)
    reached = dict.fromkeys(origin.ids, step)
    frontier = list(origin.ids)
    waiting: dict[int, None] = {}  # runs, which begin the next depth
    while frontier or waiting:
        if len(reached) > enough:
            walked.truncated = True
            # what was reached last may still lead to what was reached before
            walked.edges |= {edge[0]: edge for edge in ahead.edges_from(frontier, 1)}
            break
        step = step._replace(number=step.number + 1)
        if not frontier:
            step = step._replace(depth=step.depth + 1)
            if step.depth > depth:
                walked.truncated = True
                break
            frontier, waiting = list(waiting), {}
            reached |= dict.fromkeys(frontier, step)
            continue
        following: list[int] = []
        for edge in ahead.edges_from(frontier, 2 * (depth - step.depth) + 1):
            far, is_run = edge[1 if direction == "upstream" else 2], edge[-1]
            walked.edges.setdefault(edge[0], edge)
            if far in reached:
                continue
            if is_run:
                waiting[far] = None
            else:
                reached[far] = step
                following.append(far)
        frontier = following
    for id_, by in reached.items():
        walked.steps[id_] = min(by, walked.steps.get(id_, by))


#: How many steps and how many nodes to look ahead of the walk: a query costs more than what it brings.
_STEPS_AHEAD = 8
_NODES_AHEAD = 500
_AHEAD = """
    WITH RECURSIVE ahead (id, steps) AS (
        SELECT unnest(%(ids)s::bigint[]), 1
        UNION
        SELECT e.far, ahead.steps + 1 FROM ahead CROSS JOIN LATERAL (
            SELECT e.{far} AS far FROM lineage_edge e WHERE e.{near} = ahead.id AND {stands} OFFSET 0
        ) e
        WHERE ahead.steps < %(steps)s
    )
    SELECT met.id, e.*
    FROM (SELECT DISTINCT id FROM (SELECT id FROM ahead LIMIT %(most)s) first) met
    LEFT JOIN LATERAL (
        SELECT e.id, e.source_id, e.target_id, e.kind, e.basis, e.valid_from, e.valid_to, e.known_from,
               e.superseded_at, e.actor_id, e.entity_id, e.detail, e.mended, n.kind = 'run'
        FROM lineage_edge e JOIN lineage_node n ON n.id = e.{far}
        WHERE e.{near} = met.id AND {stands}
        OFFSET 0
    ) e ON true
"""
_STANDS = """
    e.kind = ANY(%(kinds)s)
    AND (e.valid_from IS NULL OR e.valid_from <= %(at)s) AND (e.valid_to IS NULL OR e.valid_to > %(at)s)
    AND e.known_from <= %(known_at)s AND (e.superseded_at IS NULL OR e.superseded_at > %(known_at)s)
"""


class _Ahead:
    """The edges that lead on from nodes, fetched some steps ahead of who asks for them."""

    def __init__(self, direction: str, origin: Root) -> None:
        ends = ("target_id", "source_id") if direction == "upstream" else ("source_id", "target_id")
        self.query = _AHEAD.format(near=ends[0], far=ends[1], stands=_STANDS)
        self.moment = {"kinds": list(FLOW_KINDS), "at": origin.at, "known_at": origin.known_at}
        self.met: dict[int, list[tuple[Any, ...]]] = {}

    def edges_from(self, nodes: list[int], steps: int) -> Iterator[tuple[Any, ...]]:
        """Yield the edges of all nodes; the walk goes on for at most `steps` steps, this one included."""
        if new := [node for node in nodes if node not in self.met]:
            most = {"most": len(new) + _NODES_AHEAD, "steps": min(steps, _STEPS_AHEAD)}
            found: dict[int, list[tuple[Any, ...]]] = {}
            for node, *edge in fetch(self.query, self.moment | most | {"ids": new}):
                edges = found.setdefault(node, [])
                if edge[0] is not None:
                    edges.append(tuple(edge))
            self.met |= found
        for node in nodes:
            yield from self.met[node]


def _nodes(depths: dict[int, int]) -> dict[int, TraceNode]:
    rows = fetch(
        # who answers for a version or a run answers for its dataset, model or job, unless it says otherwise
        """SELECT n.id, n.kind, n.namespace, n.name, n.version,
                  coalesce(nullif(s.title, ''), e.title, ''),
                  coalesce(nullif(s.department, ''), e.department, ''),
                  coalesce(nullif(s.owners, '{}'), e.owners, '{}'),
                  coalesce(nullif(s.classification, ''), e.classification, ''),
                  coalesce(s.state, ''), s.began_at, s.ended_at, coalesce(s.inferred, false),
                  coalesce(s.conflicting, false), coalesce(s.attributes, '{}')
           FROM lineage_node n
           LEFT JOIN lineage_nodestate s ON s.node_id = n.id
           LEFT JOIN lineage_nodestate e ON e.node_id = s.entity_id
           WHERE n.id = ANY(%s)""",
        [list(depths)],
    )
    nodes = {}
    for id_, kind, namespace, name, version, *rest, attributes in rows:
        key = NodeKey(kind, namespace, name, version)
        values = msgspec.json.decode(attributes) if isinstance(attributes, str) else attributes
        nodes[id_] = TraceNode(*(str(key), kind, namespace, name, version, depths[id_], *rest, values))
    return dict(sorted(nodes.items(), key=lambda item: (item[1].depth, item[1].key)))


def _keys(ids: set[int]) -> dict[int, str]:
    rows = fetch(
        "SELECT kind, namespace, name, version, id FROM lineage_node WHERE id = ANY(%s)", [list(ids)]
    )
    return {row[4]: str(NodeKey(*row[:4])) for row in rows}


def _mark_failed_checks(nodes: dict[int, TraceNode], origin: Root) -> None:
    """Mark versions that no source named with the checks that failed on them.

    Whoever checks a dataset without naming a version says so of its own reading or writing; a named
    version has the mark from its statements.
    """
    rows = fetch(
        """SELECT CASE e.kind WHEN 'wrote' THEN e.target_id ELSE e.source_id END,
                  max((e.detail->>'assertions_failed')::int)
           FROM lineage_nodestate s JOIN lineage_edge e ON e.entity_id = s.entity_id
           WHERE s.node_id = ANY(%(ids)s) AND s.kind IN ('dataset_version', 'model_version')
             AND e.basis = 'inferred' AND e.detail ? 'assertions_failed' AND e.kind IN ('read', 'wrote')
             AND s.node_id = CASE e.kind WHEN 'wrote' THEN e.target_id ELSE e.source_id END
             AND e.known_from <= %(known_at)s AND (e.superseded_at IS NULL OR e.superseded_at > %(known_at)s)
           GROUP BY 1""",
        {"ids": list(nodes), "known_at": origin.known_at},
    )
    for id_, failed in rows:
        attributes = nodes[id_].attributes
        attributes["assertions_failed"] = max(failed, attributes.get("assertions_failed") or 0)


def _edges(rows: list[tuple[Any, ...]], keys: dict[int, str], origin: Root) -> list[TraceEdge]:
    evidence = _evidence(rows, origin.known_at)
    edges = []
    for row in rows:
        submissions, asserters = evidence.get(row[0], ([], []))
        detail = msgspec.json.decode(row[11]) if isinstance(row[11], str) else row[11]
        edges.append(
            TraceEdge(
                source=keys[row[1]],
                target=keys[row[2]],
                kind=row[3],
                basis=row[4],
                valid_from=row[5],
                valid_to=row[6],
                known_from=row[7],
                superseded_at=None,  # whatever became of it later: as known then, it stood
                evidence=submissions,
                asserted_by=asserters,
                detail=(detail or {}) | ({"mended": True} if row[12] else {}),
            )
        )
    return sorted(edges, key=lambda e: (e.source, e.target, e.kind))


def _evidence(rows: list[tuple[Any, ...]], known_at: datetime) -> dict[int, tuple[list[str], list[str]]]:
    """Return, for each edge, the submissions whose claims it rests on, and who made them."""
    if not rows:
        return {}
    found = fetch(
        """
        SELECT e.id, array_agg(DISTINCT r.submission_id::text), array_agg(DISTINCT c.asserter)
        FROM lineage_edge e
        JOIN lineage_node far
          ON far.id = CASE WHEN e.source_id = e.actor_id THEN e.target_id ELSE e.source_id END
        JOIN lineage_node n ON n.id = e.actor_id
        JOIN LATERAL (
            SELECT e.actor_id AS id UNION ALL
            SELECT node_id FROM lineage_nodestate WHERE canonical_id = e.actor_id
        ) actor ON true
        JOIN LATERAL (
            SELECT e.entity_id AS id UNION ALL
            SELECT node_id FROM lineage_nodestate WHERE canonical_id = e.entity_id
        ) entity ON true
        JOIN lineage_claimfact c ON c.actor_id = actor.id AND c.entity_id = entity.id
         AND c.kind = CASE WHEN e.kind = 'succeeds' AND n.kind = 'run' THEN 'wrote' ELSE e.kind END
         AND (c.version = '' OR e.basis = 'inferred' OR c.version = far.version)
        JOIN lineage_reading r ON r.id = c.reading_id AND r.known_at <= %(known_at)s
        WHERE e.id = ANY(%(ids)s)
          AND NOT EXISTS (SELECT 1 FROM lineage_retracted x
                          WHERE x.reading_id = c.reading_id AND x.known_at <= %(known_at)s)
          -- what was claimed under a name that had an edge of its own then was no evidence of this one
          AND ((actor.id, entity.id) = (e.actor_id, e.entity_id) OR NOT EXISTS (
                SELECT 1 FROM lineage_edge o
                WHERE (o.source_id = actor.id OR o.target_id = actor.id) AND o.kind = e.kind
                  AND (o.actor_id, o.entity_id) = (actor.id, entity.id) AND o.known_from <= %(known_at)s
                  AND (o.superseded_at IS NULL OR o.superseded_at > %(known_at)s)))
        GROUP BY e.id
        """,
        {"known_at": known_at, "ids": [row[0] for row in rows]},
    )
    return {id_: (submissions, asserters) for id_, submissions, asserters in found}
