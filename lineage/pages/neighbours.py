"""What is one step away from a node: what it came from, what it went into, what it belongs with."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q

from lineage.entities.keys import NodeKey
from lineage.entities.models import NodeState
from lineage.graph.models import FLOW_KINDS, ClaimFact, Edge
from lineage.graph.roots import answering_for
from lineage.intake.models import Reading

#: As many are listed on either side; the Lineage page has them all.
LISTED = 12


class Neighbour(NamedTuple):
    """A node one step away. `evidence` is a submission that the edge rests on, where it is at hand."""

    key: NodeKey
    title: str
    edge: Edge
    evidence: UUID | None


class Neighbours(NamedTuple):
    """`more` is True where not all are listed."""

    upstream: list[Neighbour]
    downstream: list[Neighbour]
    belongs: list[Neighbour]
    more: bool


def neighbours(node: NodeState) -> Neighbours:
    """Return what stands now around the node and its current version, newest knowledge first."""
    origin = answering_for(node.key, None, None)
    stands = Q(superseded_at=None) & (Q(valid_to=None) | Q(valid_to__gt=origin.at))
    edges = Edge.objects.filter(stands).select_related("source", "target").order_by("-id")
    flow, other = Q(kind__in=FLOW_KINDS), ~Q(kind__in=FLOW_KINDS)
    into, out = Q(target_id__in=origin.ids), Q(source_id__in=origin.ids)
    up, down, belongs = (
        list(edges.filter(wanted)[: LISTED + 1]) for wanted in (into & flow, out & flow, other & (into | out))
    )
    shown = [*up[:LISTED], *down[:LISTED], *belongs[:LISTED]]
    ends = {edge.source_id for edge in shown} | {edge.target_id for edge in shown}
    titles = _titles(ends)
    evidence = _evidence(shown)

    def listed(found: list[Edge]) -> list[Neighbour]:
        rows = []
        for edge in found[:LISTED]:
            far = edge.source if edge.source_id not in origin.ids else edge.target
            rows.append(Neighbour(far.key, titles.get(far.pk, ""), edge, evidence.get(_claimed(edge))))
        return rows

    more = any(len(found) > LISTED for found in (up, down, belongs))
    return Neighbours(listed(up), listed(down), listed(belongs), more)


def _titles(ids: Iterable[int]) -> dict[int, str]:
    """Return what nodes are called where that says more than their names; a run goes by its job."""
    states = NodeState.objects.filter(pk__in=ids).select_related("entity")
    titles = {}
    for state in states.defer("fold", "search", "attributes"):
        if state.kind == "run" and state.entity:
            began = f", {state.began_at:%Y-%m-%d %H:%M}" if state.began_at else ""
            titles[state.pk] = f"{state.entity.name}{began}"
        elif state.title:
            titles[state.pk] = state.title
    return titles


def _claimed(edge: Edge) -> tuple[int, str, int]:
    return edge.actor_id, edge.kind, edge.entity_id


def _evidence(edges: Iterable[Edge]) -> dict[tuple[int, str, int], UUID]:
    """Return a submission for each claim that these edges rest on, where it was made by these very names."""
    wanted = {_claimed(edge) for edge in edges}
    claims = ClaimFact.objects.filter(
        actor_id__in={actor for actor, _, _ in wanted}, entity_id__in={entity for _, _, entity in wanted}
    )
    found = claims.values_list("actor_id", "kind", "entity_id", "reading_id")
    by_claim = {(actor, kind, entity): reading for actor, kind, entity, reading in found}
    readings = {claim: reading for claim, reading in by_claim.items() if claim in wanted}
    submissions = dict(Reading.objects.filter(pk__in=readings.values()).values_list("pk", "submission_id"))
    return {claim: submissions[reading] for claim, reading in readings.items() if reading in submissions}
