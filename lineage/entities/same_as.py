"""Two names, one node: symlinked datasets, and datasets that are models.

Names that sources call the same form a component. One of them is canonical: a model's name before a
dataset's, then a name that itself was said to have others (the physical location, in OpenLineage's
symlinks) before one that was only mentioned, then the first in byte order. That is a function of
what was said, so the order of arrival does not matter.
"""

from collections.abc import Iterable

from factory.kit.bulk import fetch
from lineage.entities import state as states
from lineage.entities.fold import Fold
from lineage.entities.keys import VERSION_KIND, NodeKey
from lineage.entities.state import Standing


def regroup(standings: dict[int, Standing], touched: set[int]) -> set[int]:
    """Find the components around `touched` anew and set every member's canonical node.

    Adds the members' states to `standings`. Returns all members, where any member's canonical node
    changed; else the empty set.
    """
    # whoever is looked at has all its names loaded, or it would seem to stand alone
    named = {
        i for i, s in standings.items() if s.key.kind in VERSION_KIND and (s.canonical or s.fold.same_as)
    }
    _load_members(standings, touched | named)
    by_key = {s.key: s for s in standings.values() if s.key.kind in VERSION_KIND}
    parent: dict[NodeKey, NodeKey] = {}

    def root(key: NodeKey) -> NodeKey:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    for standing in list(by_key.values()):
        for other in standing.fold.same_as:
            parent[root(standing.key)] = root(NodeKey.parse(other))
    components: dict[NodeKey, list[Standing]] = {}
    for key in list(parent):
        components.setdefault(root(key), []).append(by_key[key])

    alone = [s for s in by_key.values() if s.canonical and s.key not in parent]
    changed = set()
    for members in [*components.values(), *([one] for one in alone)]:
        head = min(members, key=lambda s: (s.key.kind != "model", not s.fold.same_as, s.key))
        for member in members:
            canonical = None if member is head else head.id
            if member.canonical != canonical or (member.new and len(members) > 1):
                member.canonical = canonical
                changed |= {m.id for m in members}
    return changed


def _load_members(standings: dict[int, Standing], touched: set[int]) -> None:
    """Add to `standings` all names that are reachable from `touched`.

    Whoever names a node states it too (see `intake.record`), so that each has a state.
    """
    frontier, seen = set(touched), set()
    while frontier:
        seen |= frontier
        heads = {standings[i].canonical or i for i in frontier}
        for id_, standing in (states.load(heads) | states.load_names(heads)).items():
            standings.setdefault(id_, standing)
        members = heads | {i for i, s in standings.items() if s.canonical in heads}
        named = {NodeKey.parse(other) for i in members for other in standings[i].fold.same_as}
        ids = set(states.node_ids(named).values())
        for id_, standing in states.load(ids - standings.keys()).items():
            standings[id_] = standing
        frontier = (members | ids) - seen


def canonical_versions(standings: dict[int, Standing], versions: list[Standing]) -> None:
    """Set the canonical node of versions to the same version of their canonical dataset or model.

    Each version's `entity` must be in `standings`. Adds the canonical versions that are missing.
    """
    wanted: dict[int, NodeKey] = {}
    for version in versions:
        entity = standings.get(version.entity) if version.entity else None
        if entity is None or entity.canonical is None:
            version.canonical = None
            continue
        wanted[version.id] = standings[entity.canonical].key.at_version(version.key.version)
    ids = states.node_ids(wanted.values())
    present = states.load(id_ for id_ in ids.values() if id_ not in standings)
    for version in versions:
        if version.id not in wanted:
            continue
        key = wanted[version.id]
        id_ = version.canonical = ids[key]
        if id_ not in standings:
            head = standings[standings[version.entity].canonical]  # type: ignore[index]
            standings[id_] = present.get(id_) or Standing(
                id_, key, Fold(), version.first_known, version.last_known, entity=head.id, new=True
            )


def versions_of(entities: Iterable[int]) -> dict[int, Standing]:
    """Return the states of all versions of the entities, under these very names."""
    rows = fetch(
        "SELECT node_id FROM lineage_nodestate WHERE entity_id = ANY(%s) AND kind = ANY(%s)",
        [list(entities), list(VERSION_KIND.values())],
    )
    return states.load(row[0] for row in rows)
