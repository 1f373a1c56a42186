"""Events as the bank's systems send them, short to write, and the graph that came of them, by keys.

Times are minutes of one morning: `at(5)` is 08:05. Airflow sends OpenLineage, the registry and the platform
send CloudEvents.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from django.db import transaction

from factory.kit.bulk import fetch
from factory.kit.times import format_time
from lineage.entities import fold as folding
from lineage.entities.keys import NodeKey
from lineage.graph.trace import Trace, trace
from lineage.intake.arrival import Arrival, Verdict
from lineage.intake.doors import arrive
from lineage.intake.record import record

MORNING = datetime(2026, 3, 1, 8, tzinfo=UTC)
RECEIVED = datetime(2026, 3, 2, tzinfo=UTC)
LAKE = "lake"
MODELS = "credit"
_RUNS = UUID("019127df-00a2-743c-b714-df7e6dcadb2b")


def at(minute: float) -> datetime:
    return MORNING + timedelta(minutes=minute)


def run_id(name: str) -> str:
    return str(uuid5(_RUNS, name))


# --- names of nodes -------------------------------------------------------------------------------
def dataset(name: str, version: str = "") -> str:
    return f"dataset_version:{LAKE}/{name}@{version}" if version else f"dataset:{LAKE}/{name}"


def model(name: str, version: str = "") -> str:
    return f"model_version:{MODELS}/{name}@{version}" if version else f"model:{MODELS}/{name}"


def run(name: str) -> str:
    return f"run:openlineage/{run_id(name)}"


def made_by(run_name: str) -> str:
    """The version that a run makes without naming it."""
    return f"run-{run_id(run_name)}"


class Sent(NamedTuple):
    """One event: the door that it comes in by, who sends it, and its JSON."""

    door: str
    source: str
    event: dict[str, Any]

    @property
    def body(self) -> bytes:
        return json.dumps(self.event).encode()


# --- OpenLineage ----------------------------------------------------------------------------------
def facet(**content: Any) -> dict[str, Any]:
    return {
        "_producer": "https://airflow.bank.example",
        "_schemaURL": "https://openlineage.io/spec",
        **content,
    }


def item(
    name: str,
    version: str = "",
    *,
    change: str = "",
    renamed_from: str = "",
    also: Sequence[str] = (),
    model: bool = False,
    namespace: str = "",
    **facets: Any,
) -> dict[str, Any]:
    """A dataset in an event; `also` are names in the lake that name it too."""
    if version:
        facets["version"] = facet(datasetVersion=version)
    if renamed_from:
        change = "RENAME"
    if change:
        content: dict[str, Any] = {"lifecycleStateChange": change}
        if renamed_from:
            content["previousIdentifier"] = {"namespace": LAKE, "name": renamed_from}
        facets["lifecycleStateChange"] = facet(**content)
    if also:
        names = [{"namespace": LAKE, "name": other, "type": "TABLE"} for other in also]
        facets["symlinks"] = facet(identifiers=names)
    if model:
        facets["datasetType"] = facet(datasetType="MODEL")
    return {"namespace": namespace or (MODELS if model else LAKE), "name": name, "facets": facets}


def _items(named: Sequence[Any]) -> list[dict[str, Any]]:
    return [one if isinstance(one, dict) else item(one) for one in named]


def ran(
    run: str,
    minute: float,
    state: str = "COMPLETE",
    *,
    reads: Sequence[Any] = (),
    writes: Sequence[Any] = (),
    job: str = "",
    parent: str = "",
    source: str = "airflow",
    **facets: Any,
) -> Sent:
    """A RunEvent. `reads` and `writes` are names in the lake, or items."""
    if parent:
        facets["parent"] = facet(
            run={"runId": run_id(parent)}, job={"namespace": "airflow", "name": f"job of {parent}"}
        )
    event = {
        "eventType": state,
        "eventTime": format_time(at(minute)),
        "producer": "https://airflow.bank.example",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run_id(run), "facets": facets},
        "job": {"namespace": "airflow", "name": job or f"job of {run}"},
        "inputs": _items(reads),
        "outputs": _items(writes),
    }
    return Sent("openlineage", source, event)


def dataset_event(minute: float, dataset: dict[str, Any], source: str = "airflow") -> Sent:
    event = ran("none", minute).event
    kept = {name: event[name] for name in ("eventTime", "producer")}
    kept["schemaURL"] = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetEvent"
    return Sent("openlineage", source, kept | {"dataset": dataset})


def job_event(job: str, minute: float, *, reads: Sequence[Any] = (), writes: Sequence[Any] = ()) -> Sent:
    event = ran("none", minute, reads=reads, writes=writes, job=job).event
    del event["run"], event["eventType"]
    return Sent("openlineage", "airflow", event)


# --- CloudEvents ----------------------------------------------------------------------------------
def told(kind: str, minute: float, id_: str, source: str = "registry", /, **data: Any) -> Sent:
    """A CloudEvent `factory.<kind>`, sent by `source` as `//<source>`, of this id."""
    event = {
        "specversion": "1.0",
        "id": id_,
        "source": f"//{source}",
        "type": f"factory.{kind}",
        "time": format_time(at(minute)),
        "data": data,
    }
    return Sent("cloudevents", source, event)


def declared(name: str, version: str, minute: float, id_: str = "", **data: Any) -> Sent:
    """A version of a dataset in the lake is declared."""
    id_ = id_ or f"{name}@{version} at {minute}"
    return told("dataset_version.declared", minute, id_, namespace=LAKE, name=name, version=version, **data)


def ref(name: str, version: str = "", namespace: str = LAKE, **more: Any) -> dict[str, Any]:
    return {"namespace": namespace, "name": name, **({"version": version} if version else {}), **more}


def registered(name: str, version: str, minute: float, id_: str = "", **data: Any) -> Sent:
    id_ = id_ or f"model {name}@{version} at {minute}"
    return told("model_version.registered", minute, id_, namespace=MODELS, name=name, version=version, **data)


def deployed(
    name: str, model: str, version: str, minute: float, id_: str = "", state: str = "serving", **data: Any
) -> Sent:
    data = {"environment": "production", "state": state} | data
    data |= {"namespace": MODELS, "name": name, "model": ref(model, version, MODELS)}
    id_ = id_ or f"{name} {state} {model}@{version} at {minute}"
    return told("deployment.changed", minute, id_, "platform", **data)


def answered(outcome: str, deployment: str, minute: float, id_: str = "", **data: Any) -> Sent:
    data = {"result": "declined", "deployment": ref(deployment, namespace=MODELS)} | data
    return told(
        "outcome.recorded", minute, id_ or f"{outcome} at {minute}", "platform", outcome=outcome, **data
    )


def retracted(event: Sent, minute: float, id_: str = "") -> Sent:
    taken = {"source": event.event["source"], "id": event.event["id"]}
    id_ = id_ or f"retraction of {event.event['id']}"
    return told("event.retracted", minute, id_, event.source, **taken, reason="sent by mistake")


# --- sending --------------------------------------------------------------------------------------
def arrivals(events: Sequence[Sent]) -> list[Arrival]:
    return [arrive(one.door, one.body, source=one.source, grant=None, received_at=RECEIVED) for one in events]


def send(*events: Sent) -> list[Verdict]:
    """Take in events, each in a transaction of its own; return what became of each."""
    return [verdict for one in events for verdict in send_together(one)]


def send_together(*events: Sent) -> list[Verdict]:
    """Take in events in one transaction."""
    group = arrivals(events)
    record(group)
    verdicts = [event.verdict for arrival in group for event in arrival.events if event.verdict]
    assert all(verdict.code != "unprocessable" for verdict in verdicts), verdicts
    return verdicts


class _Undo(Exception):
    pass


@contextmanager
def undone() -> Iterator[None]:
    """Take back all that is written inside."""
    try:
        with transaction.atomic():
            yield
            raise _Undo
    except _Undo:
        pass


# --- what came of it ------------------------------------------------------------------------------
_KEYS = ("source", "target", "actor", "entity")
_EDGES = f"""
    SELECT {", ".join(f"{k}.kind, {k}.namespace, {k}.name, {k}.version" for k in _KEYS)},
           e.kind, e.basis, e.as_of, e.valid_from, e.valid_to, coalesce(e.detail, '{{}}')::text
    FROM lineage_edge e {" ".join(f"JOIN lineage_node {k} ON {k}.id = e.{k}_id" for k in _KEYS)}
    WHERE e.superseded_at IS NULL
