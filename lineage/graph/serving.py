"""What was in production at a moment."""

from datetime import datetime

import msgspec

from factory.kit.bulk import fetch
from lineage.entities.keys import NodeKey


class Served(msgspec.Struct):
    """One model version on one deployment. Keys are node keys; `share` is 0 to 1, None for all."""

    deployment: str
    model: str
    title: str
    environment: str
    department: str
    state: str
    share: float | None
    since: datetime
    until: datetime | None
    basis: str


def serving(at: datetime | None = None, environment: str = "") -> list[Served]:
    """Return what deployments served at the moment (default: now), in order of their names."""
    rows = fetch(
        """
        SELECT d.kind, d.namespace, d.name, d.version, m.kind, m.namespace, m.name, m.version,
               d.title, coalesce(d.attributes->>'environment', ''), d.department,
               coalesce(e.detail->>'state', ''), (e.detail->>'share')::float,
               e.valid_from, e.valid_to, e.basis
        FROM lineage_edge e
        JOIN lineage_nodestate d ON d.node_id = e.target_id
        JOIN lineage_node m ON m.id = e.source_id
        WHERE e.kind = 'serves' AND e.superseded_at IS NULL
          AND e.valid_from <= coalesce(%(at)s, now())
          AND (e.valid_to IS NULL OR e.valid_to > coalesce(%(at)s, now()))
          AND (%(environment)s = '' OR d.attributes->>'environment' = %(environment)s)
        ORDER BY d.namespace, d.name, m.namespace, m.name, m.version
        """,
        {"at": at, "environment": environment},
    )
    return [Served(str(NodeKey(*row[:4])), str(NodeKey(*row[4:8])), *row[8:]) for row in rows]
