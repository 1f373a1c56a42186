"""Making the current-state tables again from the record."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction

from factory.kit.bulk import fetch
from lineage.entities import fold as folding
from lineage.entities.fold import Fold
from lineage.entities.keys import NodeKey
from lineage.entities.state import Said
from lineage.entities.take_in import take_in
from lineage.intake import numbering, retract
from lineage.intake.record import next_moment

#: Readings that are folded at a time.
_CHUNK = 2_000


def rebuild(progress: Callable[[int, int], None] = lambda done, total: None) -> dict[str, int]:
    """Empty the current-state tables and fill them from the fact rows, in one transaction.

    Readers see the old state until the new one is whole; writers wait. `progress` is told how many
    readings are folded, of how many. Returns how many rows each table got.
    """
    with connection.cursor() as cursor:
        # a database that was filled just now, or that crashed, plans badly for want of statistics
        cursor.execute(f"ANALYZE {_RECORD}")
    with transaction.atomic():
        next_moment()
        with connection.cursor() as cursor:
            # not TRUNCATE: that would hold up readers until the end
            cursor.execute("DELETE FROM lineage_retracted")
            cursor.execute("DELETE FROM lineage_nodestate")
            cursor.execute("DELETE FROM lineage_edge")
            numbering.forget()
            cursor.execute(_RETRACTED)
            _fold_all(progress)
            cursor.execute(_EDGES)
            cursor.execute(_MENDED)
            for concluded in (_INFERRED, _CANONICAL):
                cursor.execute(concluded, {"empty": folding.dump(Fold())})
            cursor.execute(_KNOWN)
    numbering.fold()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE lineage_nodestate, lineage_edge")
    return {
        table: fetch(f"SELECT count(*) FROM lineage_{table}")[0][0]
        for table in ("nodestate", "edge", "retracted")
    }


_RECORD = "lineage_node, lineage_reading, lineage_statement, lineage_claimfact, lineage_edgefact"
_RETRACTED = """
INSERT INTO lineage_retracted (reading_id, by_reading_id, known_at)
SELECT event.id, min(taker.id), greatest(event.known_at, min(taker.known_at))
FROM lineage_reading taker
JOIN lineage_reading event ON event.identity_source = taker.retracts_source
 AND event.identity_id = taker.retracts_id AND event.outcome = 'accepted'
WHERE taker.outcome = 'accepted' AND taker.retracts_id IS NOT NULL
GROUP BY event.id, event.known_at
"""

_EDGES = """
INSERT INTO lineage_edge (id, source_id, target_id, kind, basis, actor_id, entity_id, as_of, valid_from,
                          valid_to, detail, known_from, superseded_at, mended)
SELECT f.id, f.source_id, f.target_id, f.kind, f.basis, f.actor_id, f.entity_id, f.as_of, f.valid_from,
       f.valid_to, f.detail, f.known_at, closing.known_at, false
FROM lineage_edgefact f LEFT JOIN lineage_edgefact closing ON closing.closes = f.id
WHERE f.closes IS NULL
"""

# An edge mended an earlier answer where, at the moment it was known, another edge of the same actor,
# kind and entity was given up, and none that joined the same two nodes.
_MENDED = """
UPDATE lineage_edge e SET mended = true
WHERE EXISTS (SELECT 1 FROM lineage_edge o WHERE o.actor_id = e.actor_id AND o.kind = e.kind
              AND o.entity_id = e.entity_id AND o.superseded_at = e.known_from)
  AND NOT EXISTS (SELECT 1 FROM lineage_edge o WHERE o.actor_id = e.actor_id AND o.kind = e.kind
              AND o.entity_id = e.entity_id AND o.superseded_at = e.known_from
              AND o.source_id = e.source_id AND o.target_id = e.target_id)
