"""Whether the graph goes on where a trace ended."""

from collections.abc import Collection
from datetime import datetime
from typing import Literal

from factory.kit.bulk import fetch
from lineage.entities.keys import NodeKey
from lineage.graph.models import FLOW_KINDS


def goes_on(
    keys: Collection[NodeKey],
    direction: Literal["upstream", "downstream"],
    known_at: datetime | None = None,
) -> set[str]:
    """Return those of `keys`, encoded, that have edges in that direction, as known at a moment."""
    if not keys:
        return set()
    end = "target_id" if direction == "upstream" else "source_id"
    rows = fetch(
        f"""
        SELECT n.kind, n.namespace, n.name, n.version
        FROM unnest(%(kinds)s::text[], %(namespaces)s::text[], %(names)s::text[], %(versions)s::text[])
             AS k(kind, namespace, name, version)
        JOIN lineage_node n USING (kind, namespace, name, version)
        WHERE EXISTS (
            SELECT 1 FROM lineage_edge e
            WHERE e.{end} = n.id AND e.kind = ANY(%(flow)s)
              AND e.known_from <= coalesce(%(known_at)s::timestamptz, 'infinity')
              AND (e.superseded_at IS NULL OR e.superseded_at > %(known_at)s::timestamptz)
        )
        """,
        {
            "kinds": [key.kind for key in keys],
            "namespaces": [key.namespace for key in keys],
            "names": [key.name for key in keys],
            "versions": [key.version for key in keys],
            "flow": list(FLOW_KINDS),
            "known_at": known_at,
        },
    )
    return {str(NodeKey(*row)) for row in rows}