"""


def edges() -> list[tuple[Any, ...]]:
    """All edges that stand: (source, target, actor, entity, kind, basis, as_of, from, to, detail), sorted."""
    rows = fetch(_EDGES)
    found = [(*(str(NodeKey(*row[i : i + 4])) for i in range(0, 16, 4)), *row[16:]) for row in rows]
    return sorted(found, key=str)


def flows(*kinds: str) -> set[tuple[str, str, str, str]]:
    """The edges that stand, as (source, kind, target, basis), of these kinds (all where none is given)."""
    return {(e[0], e[4], e[1], e[5]) for e in edges() if not kinds or e[4] in kinds}


_STATE = (
    "s.title, s.department, s.classification, s.state, s.owners, s.tags, s.began_at, s.ended_at, s.inferred, "
    "s.conflicting, s.attributes::text, s.search::text"
)


def nodes() -> dict[str, tuple[Any, ...]]:
    """What stands of every node, by key, known clocks left out, readings told by what they say.

    Versions that Plumbline concluded and that no standing edge touches are left out: they tell of
    answers that were given and mended, and so of the order of arrival.
    """
    rows = fetch(
        f"""SELECT s.kind, s.namespace, s.name, s.version, s.fold, s.inferred OR s.canonical_id IS NOT NULL,
                   EXISTS (SELECT 1 FROM lineage_edge e
                           WHERE s.node_id IN (e.source_id, e.target_id) AND e.superseded_at IS NULL),
                   c.kind, c.namespace, c.name, c.version, o.kind, o.namespace, o.name, o.version, {_STATE}
            FROM lineage_nodestate s
            LEFT JOIN lineage_node c ON c.id = s.canonical_id
            LEFT JOIN lineage_node o ON o.id = s.entity_id"""
    )
    found = {}
    for row in rows:
        fold = folding.load(bytes(row[4]))
        if fold.first is None and row[5] and not row[6]:
            continue
        fold.facets = {n: (m.at, m.digest, m.deleted) for n, m in fold.facets.items()}  # type: ignore[misc]
        others = [str(NodeKey(*row[i : i + 4])) if row[i] else None for i in (7, 11)]
        found[str(NodeKey(*row[:4]))] = (*others, *row[15:], fold)
    return found


def usage() -> list[tuple[Any, ...]]:
    """What was consumed in all, by meter, of events that stand."""
    return fetch(
        """SELECT m.key, sum(m.value::numeric) FROM lineage_usage u, jsonb_each_text(u.meters) m
           WHERE NOT EXISTS (SELECT 1 FROM lineage_retracted x WHERE x.reading_id = u.reading_id)
           GROUP BY 1 ORDER BY 1"""
    )


def ask(root: str, **options: Any) -> Trace:
    return trace(NodeKey.parse(root), **options)


def reached(root: str, **options: Any) -> set[str]:
    """The keys of a trace's nodes."""
    return {node.key for node in ask(root, **options).nodes}
