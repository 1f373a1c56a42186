"""What must hold between the rows, whatever was sent and whenever the power went out."""

from collections.abc import Callable
from typing import Any

#: Each finds rows that break the rule.
RULES = {
    "every body has its key": """
        SELECT s.id FROM lineage_submission s LEFT JOIN lineage_bodykey k ON k.submission_id = s.id
        WHERE k.submission_id IS NULL""",
    "every key has its body": """
        SELECT k.submission_id FROM lineage_bodykey k
        LEFT JOIN lineage_submission s ON s.id = k.submission_id WHERE s.id IS NULL""",
    "every body was read": """
        SELECT s.id FROM lineage_submission s
        WHERE s.size > 2 AND NOT EXISTS (SELECT 1 FROM lineage_reading r WHERE r.submission_id = s.id)""",
    "every reading has its body": """
        SELECT r.id FROM lineage_reading r LEFT JOIN lineage_submission s ON s.id = r.submission_id
        WHERE s.id IS NULL""",
    "an event of a body is read once": """
        SELECT submission_id, index FROM lineage_reading GROUP BY 1, 2, reader HAVING count(*) > 1""",
    "a body's events are read all": """
        SELECT submission_id FROM lineage_reading GROUP BY 1
        HAVING count(DISTINCT index) <> max(index) + 1""",
    "an event is accepted once": """
        SELECT digest FROM lineage_reading WHERE outcome = 'accepted' AND digest IS NOT NULL
          AND identity_id IS NULL
        GROUP BY 1 HAVING count(*) > 1""",
    "an identity is accepted once": """
        SELECT identity_source, identity_id FROM lineage_reading
        WHERE outcome = 'accepted' AND identity_id IS NOT NULL GROUP BY 1, 2 HAVING count(*) > 1""",
    "a statement is of an accepted reading": """
        SELECT s.id FROM lineage_statement s LEFT JOIN lineage_reading r ON r.id = s.reading_id
        WHERE r.id IS NULL OR r.outcome <> 'accepted'""",
    "an accepted reading of OpenLineage states something": """
        SELECT r.id FROM lineage_reading r WHERE r.outcome = 'accepted' AND r.door = 'openlineage'
          AND NOT EXISTS (SELECT 1 FROM lineage_statement s WHERE s.reading_id = r.id)""",
    "a claim is of an accepted reading": """
        SELECT c.id FROM lineage_claimfact c LEFT JOIN lineage_reading r ON r.id = c.reading_id
        WHERE r.id IS NULL OR r.outcome <> 'accepted'""",
    "a statement's node has a state": """
        SELECT s.id FROM lineage_statement s LEFT JOIN lineage_nodestate n ON n.node_id = s.node_id
        WHERE n.node_id IS NULL AND NOT EXISTS (
            SELECT 1 FROM lineage_retracted x WHERE x.reading_id = s.reading_id)""",
    "an edge has its fact": """
        SELECT e.id FROM lineage_edge e LEFT JOIN lineage_edgefact f ON f.id = e.id WHERE f.id IS NULL""",
    "a fact has its edge": """
        SELECT f.id FROM lineage_edgefact f LEFT JOIN lineage_edge e ON e.id = f.id
        WHERE f.closes IS NULL AND e.id IS NULL""",
    "an edge given up has the fact that says so": """
        SELECT e.id FROM lineage_edge e WHERE (e.superseded_at IS NOT NULL) <> EXISTS (
            SELECT 1 FROM lineage_edgefact f WHERE f.closes = e.id)""",
    "an edge joins nodes that are known": """
        SELECT e.id FROM lineage_edge e
        LEFT JOIN lineage_node s ON s.id = e.source_id LEFT JOIN lineage_node t ON t.id = e.target_id
        WHERE s.id IS NULL OR t.id IS NULL""",
    "an edge that stands is somebody's claim": """
        SELECT e.id FROM lineage_edge e LEFT JOIN (
            SELECT DISTINCT coalesce(s.canonical_id, c.actor_id) AS actor FROM lineage_claimfact c
            LEFT JOIN lineage_nodestate s ON s.node_id = c.actor_id
            WHERE NOT EXISTS (SELECT 1 FROM lineage_retracted x WHERE x.reading_id = c.reading_id)
        ) claimed ON claimed.actor = e.actor_id
        WHERE e.superseded_at IS NULL AND claimed.actor IS NULL""",
    "a claim on a version is an edge": """
        SELECT c.id FROM lineage_claimfact c JOIN lineage_node a ON a.id = c.actor_id
        WHERE c.kind IN ('read', 'wrote') AND c.version <> '' AND a.kind = 'run'
          AND NOT EXISTS (SELECT 1 FROM lineage_retracted x WHERE x.reading_id = c.reading_id)
          AND NOT EXISTS (SELECT 1 FROM lineage_edge e
                          WHERE e.actor_id = c.actor_id AND e.kind = c.kind AND e.superseded_at IS NULL)""",
    "a usage row is of an accepted reading": """
        SELECT u.id FROM lineage_usage u LEFT JOIN lineage_reading r ON r.id = u.reading_id
        WHERE r.id IS NULL OR r.outcome <> 'accepted'""",
    "the known clock follows the order of readings": """
        SELECT id FROM (
            SELECT id, known_at, lag(known_at) OVER (ORDER BY id) AS before FROM lineage_reading) r
        WHERE known_at < before""",
    "sources count what was read": """
        SELECT s.door, s.name FROM lineage_source s
        WHERE (s.accepted, s.repeated, s.quarantined) <> (
            SELECT count(*) FILTER (WHERE outcome = 'accepted'), count(*) FILTER (WHERE outcome = 'repeated'),
                   count(*) FILTER (WHERE outcome = 'quarantined')
            FROM lineage_reading r WHERE r.door = s.door AND r.source = s.name)""",
}


def broken_rules(rows: Callable[[str], list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rules that don't hold, each with some rows that break it."""
    rows("ANALYZE")
    found = {rule: rows(f"{query} LIMIT 5") for rule, query in RULES.items()}
    return {rule: broken for rule, broken in found.items() if broken}
