"""Keeping NodeState in step with what is said: the writing half of the entities room.

All functions work on sets of nodes, inside the caller's transaction, and expect that nobody else
writes at the same time (intake holds the turnstile).
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection

from factory.kit.bulk import array_text, copy_in, fetch_often, json_text
from lineage.entities import fold as folding
from lineage.entities.fold import Fold
from lineage.entities.keys import ENTITY_KIND, NodeKey
from lineage.entities.models import NodeState


class Said(msgspec.Struct):
    """One statement with its place in the record."""

    reading: int
    at: datetime
    asserter: str
    known_at: datetime
    facets: dict[str, bytes]
    attributes: dict[str, Any]


class Standing(msgspec.Struct):
    """One node's state in memory, as loaded and as changed."""

    id: int
    key: NodeKey
    fold: Fold
    first_known: datetime
    last_known: datetime
    canonical: int | None = None
    entity: int | None = None
    state: str = ""
    began_at: datetime | None = None
    ended_at: datetime | None = None
    new: bool = False
    inferred: bool = False


class Met(msgspec.Struct):
    """The nodes met in this transaction; of those in `stateless`, which it added, no state is written yet."""

    ids: dict[NodeKey, int] = {}
    keys: dict[int, NodeKey] = {}
    stateless: set[int] = set()


_met: ContextVar[Met | None] = ContextVar("met", default=None)


@contextmanager
def remembering() -> Iterator[None]:
    """Have `node_ids` and `node_keys` ask for a node only once, and `load` not for what can't be there.

    Must end with its (sub)transaction.
    """
    token = _met.set(Met())
    try:
        yield
    finally:
        _met.reset(token)


def node_ids(keys: Iterable[NodeKey]) -> dict[NodeKey, int]:
    """Return the id of every key, adding those that the dictionary lacks: at most one statement."""
    met = _met.get() or Met()
    wanted = set(keys)
    found = {key: met.ids[key] for key in wanted if key in met.ids}
    if missing := sorted(wanted - found.keys()):
        for *key, id_, is_new in _find_or_add(missing):
            node = NodeKey(*key)
            found[node] = met.ids[node] = id_
            met.keys[id_] = node
            if is_new:
                met.stateless.add(id_)
    return found


def node_keys(ids: Iterable[int]) -> dict[int, NodeKey]:
    """Return the key of every node: at most one statement."""
    met = _met.get() or Met()
    wanted = set(ids)
    found = {id_: met.keys[id_] for id_ in wanted if id_ in met.keys}
    if missing := list(wanted - found.keys()):
        rows = fetch_often(
            "SELECT id, kind, namespace, name, version FROM lineage_node WHERE id = ANY(%s)", [missing]
        )
        found |= {row[0]: NodeKey(*row[1:]) for row in rows}
    return found


def _find_or_add(wanted: list[NodeKey]) -> list[tuple[Any, ...]]:
    """Return each key's four parts, its id, and whether it was added."""
    return fetch_often(
        """WITH wanted AS MATERIALIZED (
               SELECT kind, namespace, name, version, n.id
               FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])
                    AS k(kind, namespace, name, version)
               LEFT JOIN lineage_node n USING (kind, namespace, name, version)
           ), added AS (
               INSERT INTO lineage_node (kind, namespace, name, version)
               SELECT kind, namespace, name, version FROM wanted WHERE id IS NULL
               RETURNING kind, namespace, name, version, id
           )
           SELECT kind, namespace, name, version, id, false FROM wanted WHERE id IS NOT NULL
           UNION ALL SELECT kind, namespace, name, version, id, true FROM added""",
        [array_text(column) for column in zip(*wanted, strict=True)],
    )


_COLUMNS = (
    "node_id, kind, namespace, name, version, fold, first_known, last_known, canonical_id, entity_id,"
    " state, began_at, ended_at, inferred"
)


def load(ids: Iterable[int]) -> dict[int, Standing]:
    """Return the states of those of `ids` that have one."""
    stateless = (_met.get() or Met()).stateless
    wanted = [id_ for id_ in ids if id_ not in stateless]
    if not wanted:
        return {}
    rows = fetch_often(f"SELECT {_COLUMNS} FROM lineage_nodestate WHERE node_id = ANY(%s)", [wanted])
    return {row[0]: _standing(row) for row in rows}


def load_names(canonical_ids: Iterable[int]) -> dict[int, Standing]:
    """Return the states of the other names of canonical nodes."""
    rows = fetch_often(
        f"SELECT {_COLUMNS} FROM lineage_nodestate WHERE canonical_id = ANY(%s)", [list(canonical_ids)]
    )
    return {row[0]: _standing(row) for row in rows}


