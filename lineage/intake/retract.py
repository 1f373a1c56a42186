"""Taking events back: by (source, id), whichever of the event and its retraction comes first."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec

from factory.kit.bulk import fetch
from lineage.entities.keys import VERSION_KIND
from lineage.entities.models import Retracted
from lineage.entities.state import Said

_body = msgspec.json.Decoder(dict[str, dict[str, msgspec.Raw]])


def taken_back(filed: Collection[Any]) -> dict[int, int]:
    """Return the readings that stand no longer, each with the reading that took it back.

    Those are events named by a retraction among `filed`, and events among `filed` that an earlier
    retraction names.
    """
    named: dict[tuple[str, str], int] = {}
    for f in filed:
        if f.event.derived.retracts:
            named.setdefault(f.event.derived.retracts, f.event.reading)
    come = {f.event.derived.identity: f.event.reading for f in filed if f.event.derived.identity}
    found = {come[identity]: by for identity, by in named.items() if identity in come}
    if named:
        rows = fetch(
            """SELECT r.id, r.identity_source, r.identity_id
               FROM unnest(%s::text[], %s::text[]) AS k(source, id)
               JOIN lineage_reading r ON r.identity_source = k.source AND r.identity_id = k.id
               WHERE r.outcome = 'accepted' AND r.identity_id IS NOT NULL""",
            [[source for source, _ in named], [id_ for _, id_ in named]],
        )
        found |= {id_: named[source, name] for id_, source, name in rows}
    if come:
        rows = fetch(
            """SELECT r.id, r.retracts_source, r.retracts_id
               FROM unnest(%s::text[], %s::text[]) AS k(source, id)
               JOIN lineage_reading r ON r.retracts_source = k.source AND r.retracts_id = k.id
               WHERE r.outcome = 'accepted' AND r.retracts_id IS NOT NULL ORDER BY r.id DESC""",
            [[source for source, _ in come], [id_ for _, id_ in come]],
        )
        found |= {come[source, name]: id_ for id_, source, name in rows}
    return found


def apply(filed: Collection[Any], readings: dict[int, int], known_at: datetime) -> set[int]:
    """Put on record that these readings stand no longer; return the nodes to be folded afresh.

    Those are the nodes that the readings spoke of; and all that has other names in common with them,
    because what made these names one may be taken back.
    """
    if not readings:
        return set()
    Retracted.objects.bulk_create(
        [Retracted(reading_id=id_, by_reading_id=by, known_at=known_at) for id_, by in readings.items()],
        ignore_conflicts=True,
    )
    rows = fetch(
        """
        WITH spoken AS (SELECT DISTINCT node_id FROM lineage_statement WHERE reading_id = ANY(%s)),
        heads AS (
            SELECT DISTINCT coalesce(s.canonical_id, s.node_id) AS node_id
            FROM spoken JOIN lineage_nodestate s USING (node_id) WHERE s.kind = ANY(%s) AND (
                s.canonical_id IS NOT NULL OR EXISTS (
                    SELECT 1 FROM lineage_nodestate o WHERE o.canonical_id = s.node_id))
        ),
        names AS (
            SELECT node_id FROM heads UNION
            SELECT o.node_id FROM heads JOIN lineage_nodestate o ON o.canonical_id = heads.node_id
        )
        SELECT node_id FROM spoken UNION SELECT node_id FROM names UNION
        SELECT v.node_id FROM names JOIN lineage_nodestate v ON v.entity_id = names.node_id
        WHERE v.kind = ANY(%s)
        """,
        [list(readings), list(VERSION_KIND), list(VERSION_KIND.values())],
    )
    return {row[0] for row in rows}


def statements_of(nodes: Collection[int]) -> dict[int, list[Said]]:
    """Return everything that stands of what was said about the nodes."""
    said: dict[int, list[Said]] = defaultdict(list)
    for node, *rest in standing_statements("s.node_id = ANY(%s)", [list(nodes)]):
        said[node].append(as_said(*rest))
    return said


def standing_statements(where: str, params: list[Any]) -> list[tuple[Any, ...]]:
    """Return (node, reading, at, asserter, known_at, body) of statements that stand, oldest first."""
    return fetch(
        f"""SELECT s.node_id, s.reading_id, s.at, s.asserter, r.known_at, s.body
            FROM lineage_statement s JOIN lineage_reading r ON r.id = s.reading_id
            WHERE {where}
              AND NOT EXISTS (SELECT 1 FROM lineage_retracted x WHERE x.reading_id = s.reading_id)
            ORDER BY s.reading_id, s.id""",
        params,
    )


def as_said(reading: int, at: datetime, asserter: str, known_at: datetime, body: bytes) -> Said:
    parts = _body.decode(bytes(body))
    return Said(
        reading,
        at,
        asserter,
        known_at,
        {name: bytes(raw) for name, raw in parts["facets"].items()},
        {name: msgspec.json.decode(raw) for name, raw in parts["attributes"].items()},
    )


def actors_naming(nodes: Collection[int]) -> set[int]:
    """Return the actors whose claims name any of the nodes."""
    rows = fetch("SELECT DISTINCT actor_id FROM lineage_claimfact WHERE entity_id = ANY(%s)", [list(nodes)])
    return {row[0] for row in rows}
