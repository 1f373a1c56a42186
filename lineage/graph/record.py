"""Writing the difference between the edges that stand and those that should."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection

from factory.kit.bulk import copy_in, fetch_often, take_ids
from factory.kit.canonical import canonical
from lineage.graph.models import Edge, EdgeFact

#: The revision of the rules by which edges are concluded; kept with every conclusion.
REVISION = "graph/1"


class Wanted(msgspec.Struct, frozen=True):
    """An edge that should stand; see `graph.models.Link` for the columns. `detail` is canonical JSON."""

    source: int
    target: int
    kind: str
    basis: str
    actor: int
    entity: int
    as_of: datetime | None
    valid_from: datetime | None
    valid_to: datetime | None
    detail: str


_LINK = (
    "source_id",
    "target_id",
    "kind",
    "basis",
    "actor_id",
    "entity_id",
    "as_of",
    "valid_from",
    "valid_to",
    "detail",
)


def record(
    actors: Collection[int], wanted: list[Wanted], known_at: datetime, *, watch: str = ""
) -> dict[int, datetime]:
    """Make `wanted` all that stands of `actors`.

    Return, for the edge kind `watch`, the actors whose edges changed, each with the earliest moment
    of validity that is touched.
    """
    standing = _standing(actors)
    goal = dict.fromkeys(wanted)
    added = [edge for edge in goal if edge not in standing]
    gone = {edge: id_ for edge, id_ in standing.items() if edge not in goal}
    if not added and not gone:
        return {}
    ids = take_ids(EdgeFact, len(added) + len(gone))
    new_ids, closing_ids = ids[: len(added)], ids[len(added) :]
    replaced: dict[tuple[int, str, int], set[tuple[int, int]]] = defaultdict(set)
    for edge in gone:
        replaced[edge.actor, edge.kind, edge.entity].add((edge.source, edge.target))

    known = str(known_at)
    facts, rows = [], []
    for id_, edge in zip(new_ids, added, strict=True):
        link = _link(edge)
        ends = replaced.get((edge.actor, edge.kind, edge.entity), set())
        mended = bool(ends) and (edge.source, edge.target) not in ends
        facts.append((id_, *link, known, None, REVISION))
        rows.append((id_, *link, known, mended))
    facts += [
        (id_, *_link(edge), known, closed, REVISION)
        for id_, (edge, closed) in zip(closing_ids, gone.items(), strict=True)
    ]
    copy_in(EdgeFact, ("id", *_LINK, "known_at", "closes", "reader"), facts)
    if gone:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE lineage_edge SET superseded_at = %s WHERE id = ANY(%s)",
                [known_at, list(gone.values())],
            )
    if rows:
        copy_in(Edge, ("id", *_LINK, "known_from", "mended"), rows)
    return _earliest([edge for edge in (*added, *gone) if edge.kind == watch])


def _link(edge: Wanted) -> tuple[Any, ...]:
    """Return the columns of `_LINK`; times as text, which psycopg would make of them for each table."""
    *ends, as_of, valid_from, valid_to, detail = msgspec.structs.astuple(edge)
    times = (moment and str(moment) for moment in (as_of, valid_from, valid_to))
    return (*ends, *times, detail if detail != "{}" else None)


def _standing(actors: Collection[int]) -> dict[Wanted, int]:
    if not actors:
        return {}
    rows = fetch_often(
        f"SELECT {', '.join(_LINK)}, id FROM lineage_edge WHERE actor_id = ANY(%s) AND superseded_at IS NULL",
        [list(actors)],
    )
    found = {}
    for row in rows:
        detail = row[9]
        if isinstance(detail, str):
            detail = msgspec.json.decode(detail)
        found[Wanted(*(*row[:9], canonical(detail or {}).decode()))] = row[10]
    return found


def _earliest(edges: list[Wanted]) -> dict[int, datetime]:
    first: dict[int, datetime] = {}
    for edge in edges:
        for moment in (edge.valid_from, edge.valid_to):
            if moment is not None:
                first[edge.actor] = min(moment, first.get(edge.actor, moment))
    return first
