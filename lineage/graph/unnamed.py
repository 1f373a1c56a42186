"""The versions that nobody named: what runs make without saying so, and the version `unknown`."""

from datetime import datetime
from typing import Any

import msgspec

from factory.kit.bulk import fetch_often
from lineage.entities import state as states
from lineage.entities.fold import Fold
from lineage.entities.keys import UNKNOWN, NodeKey
from lineage.entities.state import Standing
from lineage.graph import bind

#: A moment at which a version of an entity came, went or moved.
Moved = set[tuple[int, datetime]]
#: When an entity was dropped.
Drops = dict[int, list[datetime]]


class Group(msgspec.Struct):
    """All claims of one actor about one entity in one kind; `detail` is cumulative, the newest standing."""

    actor: Standing
    kind: str
    entity: int
    #: The versions that were named, each with its strongest basis.
    versions: dict[str, str]
    since: datetime
    basis: str
    detail: dict[str, Any]


def own_output(group: Group, keys: dict[int, NodeKey]) -> NodeKey | None:
    """The version that an unversioned output of a run is called, made or not."""
    if (
        group.kind != "wrote"
        or group.actor.key.kind != "run"
        or keys[group.entity].kind not in bind.BOUND_KINDS
    ):
        return None
    return bind.own_output(group.actor.key, keys[group.entity])


def completed(group: Group) -> bool:
    return group.actor.state == "COMPLETE" and not group.versions


def make_outputs(groups: list[Group], keys: dict[int, NodeKey], known_at: datetime, drops: Drops) -> Moved:
    """Make, move or take back the inferred versions of runs' outputs; return where that matters."""
    outputs = {key: group for group in groups if (key := own_output(group, keys))}
    # a run that is new and names its outputs, or has not completed, can have none to take back
    outputs = {k: g for k, g in outputs.items() if completed(g) or not g.actor.new}
    if not outputs:
        return set()
    ids = states.node_ids(outputs)
    standing = states.load(ids.values())
    if unsure := {group.entity for group in outputs.values()} - drops.keys():
        drops = drops | _dropped(unsure)
    moved: Moved = set()
    changed = []
    for key, group in outputs.items():
        began = group.actor.ended_at if completed(group) else None
        ended = states.ended_by_drop(began, drops.get(group.entity, []))
        version = standing.get(ids[key])
        if version is None:
            if began is None:
                continue
            version = Standing(
                ids[key], key, Fold(), known_at, known_at, entity=group.entity, new=True, inferred=True
            )
        elif not version.inferred or (version.began_at, version.ended_at) == (began, ended):
            continue
        moved |= {(group.entity, moment) for moment in (version.began_at, began) if moment is not None}
        version.began_at, version.ended_at = began, ended
        changed.append(version)
    states.save(changed, {})
    return moved


def _dropped(entities: set[int]) -> Drops:
    """Return when each of the entities was dropped, for those that were."""
    rows = fetch_often(
        """SELECT node_id, ARRAY(SELECT jsonb_array_elements_text(attributes->'dropped')::timestamptz)
           FROM lineage_nodestate WHERE node_id = ANY(%s) AND attributes ? 'dropped'""",
        [list(entities)],
    )
    return dict(rows)


def unknown_versions(entities: set[int], keys: dict[int, NodeKey], known_at: datetime) -> dict[int, int]:
    """Return the version `unknown` of each entity, made where it is missing."""
    names = {entity: keys[entity].at_version(UNKNOWN) for entity in entities}
    ids = states.node_ids(names.values())
    standing = states.load(ids.values())
    states.save(
        [
            Standing(ids[key], key, Fold(), known_at, known_at, entity=entity, new=True, inferred=True)
            for entity, key in names.items()
            if ids[key] not in standing
        ],
        {},
    )
    return {entity: ids[key] for entity, key in names.items()}
