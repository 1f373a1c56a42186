"""Runs that began and never ended.

OpenLineage expects of every run a terminal event (COMPLETE, FAIL or ABORT). A run is overdue when nothing
was heard of it for RUNS_UNENDED_FACTOR times as long as the longest of its job's latest runs took, by the
times of the events; for a job of which too few runs have ended, for RUNS_UNENDED_AFTER.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings

from factory.kit.bulk import fetch
from lineage.entities.keys import NodeKey

#: However quick a job's runs are.
AT_LEAST = timedelta(minutes=10)
#: What is usual for a job is told by so many of its latest runs, of which so many must have ended.
_LATEST, _ENOUGH = 20, 3


class Unended(msgspec.Struct, frozen=True):
    """A run that is overdue. `run` and `job` are node keys, `job` empty where it is unknown; `source` is
    who sent its newest event, at `heard_at`; `allowed` is for how long it might have been silent, in
    seconds."""

    node_id: int
    run: str
    job: str
    state: str
    source: str
    began_at: datetime
    heard_at: datetime
    allowed: float


def unended(now: datetime, source: str = "", *, limit: int = 1000) -> list[Unended]:
    """Return the runs that are overdue at `now`, the latest first, of one source or of all; one query."""
    rows = fetch(
        _OVERDUE,
        {
            "now": now,
            "source": source,
            "least": AT_LEAST,
            "fallback": settings.RUNS_UNENDED_AFTER,
            "factor": settings.RUNS_UNENDED_FACTOR,
            "latest": _LATEST,
            "enough": _ENOUGH,
            "limit": limit,
        },
    )
    return [_unended(row) for row in rows]


def _unended(row: tuple[Any, ...]) -> Unended:
    node_id, namespace, name, job_kind, job_namespace, job_name, state, asserter, began, heard, allowed = row
    job = str(NodeKey(job_kind, job_namespace, job_name)) if job_kind else ""
    run = str(NodeKey("run", namespace, name))
    return Unended(node_id, run, job, state, asserter, began, heard, float(allowed))


# Each open run is looked up once (an index holds the open ones alone), and each of their jobs once.
_OVERDUE = """
    WITH open AS MATERIALIZED (
        SELECT s.node_id, s.entity_id, s.namespace, s.name, s.state, s.began_at, h.at AS heard_at, h.asserter
        FROM lineage_nodestate s CROSS JOIN LATERAL (
            SELECT at, asserter FROM lineage_statement WHERE node_id = s.node_id ORDER BY at DESC LIMIT 1) h
        WHERE s.kind = 'run' AND s.ended_at IS NULL AND s.state <> '' AND s.canonical_id IS NULL
          AND s.began_at <= %(now)s - %(least)s AND h.at <= %(now)s - %(least)s
          AND (%(source)s = '' OR h.asserter = %(source)s)
    ), usual AS (
        SELECT j.entity_id, u.longest
        FROM (SELECT DISTINCT entity_id FROM open WHERE entity_id IS NOT NULL) j CROSS JOIN LATERAL (
            SELECT CASE WHEN count(*) >= %(enough)s THEN max(took) END AS longest
            FROM (SELECT ended_at - began_at AS took FROM lineage_nodestate
                  WHERE entity_id = j.entity_id AND kind = 'run' AND ended_at IS NOT NULL
                  ORDER BY began_at DESC LIMIT %(latest)s) latest) u
    ), judged AS (
        SELECT o.*, greatest(%(least)s, coalesce(u.longest * %(factor)s, %(fallback)s)) AS allowed
        FROM open o LEFT JOIN usual u USING (entity_id)
    )
    SELECT j.node_id, j.namespace, j.name, n.kind, n.namespace, n.name, j.state, j.asserter, j.began_at,
           j.heard_at, extract(epoch FROM j.allowed)
    FROM judged j LEFT JOIN lineage_node n ON n.id = j.entity_id
    WHERE j.heard_at <= %(now)s - j.allowed
    ORDER BY j.heard_at DESC, j.node_id LIMIT %(limit)s
"""
