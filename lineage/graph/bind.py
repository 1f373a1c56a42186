"""Which version was meant: binding what a source left unversioned to the version current then.

Law: an unversioned input binds to the newest version valid when its reader began; where there is
none, to the version `unknown`; a completed run's unversioned output is the version `run-<runId>`.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec

from factory.kit.bulk import fetch_often
from lineage.entities.keys import UNKNOWN, NodeKey

BOUND_KINDS = ("dataset", "model")
#: Actors that stand for no moment: what they claim is bound to no version.
TIMELESS = ("job", "dataset", "model")


class Claimed(msgspec.Struct):
    """One claim as a row, on canonical nodes; `version` is empty where the source named none."""

    actor: int
    kind: str
    entity: int
    version: str
    at: datetime
    basis: str
    detail: dict[str, Any] | None


class Question(msgspec.Struct, frozen=True):
    """Which version of `entity` was current at `as_of`? One that began before `before`, if given."""

    entity: int
    as_of: datetime
    before: datetime | None = None


def own_output(run: NodeKey, entity: NodeKey) -> NodeKey:
    """The version that a run's unversioned output is called."""
    return entity.at_version(f"run-{run.name}")


def claims_of(actors: list[int]) -> list[Claimed]:
    """Return the standing claims of canonical actors, made under any of their names."""
    rows = fetch_often(
        """
        WITH names AS (
            SELECT node_id, coalesce(canonical_id, node_id) AS actor FROM lineage_nodestate
            WHERE node_id = ANY(%(actors)s)
            UNION SELECT node_id, canonical_id FROM lineage_nodestate WHERE canonical_id = ANY(%(actors)s)
        )
        SELECT names.actor, c.kind, coalesce(e.canonical_id, c.entity_id), c.version, c.at, c.basis, c.detail
        FROM names
        JOIN lineage_claimfact c ON c.actor_id = names.node_id
        LEFT JOIN lineage_nodestate e ON e.node_id = c.entity_id
        WHERE NOT EXISTS (SELECT 1 FROM lineage_retracted r WHERE r.reading_id = c.reading_id)
        """,
        {"actors": actors},
    )
    return [Claimed(*(*row[:6], _json(row[6]))) for row in rows]


def _json(value: Any) -> Any:
    return msgspec.json.decode(value) if isinstance(value, str) else value


def current_versions(questions: list[Question]) -> dict[Question, int | None]:
    """Answer each question with the id of a version node; None where no version was current."""
    if not questions:
        return {}
    asked = list(dict.fromkeys(questions))
    rows = fetch_often(
        """
        SELECT q.place, v.node_id
        FROM unnest(%s::int[], %s::bigint[], %s::timestamptz[], %s::timestamptz[])
             AS q(place, entity, as_of, before)
        CROSS JOIN LATERAL (
            SELECT node_id, ended_at FROM lineage_nodestate
            WHERE entity_id = q.entity AND canonical_id IS NULL AND began_at <= q.as_of
              AND (q.before IS NULL OR began_at < q.before) AND version <> %s
            -- of a version that is only mentioned, the beginning is the mention's: it was there before
            ORDER BY began_at DESC, inferred OR attributes ? 'made' DESC, version DESC LIMIT 1
        ) v
        WHERE v.ended_at IS NULL OR v.ended_at >= q.as_of
        """,
        [
            list(range(len(asked))),
            [q.entity for q in asked],
            [q.as_of for q in asked],
            [q.before for q in asked],
            UNKNOWN,
        ],
    )
    answers: dict[Question, int | None] = dict.fromkeys(asked)
    for place, version in rows:
        answers[asked[place]] = version
    return answers


def taken_over(moments: set[tuple[int, datetime]]) -> set[int]:
    """Return the actors whose inferred bindings a change at (entity, moment) may alter.

    Those are the ones that ask for a moment from the change until the next version of the entity.
    """
    if not moments:
        return set()
    rows = fetch_often(
        """
        SELECT DISTINCT e.actor_id
        FROM unnest(%s::bigint[], %s::timestamptz[]) AS c(entity, moment)
        JOIN lineage_edge e ON e.entity_id = c.entity AND e.as_of >= c.moment
         AND e.superseded_at IS NULL AND e.as_of IS NOT NULL
         -- up to that version's own beginning: who made it may have asked for what was there before
         AND e.as_of <= coalesce(
            (SELECT min(v.began_at) FROM lineage_nodestate v
             WHERE v.entity_id = c.entity AND v.canonical_id IS NULL AND v.began_at > c.moment), 'infinity')
        """,
        [[entity for entity, _ in moments], [moment for _, moment in moments]],
    )
    return {row[0] for row in rows}


def bound_to(made: Collection[int], gone: Collection[int]) -> set[int]:
    """Return the actors that wrote versions whose beginning moved, and all with edges to `gone` ones."""
    if not made and not gone:
        return set()
    rows = fetch_often(
        """SELECT actor_id FROM lineage_edge
           WHERE target_id = ANY(%(made)s) AND kind = 'wrote' AND superseded_at IS NULL
           UNION
           SELECT actor_id FROM lineage_edge WHERE target_id = ANY(%(gone)s) AND superseded_at IS NULL
           UNION
           SELECT actor_id FROM lineage_edge WHERE source_id = ANY(%(gone)s) AND superseded_at IS NULL""",
        {"made": list(made), "gone": list(gone)},
    )
    return {row[0] for row in rows}


def answered_by(deployments: dict[int, datetime]) -> set[int]:
    """Return the outcomes of deployments whose serving changed from a moment on."""
    if not deployments:
        return set()
    rows = fetch_often(
        """
        SELECT DISTINCT e.actor_id FROM unnest(%s::bigint[], %s::timestamptz[]) AS c(deployment, moment)
        JOIN lineage_edge e ON e.entity_id = c.deployment AND e.as_of >= c.moment
         AND e.superseded_at IS NULL AND e.as_of IS NOT NULL
        """,
        [list(deployments), list(deployments.values())],
    )
    return {row[0] for row in rows}


def serving_at(questions: list[tuple[int, datetime]]) -> dict[tuple[int, datetime], list[int]]:
    """Return the model versions that each deployment served at a moment."""
    if not questions:
        return {}
    asked = list(dict.fromkeys(questions))
    rows = fetch_often(
        """
        SELECT q.place, e.source_id
        FROM unnest(%s::int[], %s::bigint[], %s::timestamptz[]) AS q(place, deployment, moment)
        JOIN lineage_edge e ON e.target_id = q.deployment AND e.kind = 'serves' AND e.superseded_at IS NULL
         AND e.valid_from <= q.moment AND (e.valid_to IS NULL OR e.valid_to > q.moment)
        """,
        [list(range(len(asked))), [d for d, _ in asked], [moment for _, moment in asked]],
    )
    answers: dict[tuple[int, datetime], list[int]] = {question: [] for question in asked}
    for place, version in rows:
        answers[asked[place]].append(version)
    return answers