"""

# Versions that nobody speaks of but Plumbline concluded: `run-...` and `unknown`. They began when the
# run that wrote them completed, if that edge still stands.
_INFERRED = """
WITH concluded AS (
    SELECT v.id, v.kind, v.namespace, v.name, v.version, e.id AS entity, cv.id AS canonical,
           greatest(min(f.known_at), (
               SELECT max(x.known_at) FROM lineage_statement s JOIN lineage_retracted x USING (reading_id)
               WHERE s.node_id = v.id)) AS known
    FROM lineage_edgefact f
    JOIN lineage_node v ON v.id = CASE WHEN f.kind = 'wrote' THEN f.target_id ELSE f.source_id END
    JOIN lineage_node e ON e.namespace = v.namespace AND e.name = v.name AND e.version = ''
     AND e.kind = CASE v.kind WHEN 'model_version' THEN 'model' ELSE 'dataset' END
    LEFT JOIN lineage_nodestate s ON s.node_id = e.id
    LEFT JOIN lineage_node c ON c.id = s.canonical_id
    LEFT JOIN lineage_node cv ON cv.namespace = c.namespace AND cv.name = c.name AND cv.version = v.version
     AND cv.kind = CASE c.kind WHEN 'model' THEN 'model_version' ELSE 'dataset_version' END
    WHERE f.basis = 'inferred' AND (f.kind = 'wrote' OR v.version = 'unknown')
      AND v.kind IN ('dataset_version', 'model_version')
      AND NOT EXISTS (SELECT 1 FROM lineage_nodestate s WHERE s.node_id = v.id)
    GROUP BY v.id, e.id, cv.id
)
INSERT INTO lineage_nodestate (node_id, canonical_id, entity_id, kind, namespace, name, version, title,
    department, classification, state, owners, tags, began_at, ended_at, inferred, conflicting, attributes,
    fold, first_known, last_known)
SELECT c.id, c.canonical, c.entity, c.kind, c.namespace, c.name, c.version, '', '', '', '', '{}', '{}',
       w.began, (SELECT min(d::timestamptz) FROM lineage_nodestate e,
                        jsonb_array_elements_text(e.attributes->'dropped') d
                 WHERE e.node_id = c.entity AND e.attributes ? 'dropped' AND d::timestamptz >= w.began),
       true, false, '{}', %(empty)s, c.known, c.known
FROM concluded c LEFT JOIN LATERAL (
    SELECT min(e.valid_from) AS began FROM lineage_edge e
    WHERE e.target_id = c.id AND e.kind = 'wrote' AND e.superseded_at IS NULL
) w ON true
"""

# Such a version under a further name of its dataset has a canonical version, concluded with it.
_CANONICAL = """
INSERT INTO lineage_nodestate (node_id, entity_id, kind, namespace, name, version, title, department,
    classification, state, owners, tags, inferred, conflicting, attributes, fold, first_known, last_known)
SELECT n.id, (array_agg(e.canonical_id))[1], n.kind, n.namespace, n.name, n.version,
       '', '', '', '', '{}', '{}', true, false, '{}', %(empty)s, min(s.first_known), min(s.first_known)
FROM lineage_nodestate s
JOIN lineage_node n ON n.id = s.canonical_id
JOIN lineage_nodestate e ON e.node_id = s.entity_id
WHERE s.inferred AND NOT EXISTS (SELECT 1 FROM lineage_nodestate h WHERE h.node_id = n.id)
GROUP BY n.id
"""

_KNOWN = """
UPDATE lineage_nodestate h
SET first_known = least(h.first_known, other.first),
    last_known = CASE WHEN h.inferred THEN least(h.first_known, other.first) ELSE h.last_known END
FROM (SELECT canonical_id, min(first_known) AS first FROM lineage_nodestate
      WHERE inferred AND canonical_id IS NOT NULL GROUP BY 1) other
WHERE h.node_id = other.canonical_id
"""


def _fold_all(progress: Callable[[int, int], None]) -> None:
    low, high, total = fetch(
        "SELECT coalesce(min(id), 0), coalesce(max(id), -1), count(*) FROM lineage_reading"
    )[0]
    done = 0
    for start in range(low, high + 1, _CHUNK):
        said: dict[int, list[Said]] = defaultdict(list)
        rows = retract.standing_statements(
            "s.reading_id >= %s AND s.reading_id < %s", [start, start + _CHUNK]
        )
        for node, *rest in rows:
            said[node].append(retract.as_said(*rest))
        if said:
            take_in(said, _ids(said))
        done = min(total, done + _CHUNK)
        progress(done, total)


def _ids(said: dict[int, list[Said]]) -> dict[NodeKey, int]:
    rows: list[tuple[Any, ...]] = fetch(
        "SELECT id, kind, namespace, name, version FROM lineage_node WHERE id = ANY(%s)", [list(said)]
    )
    return {NodeKey(*row[1:]): row[0] for row in rows}
