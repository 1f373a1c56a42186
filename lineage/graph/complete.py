"""The completeness receipt: what an answer leaves open, so that empty is never mistaken for none."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

import msgspec
from django.conf import settings
from django.utils.module_loading import import_string

from lineage.entities.keys import UNKNOWN

if TYPE_CHECKING:
    from lineage.graph.trace import TraceEdge, TraceNode


class Completeness(msgspec.Struct):
    """Counts of what is uncertain in an answer.

    `truncated`: there is more than was returned. `inferred`: edges whose version Plumbline concluded.
    `undated`: edges without a time. `unversioned`: versions that nobody knows (`unknown`), and datasets
    and models that stand in the answer's edges without any version.
    `conflicting`: nodes about which sources contradict each other. `backdated`: edges that replaced
    an earlier answer. `quarantined`: events in quarantine, which might belong here. `withheld`: nodes
    that the asker may not see. `missing`: numbers that the sources of this answer left out, of
    those that number their events. `stale_sources`: sources of this answer that have fallen silent.
    """

    truncated: bool = False
    inferred: int = 0
    undated: int = 0
    unversioned: int = 0
    conflicting: int = 0
    backdated: int = 0
    quarantined: int = 0
    withheld: int = 0
    missing: int = 0
    stale_sources: list[str] = []


class Doubts(Protocol):
    """What settings.INTAKE_DOUBTS names: what intake, a higher room, knows against an answer."""

    def __call__(self, sources: set[str]) -> tuple[int, list[str], int]:
        """Return how many events are in quarantine, which of the sources have fallen silent, and how many
        numbers they left out."""


def completeness_of(
    nodes: "Iterable[TraceNode]", edges: "list[TraceEdge]", *, truncated: bool
) -> Completeness:
    nodes = list(nodes)
    ends = {key for edge in edges for key in (edge.source, edge.target)}
    doubts: Doubts = import_string(settings.INTAKE_DOUBTS)
    quarantined, stale, missing = doubts({name for edge in edges for name in edge.asserted_by})
    return Completeness(
        truncated=truncated,
        inferred=sum(edge.basis == "inferred" for edge in edges),
        undated=sum(edge.valid_from is None for edge in edges),
        unversioned=sum(
            (node.version == UNKNOWN and node.inferred)
            or (node.kind in ("dataset", "model") and node.key in ends)
            for node in nodes
        ),
        conflicting=sum(node.conflicting for node in nodes),
        backdated=sum("mended" in edge.detail for edge in edges),
        quarantined=quarantined,
        missing=missing,
        stale_sources=stale,
    )