def delete(ids: Collection[int]) -> None:
    """Forget the states of nodes of which nothing that was said stands any more."""
    if ids:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM lineage_nodestate WHERE node_id = ANY(%s)", [list(ids)])


def _standing(row: tuple[Any, ...]) -> Standing:
    return Standing(
        id=row[0],
        key=NodeKey(*row[1:5]),
        fold=folding.load(bytes(row[5])),
        first_known=row[6],
        last_known=row[7],
        canonical=row[8],
        entity=row[9],
        state=row[10],
        began_at=row[11],
        ended_at=row[12],
        inferred=row[13],
    )


def absorb(standings: dict[int, Standing], said: dict[int, list[Said]], keys: dict[int, NodeKey]) -> None:
    """Fold what was said into the nodes' own folds, making the states that are missing."""
    for node, statements in said.items():
        standing = standings.get(node)
        if standing is None:
            known = statements[0].known_at
            standing = standings[node] = Standing(node, keys[node], Fold(), known, known, new=True)
        if standing.inferred:  # until now it was only concluded
            standing.first_known = standing.last_known = statements[0].known_at
            standing.inferred = False
        for one in statements:
            standing.fold.absorb(one.at, one.asserter, one.reading, one.facets, one.attributes)
            standing.first_known = min(standing.first_known, one.known_at)
            standing.last_known = max(standing.last_known, one.known_at)


def combined(group: list[Standing]) -> Fold:
    """Return the fold of everything that was said under any name of the group."""
    if len(group) == 1:
        return group[0].fold
    whole = Fold()
    for standing in group:
        whole.merge(standing.fold)
    return whole


def span(kind: str, fold: Fold) -> tuple[datetime | None, datetime | None, str]:
    """Return when a node of this kind began and ended, and its state, by what was said of it."""
    if kind == "run":
        return (*fold.run_span(), fold.run_state)
    state = entry.value if (entry := fold.latest.get("state")) else ""
    if kind in ENTITY_KIND:
        return fold.made or fold.first, None, state
    if kind == "incident":
        opened, closed = (fold.latest.get(name) for name in ("opened", "closed"))
        return opened.at if opened else fold.first, closed.at if closed else None, state
    if kind == "outcome":
        return fold.first, None, state
    return None, None, state


def ended_by_drop(began: datetime | None, drops: list[datetime]) -> datetime | None:
    """Return when a version that began then stopped being current: the next dropping of its dataset."""
    return min((moment for moment in drops if began is not None and moment >= began), default=None)


_WRITTEN = (
    "node_id",
    "canonical_id",
    "entity_id",
    "kind",
    "namespace",
    "name",
    "version",
    "title",
    "department",
    "classification",
    "state",
    "owners",
    "tags",
    "began_at",
    "ended_at",
    "inferred",
    "conflicting",
    "attributes",
    "fold",
    "first_known",
    "last_known",
    "search",
)


def save(standings: Iterable[Standing], whole: dict[int, Fold]) -> None:
    """Write states; `whole` has the combined fold of each canonical node with several names."""
    written = list(standings)
    # for the database a changed row is a new one anyway, and all rows at once are quickest by COPY
    delete([standing.id for standing in written if not standing.new])
    if written:
        copy_in(NodeState, _WRITTEN, (_row(s, whole.get(s.id, s.fold)) for s in written))
        (_met.get() or Met()).stateless.difference_update(standing.id for standing in written)


def _row(standing: Standing, fold: Fold) -> tuple[Any, ...]:
    key = standing.key
    other_name = standing.canonical is not None
    attributes = {} if other_name else fold.attributes()
    listed = {name: [str(v) for v in attributes.get(name) or []] for name in ("owners", "tags")}
    title, department = str(attributes.get("title") or ""), str(attributes.get("department") or "")
    search = None
    if not other_name and not standing.inferred and key.kind not in ("run", "outcome", "dataset_version"):
        search = folding.search_text(
            key.namespace,
            key.name,
            title,
            str(attributes.get("description") or ""),
            department,
            *listed["owners"],
            *listed["tags"],
        )
    return (
        standing.id,
        standing.canonical,
        standing.entity,
        *key,
        title,
        department,
        str(attributes.get("classification") or ""),
        standing.state,
        array_text(listed["owners"]),
        array_text(listed["tags"]),
        standing.began_at,
        standing.ended_at,
        standing.inferred,
        "conflicts" in attributes,
        json_text(attributes),
        folding.dump(standing.fold),
        standing.first_known,
        standing.last_known,
        search,
    )
