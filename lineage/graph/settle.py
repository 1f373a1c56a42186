"""From claims to edges: what should stand for a set of actors, and what has to change for it.

The edges of an actor are a function of the standing claims and of when versions and runs were, so
the order of arrival cannot matter. Settling compares that function's value with the edges that
stand and records the difference (`graph.record`): what no longer holds is superseded, what is new
is added, both at the present moment of the known clock.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from factory.kit.canonical import canonical
from lineage.entities import state as states
from lineage.entities.assertions import INHERITING
from lineage.entities.keys import ENTITY_KIND, VERSION_KIND, NodeKey
from lineage.entities.state import Standing
from lineage.graph import bind
from lineage.graph.bind import Claimed, Question
from lineage.graph.record import Wanted, record
from lineage.graph.timeline import timeline
from lineage.graph.unnamed import Drops, Group, Moved, completed, make_outputs, own_output, unknown_versions

#: What of a claim's detail belongs to the edge; the rest is found in the claims.
_DETAIL = ("role", "relation", "operation", "state", "share", "environment", "assertions_failed")
_BASIS_RANK = ("inferred", "declared", "observed", "manual")


def settle(
    actors: dict[int, Standing],
    moved: Moved,
    known_at: datetime,
    fresh: dict[int, list[Claimed]],
    drops: Drops,
) -> None:
    """Bring the edges of `actors`, and of all whom their change concerns, to what should stand.

    `actors` are canonical nodes whose claims or times changed (and nodes that have just become
    another name of a node: their edges go). `fresh` has the claims of actors that this transaction
    added, and `drops` the drops of entities that it has looked at, so that they need not be read back.
    """
    claims = _claims(actors, fresh)
    keys = states.node_keys(claim.entity for rows in claims.values() for claim in rows)
    groups = _groups(actors, claims)
    moved = moved | make_outputs(groups, keys, known_at, drops)

    deployments = {a: s for a, s in actors.items() if s.key.kind == "deployment"}
    changed = _settle_deployments(deployments, groups, claims, keys, known_at)

    further = (bind.taken_over(moved) | bind.answered_by(changed)) - actors.keys()
    if further:
        others = states.load(further)
        more = _claims(others, {})
        keys |= states.node_keys(c.entity for rows in more.values() for c in rows if c.entity not in keys)
        groups += _groups(others, more)
        actors = actors | others
    rest = [group for group in groups if group.actor.id not in deployments]
    # of a node that is new nothing stands yet
    standing = [i for i, actor in actors.items() if i not in deployments and not actor.new]
    record(standing, _edges(rest, keys, known_at), known_at)


def _claims(actors: Iterable[int], fresh: dict[int, list[Claimed]]) -> dict[int, list[Claimed]]:
    claims = {actor: list(fresh.get(actor, ())) for actor in actors}
    if known := [actor for actor in claims if actor not in fresh]:
        for claim in bind.claims_of(known):
            claims.setdefault(claim.actor, []).append(claim)
    return claims


def _groups(actors: dict[int, Standing], claims: dict[int, list[Claimed]]) -> list[Group]:
    grouped: dict[tuple[int, str, int], list[Claimed]] = defaultdict(list)
    for actor, rows in claims.items():
        if actor in actors and actors[actor].canonical is None:
            for claim in rows:
                grouped[actor, claim.kind, claim.entity].append(claim)
    groups = []
    for (actor, kind, entity), rows in grouped.items():
        if len(rows) > 1:
            rows.sort(key=lambda c: (c.at, canonical(c.detail or {})))
        detail: dict[str, Any] = {}
        versions: dict[str, str] = {}
        for claim in rows:
            detail |= claim.detail or {}
            if claim.version:
                versions[claim.version] = _stronger(claim.basis, versions.get(claim.version, "inferred"))
        groups.append(
            Group(
                actor=actors[actor],
                kind=kind,
                entity=entity,
                versions=versions,
                since=min(claim.at for claim in rows),
                basis=max((claim.basis for claim in rows), key=_BASIS_RANK.index),
                detail={k: v for k, v in detail.items() if k in _DETAIL and v is not None},
            )
        )
    return groups


def _stronger(one: str, other: str) -> str:
    return max(one, other, key=_BASIS_RANK.index)


# --- edges ----------------------------------------------------------------------------------------


def _settle_deployments(
    deployments: dict[int, Standing],
    groups: list[Group],
    claims: dict[int, list[Claimed]],
    keys: dict[int, NodeKey],
    known_at: datetime,
) -> dict[int, datetime]:
    """Settle what deployments serve; return those that changed, each with the first changed moment."""
    if not deployments:
        return {}
    served = {
        actor: timeline([claim for claim in claims[actor] if claim.kind == "serves"], keys)
        for actor in deployments
    }
    versions = _version_ids(((s.entity, s.version) for rows in served.values() for s in rows), keys)
    wanted = [
        Wanted(
            source=versions.get((s.entity, s.version), s.entity),
            target=actor,
            kind="serves",
            basis=s.basis,
            actor=actor,
            entity=s.entity,
            as_of=None,
            valid_from=s.since,
            valid_to=s.until,
            detail=_spelt(s.detail),
        )
        for actor, rows in served.items()
        for s in rows
    ]
    others = [g for g in groups if g.actor.id in deployments and g.kind != "serves"]
    return record(deployments.keys(), wanted + _edges(others, keys, known_at), known_at, watch="serves")


def _version_ids(named: Iterable[tuple[int, str]], keys: dict[int, NodeKey]) -> dict[tuple[int, str], int]:
    """Return the nodes of (entity, version) pairs; entities that have no versions are left out."""
    wanted = {
        (entity, version): keys[entity].at_version(version)
        for entity, version in set(named)
        if version and keys[entity].kind in VERSION_KIND
    }
    ids = states.node_ids(wanted.values())
    return {pair: ids[key] for pair, key in wanted.items()}


def _spelt(detail: dict[str, Any]) -> str:
    return canonical({k: v for k, v in detail.items() if k in _DETAIL}).decode()


def _edges(groups: list[Group], keys: dict[int, NodeKey], known_at: datetime) -> list[Wanted]:
    named = {(g.entity, version) for g in groups for version in g.versions}
    own = {(g.actor.id, g.entity): key for g in groups if (key := own_output(g, keys)) and completed(g)}
    versions = _version_ids(named, keys)
    own_ids = states.node_ids(own.values())

    groups = groups + _continued(groups, own)
    open_groups = {i: g for i, g in enumerate(groups) if not g.versions and _is_bound(g, keys)}
    before = _before(groups, open_groups, versions)
    questions = {
        i: Question(g.entity, min(moment, before.get(i, moment)), before.get(i))
        for i, g in open_groups.items()
        if (moment := _moment(g))
    }
    answers = bind.current_versions(list(questions.values()))
    unknown = unknown_versions(
        {g.entity for i, g in open_groups.items() if i not in questions or answers[questions[i]] is None},
        keys,
        known_at,
    )
    naming = {g.actor.id for g in groups if g.kind == "answered" and g.versions}
    at_work = [(g.entity, g.since) for g in groups if _answers(g, keys)]
    serving = bind.serving_at(at_work)

    wanted = []
    for i, group in enumerate(groups):
        if group.versions:
            nodes = [
                (versions.get((group.entity, v), group.entity), basis) for v, basis in group.versions.items()
            ]
            wanted += [_edge(group, node, basis, None) for node, basis in nodes]
        elif key := own.get((group.actor.id, group.entity)) if group.kind == "wrote" else None:
            wanted.append(_edge(group, own_ids[key], "inferred", None))
        elif i in open_groups:
            question = questions.get(i)
            version = (answers[question] if question else None) or unknown[group.entity]
            if _continues(group) and question:
                output = own_ids[own[group.actor.id, group.entity]]
                wanted.append(_succession(group, version, output, question.as_of))
                continue
            wanted.append(_edge(group, version, "inferred", question.as_of if question else None))
        elif group.kind == "wrote" and group.actor.key.kind == "run":
            continue  # not written until the run completes
        elif _answers(group, keys):
            wanted.append(_edge(group, group.entity, group.basis, group.since))
            if group.actor.id not in naming:
                wanted += [
                    _edge(group, model, "inferred", group.since)
                    for model in serving[group.entity, group.since]
                ]
        else:
            wanted.append(_edge(group, group.entity, group.basis, None))
    return wanted


def _continued(groups: list[Group], own: dict[tuple[int, int], NodeKey]) -> list[Group]:
    """Ask for the predecessor of each unversioned output that a run appended to, or deleted from."""
    return [
        msgspec.structs.replace(group, kind="succeeds", versions={}, detail={})
        for group in groups
        if group.kind == "wrote"
        and (group.actor.id, group.entity) in own
        and group.detail.get("operation") in INHERITING
    ]


def _continues(group: Group) -> bool:
    """Whether it asks what a run's output continues."""
    return group.kind == "succeeds" and group.actor.key.kind == "run"


