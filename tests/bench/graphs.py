"""Large graphs, written straight into the tables: what events of the same pipelines would have left."""

from dataclasses import dataclass

from django.db import connection, transaction

from lineage.entities.fold import Fold, dump

#: How many nodes a job has: itself, its run, the dataset that it writes, and that one's version.
NODES = 4


@dataclass(frozen=True)
class Graph:
    """`jobs` jobs in pipelines of `pipeline`, named after `name`; `base` is the id of the first node."""

    name: str
    jobs: int
    pipeline: int
    base: int

    def version(self, job: int) -> int:
        """The node of the dataset version that a job wrote."""
        return self.base + NODES * job + 3

    def version_key(self, job: int) -> str:
        pipeline, place = divmod(job, self.pipeline)
        return f"dataset_version:bench/{self.name}-{pipeline}.{place}@run-{self.name}-{job}"


_NODES = """
    SELECT {base} + 4 * g + n.k AS id, n.kind,
           CASE n.kind WHEN 'run' THEN 'openlineage' ELSE 'bench' END AS namespace,
           CASE n.kind WHEN 'run' THEN '{name}-' || g
                       ELSE '{name}-' || g / {pipeline} || '.' || mod(g, {pipeline}) END AS name,
           CASE n.kind WHEN 'dataset_version' THEN 'run-{name}-' || g ELSE '' END AS version,
           CASE n.kind WHEN 'run' THEN {base} + 4 * g
                       WHEN 'dataset_version' THEN {base} + 4 * g + 2 END AS entity,
           '2026-01-01'::timestamptz + mod(g, {pipeline}) * interval '1 minute' AS at
    FROM generate_series(0, {jobs} - 1) g
    CROSS JOIN (VALUES (0, 'job'), (1, 'run'), (2, 'dataset'), (3, 'dataset_version')) n(k, kind)
"""
#: The links of each job: it wrote its own dataset, and read those of earlier jobs of the pipeline.
_LINKS = """
    SELECT row_number() OVER () AS place, g, {base} + 4 * g + 1 AS run, l.kind,
           {base} + 4 * l.job + 2 AS entity, {base} + 4 * l.job + 3 AS version,
           '2026-01-01'::timestamptz + mod(g, {pipeline}) * interval '1 minute' AS at
    FROM generate_series(0, {jobs} - 1) g CROSS JOIN LATERAL (
        SELECT 'wrote' AS kind, g AS job
        UNION SELECT 'read', i FROM unnest(ARRAY[{inputs}]) i WHERE i >= g - mod(g, {pipeline}) AND i < g
    ) l
"""
_FILL = (
    f"INSERT INTO lineage_node (id, kind, namespace, name, version) "
    f"SELECT id, kind, namespace, name, version FROM ({_NODES}) n",
    f"""INSERT INTO lineage_nodestate (node_id, entity_id, kind, namespace, name, version, title, department,
            classification, state, owners, tags, began_at, ended_at, inferred, conflicting, attributes, fold,
            first_known, last_known)
        SELECT id, entity, kind, namespace, name, version, '', '', '',
               CASE kind WHEN 'run' THEN 'COMPLETE' ELSE '' END, '{{{{}}}}', '{{{{}}}}',
               CASE WHEN kind IN ('run', 'dataset_version') THEN at END, CASE kind WHEN 'run' THEN at END,
               kind = 'dataset_version', false, '{{{{}}}}', %(fold)s, now(), now()
        FROM ({_NODES}) n""",
    """INSERT INTO lineage_reading (id, submission_id, index, door, source, outcome, code, reason, pointer,
            reader, event_type, event_time, producer, known_at)
       SELECT {reading} + g, gen_random_uuid(), 0, 'openlineage', 'bench', 'accepted', '', '', '', 'bench',
              'RunEvent', now(), '', now()
       FROM generate_series(0, {jobs} - 1) g""",
    f"""INSERT INTO lineage_claimfact (reading_id, actor_id, kind, entity_id, version, at, basis, asserter)
        SELECT {{reading}} + g, run, kind, entity, '', at, 'declared', 'bench' FROM ({_LINKS}) l""",
    f"""INSERT INTO lineage_edgefact (id, source_id, target_id, kind, basis, actor_id, entity_id, as_of,
            valid_from, known_at, reader)
        SELECT {{edge}} + place, CASE kind WHEN 'wrote' THEN run ELSE version END,
               CASE kind WHEN 'wrote' THEN version ELSE run END, kind, 'inferred', run, entity,
               CASE kind WHEN 'read' THEN at END, at, now(), 'bench'
        FROM ({_LINKS}) l""",
    """INSERT INTO lineage_edge (id, source_id, target_id, kind, basis, actor_id, entity_id, as_of,
            valid_from, known_from, mended)
       SELECT id, source_id, target_id, kind, basis, actor_id, entity_id, as_of, valid_from, known_at, false
       FROM lineage_edgefact WHERE id > {edge}""",
)


def fill(name: str, jobs: int, *, pipeline: int = 50, inputs: str = "g - 1, g - 2") -> Graph:
    """Add a graph; job g reads what the jobs `inputs` (SQL over g) of its pipeline wrote."""
    with transaction.atomic(), connection.cursor() as cursor:
        places = {}
        for table in ("node", "reading", "edgefact"):
            cursor.execute(f"SELECT coalesce(max(id), 0) + 1 FROM lineage_{table}")
            places[table] = cursor.fetchone()[0]
        numbers = {"name": name, "jobs": jobs, "pipeline": pipeline, "inputs": inputs}
        numbers |= {"base": places["node"], "reading": places["reading"], "edge": places["edgefact"]}
        for statement in _FILL:
            text = statement.format(**numbers)
            cursor.execute(text, {"fold": dump(Fold())} if "%(fold)s" in text else None)
        for table in places:
            sequence = f"pg_get_serial_sequence('lineage_{table}', 'id')"
            cursor.execute(f"SELECT setval({sequence}, max(id)) FROM lineage_{table}")
    return Graph(name, jobs, pipeline, places["node"])


def settle_down() -> None:
    """Do what the server does by itself within minutes: gather statistics."""
    with connection.cursor() as cursor:
        for table in ("node", "nodestate", "reading", "claimfact", "edge", "edgefact"):
            cursor.execute(f"VACUUM (ANALYZE) lineage_{table}")


def edges() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM lineage_edge")
        return int(cursor.fetchone()[0])
