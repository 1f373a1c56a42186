"""How far something reaches: all nodes before or after it, counted, at any size."""

from collections.abc import Collection
from datetime import datetime

from factory.kit.bulk import fetch
from lineage.graph.models import FLOW_KINDS
from lineage.graph.trace import Direction

# A closure looks edges up by node, again and again; planned for the whole table at once it would read
# all of it at every step. OFFSET 0 keeps the inner query as it is written.
_REACH = """
    WITH RECURSIVE reached (id) AS (
        SELECT unnest(%(ids)s::bigint[])
        UNION
        SELECT e.far FROM reached CROSS JOIN LATERAL (
            SELECT {far} AS far FROM lineage_edge
            WHERE {near} = reached.id AND kind = ANY(%(kinds)s)
              AND (valid_from IS NULL OR valid_from <= %(at)s) AND (valid_to IS NULL OR valid_to > %(at)s)
              AND known_from <= %(known_at)s AND (superseded_at IS NULL OR superseded_at > %(known_at)s)
            OFFSET 0
        ) e
    )
"""


def reach(ids: Collection[int], direction: Direction, at: datetime, known_at: datetime) -> set[int]:
    """Return the nodes from which data flowed into `ids` (`upstream`), or into which theirs flowed.

    `ids` are canonical nodes and are part of the answer. `at` and `known_at` as in `trace`.
    """
    return {int(row[0]) for row in _ask("SELECT id FROM reached", ids, direction, at, known_at)}


def reach_counts(
    ids: Collection[int], direction: Direction, at: datetime, known_at: datetime
) -> dict[str, int]:
    """Return how many nodes of each kind are reached, `ids` themselves left out: {kind: count}."""
    rows = _ask(
        """SELECT n.kind, count(*) FROM reached JOIN lineage_node n USING (id)
           WHERE NOT id = ANY(%(ids)s) GROUP BY n.kind ORDER BY n.kind""",
        ids,
        direction,
        at,
        known_at,
    )
    return {str(kind): int(count) for kind, count in rows}


def _ask(
    question: str, ids: Collection[int], direction: Direction, at: datetime, known_at: datetime
) -> list[tuple[int | str, ...]]:
    if direction == "both":
        raise ValueError("a closure goes one way: upstream or downstream")
    near, far = ("target_id", "source_id") if direction == "upstream" else ("source_id", "target_id")
    return fetch(
        _REACH.format(near=near, far=far) + question,
        {"ids": list(ids), "kinds": list(FLOW_KINDS), "at": at, "known_at": known_at},
    )