def _succession(group: Group, previous: int, output: int, as_of: datetime) -> Wanted:
    return Wanted(
        source=previous,
        target=output,
        kind="succeeds",
        basis="inferred",
        actor=group.actor.id,
        entity=group.entity,
        as_of=as_of,
        valid_from=as_of,
        valid_to=None,
        detail="{}",
    )


def _is_bound(group: Group, keys: dict[int, NodeKey]) -> bool:
    """Whether the claim is about a moment, so that its unversioned entity means one version."""
    return (
        group.kind not in ("wrote", "owns", "part_of")
        and keys[group.entity].kind in bind.BOUND_KINDS
        and group.actor.key.kind not in bind.TIMELESS
    )


def _moment(group: Group) -> datetime | None:
    """The moment at which the bound version had to be current."""
    if _continues(group):
        return group.actor.ended_at
    if group.actor.key.kind == "run" or group.actor.key.kind in ENTITY_KIND:
        return group.actor.began_at
    return group.since


def _before(
    groups: list[Group], open_groups: dict[int, Group], versions: dict[tuple[int, str], int]
) -> dict[int, datetime]:
    """What an actor makes cannot be what it was made from: bounds for those who do both."""
    writes = {(g.actor.id, g.entity): g for g in groups if g.kind == "wrote"}
    made = [versions[g.entity, v] for g in writes.values() for v in g.versions if (g.entity, v) in versions]
    both = [i for i, g in open_groups.items() if (g.actor.id, g.entity) in writes]
    began = {s.id: s.began_at for s in states.load(made).values()} if both else {}
    bounds: dict[int, datetime] = {}
    for i in both:
        write = writes[open_groups[i].actor.id, open_groups[i].entity]
        moments = [began.get(versions.get((write.entity, v), 0)) for v in write.versions]
        known = [moment for moment in (moments or [write.actor.ended_at]) if moment is not None]
        if known:
            bounds[i] = min(known)
    for i, group in open_groups.items():
        if _continues(group) and group.actor.ended_at:
            bounds[i] = group.actor.ended_at
        elif group.actor.entity == group.entity and group.actor.began_at is not None:
            bounds[i] = group.actor.began_at
    return bounds


def _answers(group: Group, keys: dict[int, NodeKey]) -> bool:
    return group.kind == "answered" and keys[group.entity].kind == "deployment"


def _edge(group: Group, node: int, basis: str, as_of: datetime | None) -> Wanted:
    actor = group.actor
    outward = group.kind in ("wrote", "part_of")
    valid_from: datetime | None = group.since
    if group.kind == "read" and actor.key.kind == "run":
        valid_from = actor.began_at
    elif group.kind == "wrote" and actor.key.kind == "run" and actor.state == "COMPLETE":
        valid_from = actor.ended_at
    elif group.kind in ("trained", "derived", "succeeds") and actor.key.kind in ENTITY_KIND:
        valid_from = actor.began_at
    return Wanted(
        source=actor.id if outward else node,
        target=node if outward else actor.id,
        kind=group.kind,
        basis=basis,
        actor=actor.id,
        entity=group.entity,
        as_of=as_of,
        valid_from=valid_from,
        valid_to=None,
        detail=_spelt(group.detail),
    )
