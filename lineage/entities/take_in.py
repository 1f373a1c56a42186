"""Taking in what was said: from statements to the standing state of nodes."""

from collections import defaultdict
from datetime import datetime

import msgspec

from lineage.entities import same_as
from lineage.entities import state as states
from lineage.entities.fold import Fold
from lineage.entities.keys import ENTITY_KIND, VERSION_KIND, NodeKey
from lineage.entities.state import Said, Standing

#: Kinds that can go by several names.
_NAMED = ("dataset", "model", "dataset_version", "model_version")


class TakenIn(msgspec.Struct):
    """What came of it, for the graph to settle.

    `standings` are all states that were looked at, by node. `timed` are the canonical runs and
    versions whose span or state changed. `moved` holds (entity, moment) wherever a version came,
    went or moved. `renamed` are the nodes whose canonical node changed. `gone` are the nodes of which
    nothing that was said stands any more. `drops` says when datasets, models and agents that were looked
    at were dropped, under any of their names.
    """

    standings: dict[int, Standing]
    timed: set[int]
    moved: set[tuple[int, datetime]]
    renamed: set[int]
    gone: set[int]
    drops: dict[int, list[datetime]]


def take_in(
    said: dict[int, list[Said]], ids: dict[NodeKey, int], *, afresh: frozenset[int] = frozenset()
) -> TakenIn:
    """Fold statements into the nodes' states, and write the states.

    `ids` has the id of every key that the statements mention. Nodes in `afresh` are folded from
    nothing but the given statements, because some of what was said of them no longer stands.
    """
    keys = {id_: key for key, id_ in ids.items()}
    standings = states.load(said.keys() | afresh)
    before = {i: (s.fold.same_as, s.fold.dropped) for i, s in standings.items()}
    for id_ in afresh & standings.keys():
        standings[id_].fold = Fold()
        if id_ in said:
            standings[id_].first_known = standings[id_].last_known = said[id_][0].known_at
    states.absorb(standings, said, keys)
    touched = set(standings)
    void = {i for i in afresh & touched if standings[i].fold.first is None and not standings[i].inferred}
    for standing in standings.values():
        _place(standing, ids)

    result = TakenIn(standings, set(), set(), set(), set(), {})
    joined = {i for i, s in standings.items() if s.fold.same_as != before.get(i, ([], []))[0]}
    if joined:
        result.renamed = same_as.regroup(standings, joined)
    _name_versions(result)
    dropped = {i for i in touched if standings[i].fold.dropped != before.get(i, ([], []))[1]}
    owners = {standings[i].canonical or i for i in dropped}
    if owners:
        for id_, version in same_as.versions_of(owners).items():
            standings.setdefault(id_, version)
    whole = _combine(result, void)
    _time(result, whole, owners)

    heads = {standings[i].canonical for i in touched | (result.renamed & standings.keys())}
    written = {i for i, s in standings.items() if s.new} | touched | heads | result.timed | result.renamed
    states.save([s for i, s in standings.items() if i in written and i not in result.gone], whole)
    states.delete(result.gone)
    return result


def _place(standing: Standing, ids: dict[NodeKey, int]) -> None:
    """Set the entity of a version and the job of a run."""
    if standing.key.kind in ENTITY_KIND:
        standing.entity = ids.get(standing.key.entity, standing.entity)
    elif standing.key.kind == "run" and (jobs := standing.fold.single.get("job")):
        standing.entity = ids.get(NodeKey.parse(min(jobs)), standing.entity)


def _name_versions(result: TakenIn) -> None:
    """Give the versions of datasets with several names their canonical version."""
    standings = result.standings
    if result.renamed:
        for id_, version in same_as.versions_of(result.renamed).items():
            standings.setdefault(id_, version)
    before = {i: s.canonical for i, s in standings.items()}
    entities = {s.entity for s in standings.values() if s.key.kind in ENTITY_KIND and s.entity}
    standings |= states.load(entities - standings.keys())
    heads = {s.canonical for s in standings.values() if s.canonical and s.key.kind in VERSION_KIND}
    standings |= states.load(heads - standings.keys())
    versions = [s for s in standings.values() if s.key.kind in ENTITY_KIND]
    same_as.canonical_versions(standings, versions)
    result.renamed |= {s.id for s in versions if before.get(s.id, s.canonical) != s.canonical}


def _combine(result: TakenIn, void: set[int]) -> dict[int, Fold]:
    """Return the combined fold of each canonical node that has other names, loading those names.

    Such a node was known first when any of its names was, and last likewise. Names in `void`, of which
    nothing is said any more, go, unless they are canonical and have other names still.
    """
    standings = result.standings
    heads = {s.canonical for s in standings.values() if s.canonical}
    heads |= {i for i, s in standings.items() if s.canonical is None and not s.new and s.key.kind in _NAMED}
    if not heads:
        result.gone = void
        return {}
    for id_, standing in (states.load(heads - standings.keys()) | states.load_names(heads)).items():
        standings.setdefault(id_, standing)
    groups: dict[int, list[Standing]] = defaultdict(list)
    for standing in standings.values():
        if standing.canonical is None or standing.id not in void:
            groups[standing.canonical or standing.id].append(standing)
    result.gone = {i for i in void if len(groups[i]) <= 1}
    whole = {}
    for head, group in groups.items():
        if len(group) > 1:
            whole[head] = states.combined(group)
            spoken_of = [s for s in group if s.id not in void]
            standings[head].first_known = min(s.first_known for s in spoken_of)
            standings[head].last_known = max(s.last_known for s in spoken_of)
            if whole[head].first is None:  # only concluded, and nothing new since
                standings[head].last_known = standings[head].first_known
    return whole


def _time(result: TakenIn, whole: dict[int, Fold], dropped: set[int]) -> None:
    """Set spans and states, and note what moved; `dropped` are the nodes with new or other drops."""
    standings = result.standings
    drops = result.drops = {
        s.id: whole.get(s.id, s.fold).dropped for s in standings.values() if s.key.kind in VERSION_KIND
    }
    for owner in dropped:
        result.moved |= {(owner, moment) for moment in drops.get(owner, [])}
    for standing in standings.values():
        if standing.canonical is not None:
            standing.began_at, standing.ended_at, standing.state = None, None, ""
            standing.inferred = standing.fold.first is None
            continue
        before = (standing.began_at, standing.ended_at, standing.state)
        fold = whole.get(standing.id, standing.fold)
        standing.inferred = fold.first is None
        if fold.first is not None:
            standing.began_at, standing.ended_at, standing.state = states.span(standing.key.kind, fold)
        elif standing.id in result.gone or standing.entity in result.renamed:
            # what was concluded of it is concluded anew
            standing.began_at, standing.ended_at, standing.state = None, None, ""
        if standing.key.kind in ENTITY_KIND and standing.entity is not None:
            standing.ended_at = states.ended_by_drop(standing.began_at, drops.get(standing.entity, []))
        after = (standing.began_at, standing.ended_at, standing.state)
        if after != before or standing.id in result.renamed:
            result.timed.add(standing.id)
            if standing.key.kind in ENTITY_KIND and standing.entity is not None:
                result.moved |= {
                    (standing.entity, moment) for moment in (*before[:2], *after[:2]) if moment is not None
                }
