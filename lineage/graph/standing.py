"""Leaving out what nothing rests on any more."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from lineage.entities.models import NodeState
from lineage.graph.models import Edge


def standing(found: QuerySet[NodeState]) -> QuerySet[NodeState]:
    """Leave out versions that were only concluded, once their last edge has been superseded.

    They stay in the record, and in answers as known before that.
    """
    edges = Edge.objects.filter(superseded_at=None)
    rested_on = Exists(edges.filter(source=OuterRef("pk"))) | Exists(edges.filter(target=OuterRef("pk")))
    return found.filter(Q(inferred=False) | rested_on)
