"""Which nodes answered for a node at an earlier moment of the known clock.

NodeState tells what stands now. What a node was called and which version was current, as known then,
is folded anew from the statements that were known and stood at that moment.
"""

from collections import defaultdict
from datetime import datetime

import msgspec

from factory.kit.bulk import fetch
from lineage.entities.fold import Fold
from lineage.entities.keys import VERSION_KIND, NodeKey
from lineage.entities.models import NodeState
from lineage.entities.state import ended_by_drop

_body = msgspec.json.Decoder(dict[str, dict[str, msgspec.Raw]])
#: The attributes that decide what a node is called and when its versions were current.
_DECIDING = ("made", "same_as", "dropped")


class Known(msgspec.Struct):
    """`key` is the name that stood for the node, `node` its id, `began` its first event's time."""

    key: NodeKey
    node: int
    began: datetime | None
    names: list[NodeKey]
    drops: list[datetime]


def known_node(asked: NodeKey, known_at: datetime) -> Known:
    """Return the node that a key meant, as known at the moment.

    Raises NodeState.DoesNotExist where nothing was known of it.
    """
    names = _names(asked.entity)
    folds = _folds(names, known_at)
    head, group = asked, [asked]
    if asked.entity.kind in VERSION_KIND:
        group = _group(asked.entity, folds)
        head = min(group, key=lambda k: (k.kind != "model", not folds[k].same_as if k in folds else True, k))
        if asked != asked.entity:
            head = head.at_version(asked.version)
    ids = _ids([head])
    own = [key.at_version(asked.version) for key in group] if asked != asked.entity else group
    known = names if asked == asked.entity else _ids(own)
    said = folds if asked == asked.entity else _folds(known, known_at)
    firsts = [fold.first for key, fold in said.items() if key in own and fold.first is not None]
    if head not in ids or not (firsts or _was_concluded(list(known.values()), known_at)):
        raise NodeState.DoesNotExist(f"of {asked} nothing was known then")
    drops = sorted({moment for key in group if key in folds for moment in folds[key].dropped})
    return Known(head, ids[head], min(firsts, default=None), group, drops)


def current_version(known: Known, at: datetime, known_at: datetime) -> int | None:
    """Return the version of a dataset, model or agent that was current at `at`, as known then."""
    versions = fetch(
        """SELECT v.kind, v.namespace, v.name, v.version, v.id
           FROM unnest(%s::text[], %s::text[], %s::text[]) AS k(kind, namespace, name)
           JOIN lineage_node v USING (kind, namespace, name)""",
        [
            [VERSION_KIND[key.kind] for key in known.names],
            [key.namespace for key in known.names],
            [key.name for key in known.names],
        ],
    )
    whole: dict[str, Fold] = defaultdict(Fold)
    for key, fold in _folds({NodeKey(*row[:4]): row[4] for row in versions}, known_at).items():
        whole[key.version].merge(fold)
    began = {version: (fold.made or fold.first, fold.made is not None) for version, fold in whole.items()}
    for version, moment in _concluded(known.node, known_at):
        began.setdefault(version, (moment, True))
    # in the order of `roots._CURRENT`
    candidates = [(moment, made, name) for name, (moment, made) in began.items() if moment and moment <= at]
    if not candidates:
        return None
    moment, _, version = max(candidates)
    ended = ended_by_drop(moment, known.drops)
    if ended is not None and ended < at:
        return None
    key = known.key.at_version(version)
    return _ids([key]).get(key)


def _names(entity: NodeKey) -> dict[NodeKey, int]:
    """Return the node and all that it has names in common with today: names are joined, never parted."""
    rows = fetch(
        """WITH asked AS (
               SELECT n.id, coalesce(s.canonical_id, n.id) AS head
               FROM lineage_node n LEFT JOIN lineage_nodestate s ON s.node_id = n.id
               WHERE (n.kind, n.namespace, n.name, n.version) = (%s, %s, %s, %s)
           )
           SELECT n.kind, n.namespace, n.name, n.version, n.id FROM lineage_node n
           WHERE n.id IN (
               SELECT id FROM asked UNION SELECT head FROM asked
               UNION SELECT s.node_id FROM asked JOIN lineage_nodestate s ON s.canonical_id = asked.head)""",
        list(entity),
    )
    return {NodeKey(*row[:4]): row[4] for row in rows}


def _folds(ids: dict[NodeKey, int], known_at: datetime) -> dict[NodeKey, Fold]:
    """Fold what decides of each node, from the statements that were known and stood."""
    rows = fetch(
        """SELECT s.node_id, s.at, s.asserter, s.body
           FROM lineage_statement s JOIN lineage_reading r ON r.id = s.reading_id
           WHERE s.node_id = ANY(%s) AND r.known_at <= %s AND NOT EXISTS (
               SELECT 1 FROM lineage_retracted x WHERE x.reading_id = s.reading_id AND x.known_at <= %s)""",
        [list(ids.values()), known_at, known_at],
    )
    keys = {id_: key for key, id_ in ids.items()}
    folds: dict[NodeKey, Fold] = {}
    for node, at, asserter, body in rows:
        said = _body.decode(bytes(body))["attributes"]
        deciding = {name: msgspec.json.decode(said[name]) for name in _DECIDING if name in said}
        folds.setdefault(keys[node], Fold()).absorb(at, asserter, 0, {}, deciding)
    return folds


def _group(entity: NodeKey, folds: dict[NodeKey, Fold]) -> list[NodeKey]:
    """Return the names that were one with `entity`'s, itself included."""
    joined: dict[NodeKey, set[NodeKey]] = defaultdict(set)
    for key, fold in folds.items():
        for other in map(NodeKey.parse, fold.same_as):
            joined[key].add(other)
            joined[other].add(key)
    group, frontier = {entity}, {entity}
    while frontier:
        frontier = {other for key in frontier for other in joined[key]} - group
        group |= frontier
    return sorted(group)


def _ids(keys: list[NodeKey]) -> dict[NodeKey, int]:
    rows = fetch(
        """SELECT kind, namespace, name, version, n.id
           FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS k(kind, namespace, name, version)
           JOIN lineage_node n USING (kind, namespace, name, version)""",
        [list(column) for column in zip(*keys, strict=True)],
    )
    return {NodeKey(*row[:4]): row[4] for row in rows}


def _was_concluded(nodes: list[int], known_at: datetime) -> bool:
    """Whether Plumbline had come to speak of a version that nobody else spoke of."""
    ends = ("source_id", "target_id")
    either = " OR ".join(
        f"""EXISTS (SELECT 1 FROM lineage_edge WHERE {end} = ANY(%(nodes)s) AND basis = 'inferred'
                    AND known_from <= %(known_at)s)"""
        for end in ends
    )
    return fetch(f"SELECT {either}", {"nodes": nodes, "known_at": known_at})[0][0]


def _concluded(entity: int, known_at: datetime) -> list[tuple[str, datetime]]:
    """Return the versions that runs made without naming them, each with its beginning."""
    return fetch(
        """SELECT v.version, e.valid_from FROM lineage_edge e JOIN lineage_node v ON v.id = e.target_id
            WHERE e.entity_id = %(entity)s AND e.kind = 'wrote' AND e.basis = 'inferred'
              AND known_from <= %(known_at)s AND (superseded_at IS NULL OR superseded_at > %(known_at)s)""",
        {"entity": entity, "known_at": known_at},
    )
