"""The OpenLineage reader: from one event's JSON text to what it asserts.

Source: OpenLineage 2-0-2, spec/OpenLineage.json and spec/facets/. A pure function: it looks nothing
up, so that events may come in any order.
"""

from datetime import datetime
from typing import Any

import msgspec
from django.conf import settings
from msgspec import UnsetType
from msgspec.json import Decoder

from factory.kit.canonical import digest
from factory.kit.times import BadTime, event_time, format_time
from lineage.entities import keys
from lineage.entities.keys import NodeKey
from lineage.intake.derived import Derived, Refused
from lineage.intake.openlineage import schema
from lineage.intake.openlineage import understand as u
from lineage.intake.openlineage.admit import admit_names, clean, decode
from lineage.intake.openlineage.explicit import Own, derive_dataset, relate_dataset, relate_job
from lineage.intake.openlineage.gather import Gathering
from lineage.intake.openlineage.locate import first_breach

#: Changes when the same event would be understood differently.
REVISION = "openlineage/1"

#: What a state change makes of a write. An altered table keeps its rows, so its new version inherits
#: what the one before came from, as an append does. Renaming is said by `renamed_from`.
OPERATIONS = {"CREATE": "overwrite", "OVERWRITE": "overwrite", "TRUNCATE": "truncate", "ALTER": "append"}
#: In these states a run has not yet done, or will never do, what its outputs announce.
UNDONE = ("START", "FAIL", "ABORT")

_RUN_EVENT = Decoder(schema.RunEvent)
_JOB_EVENT = Decoder(schema.JobEvent)
_DATASET_EVENT = Decoder(schema.DatasetEvent)


def read(raw: bytes, now: datetime | None = None) -> Derived:
    """Return everything that one RunEvent, JobEvent or DatasetEvent asserts.

    `raw` is the event's JSON, UTF-8. With `now`, event times further ahead of it than
    `settings.FUTURE_TOLERANCE` are refused. Raises Refused.
    """
    plain = decode(raw)
    event = _typed(raw, plain)
    try:
        time = event_time(event.event_time, now=now, tolerance=settings.FUTURE_TOLERANCE)
    except BadTime as error:
        raise Refused(f"/eventTime {error.reason}", "/eventTime", code=error.code) from None

    g = Gathering()
    if isinstance(event, schema.RunEvent):
        _read_run_event(g, event, plain)
    elif isinstance(event, schema.JobEvent):
        _read_job_event(g, event, plain)
    else:
        _read_dataset_event(g, event, time)
    admit_names(g.named, raw, plain)
    derived = Derived(
        time=time,
        event_type=type(event).__name__,
        namespace=event.dataset.namespace if isinstance(event, schema.DatasetEvent) else event.job.namespace,
        digest=digest(plain),
        producer=event.producer,
        statements=g.statements(),
        claims=g.claims(),
    )
    return clean(derived, raw)


def _typed(raw: bytes, plain: Any) -> schema.RunEvent | schema.JobEvent | schema.DatasetEvent:
    """Decode as the kind of event that the members present make it (the standard's `oneOf`)."""
    if not isinstance(plain, dict):
        raise Refused("an event is a JSON object", "")
    decoder: Decoder[Any]
    if "job" in plain and "run" in plain:
        decoder = _RUN_EVENT
    elif "job" in plain and "dataset" in plain:
        raise Refused(
            "with both a job and a dataset but no run this is neither a JobEvent nor a DatasetEvent"
        )
    elif "job" in plain:
        decoder = _JOB_EVENT
    elif "dataset" in plain:
        decoder = _DATASET_EVENT
    else:
        missing = "/job" if "run" in plain else ""
        raise Refused("an event has a run and a job, or a dataset, or a job", missing)
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        at, reason = first_breach(plain, decoder.type, "") or ("", str(error))
        raise Refused(f"{at} {reason}", at) from None


# --- the three kinds of event ---------------------------------------------------------------------
def _read_run_event(g: Gathering, event: schema.RunEvent, plain: dict[str, Any]) -> None:
    run, job = keys.run(event.run.run_id), keys.job(event.job.namespace, event.job.name)
    _say_run(g, event.run, job, "/run/facets", event.event_type)
    lineage = _say_job(g, event.job, "/job/facets")
    own = Own(run, job, {}, {})
    _read_inputs(g, event.inputs, own, plain)
    _read_outputs(g, event.outputs, own, plain, event.event_type)
    if lineage:
        relate_job(g, lineage, own, "/job/facets/lineage")


def _read_job_event(g: Gathering, event: schema.JobEvent, plain: dict[str, Any]) -> None:
    job = keys.job(event.job.namespace, event.job.name)
    lineage = _say_job(g, event.job, "/job/facets")
    own = Own(job, job, {}, {})
    _read_inputs(g, event.inputs, own, plain)
    _read_outputs(g, event.outputs, own, plain, "")
    if lineage:
        relate_job(g, lineage, own, "/job/facets/lineage")


def _read_dataset_event(g: Gathering, event: schema.DatasetEvent, time: datetime) -> None:
    known = _known(event.dataset, "/dataset/facets")
    change = known[1].get("lifecycleStateChange")
    made: dict[str, Any] = {"made": True}
    if change and change.change in OPERATIONS:
        made["operation"] = OPERATIONS[change.change]
    node = _say_dataset(g, event.dataset, known, "/dataset/facets", made=made)
    if not g.has_said(node):  # that it exists is what the event says
        g.say(node, {}, {})
    if change and change.change == "TRUNCATE" and node.kind == "dataset":
        node = node.at_version(f"truncated-{format_time(time)}")
        g.say(node, {}, made)
    if lineage := known[1].get("lineage"):
        derive_dataset(g, node, lineage, "/dataset/facets/lineage")


# --- runs and jobs --------------------------------------------------------------------------------
def _say_run(g: Gathering, run: schema.Run, job: NodeKey, pointer: str, state: str = "") -> None:
    node = keys.run(run.run_id)
    facets, known = u.read_facets(run.facets, u.RUN, pointer)
    attributes = u.of_run(known, pointer)
    attributes["job"] = str(job)
    if state:
        attributes["run_state"] = state
    name = "parent" if "parent" in known else "parentRun"
    if (above := known.get(name)) and (parent := keys.run(above.run.run_id)) != node:
        attributes["parent"] = str(parent)
        g.claim(node, "part_of", parent, "observed")
        if not isinstance(above.root, UnsetType):
            attributes["root"] = str(keys.run(above.root.run.run_id))
    g.say(node, facets, attributes)
    if above:
        _say_above(g, above.run, above.job, f"{pointer}/{name}")
        if not isinstance(above.root, UnsetType):
            _say_above(g, above.root.run, above.root.job, f"{pointer}/{name}/root")


def _say_above(g: Gathering, run: schema.Run, job: schema.Job, pointer: str) -> None:
    """State the parent or root of a run, unless it is the run itself or was stated already."""
    if g.has_said(keys.run(run.run_id)):
        return
    _say_run(g, run, keys.job(job.namespace, job.name), f"{pointer}/run/facets")
    _say_job(g, job, f"{pointer}/job/facets")


def _say_job(g: Gathering, job: schema.Job, pointer: str) -> Any:
    """State a job and return its lineage facet, if any."""
    facets, known = u.read_facets(job.facets, u.JOB, pointer)
    g.say(keys.job(job.namespace, job.name), facets, u.of_job(known))
    return known.get("lineage")


# --- datasets -------------------------------------------------------------------------------------
def _read_inputs(g: Gathering, inputs: list[schema.InputDataset], own: Own, plain: dict[str, Any]) -> None:
    for index, item in enumerate(inputs):
        pointer = f"/inputs/{index}/facets"
        known = _known(item, pointer)
        detail: dict[str, Any] = {}
        content: dict[str, Any] = {}
        if item.input_facets:
            at = f"/inputs/{index}/inputFacets"
            _, about = u.read_facets(item.input_facets, u.INPUT, at)
            content = u.of_content(about, at)
            detail = {"facets": plain["inputs"][index]["inputFacets"], **content}
            if statistics := about.get("inputStatistics"):
                detail.update(u.row_count(statistics))
        detail.update(_failed(known[1], pointer))
        node = _say_dataset(g, item, known, pointer, content=content)
        if node.kind == "dataset_version":
            own.read[keys.dataset(item.namespace, item.name)] = node
        g.claim(own.actor, "read", node, own.basis, detail)
        if lineage := known[1].get("lineage"):
            derive_dataset(g, node, lineage, f"{pointer}/lineage")


def _read_outputs(
    g: Gathering, outputs: list[schema.OutputDataset], own: Own, plain: dict[str, Any], state: str
) -> None:
    for index, item in enumerate(outputs):
        pointer = f"/outputs/{index}/facets"
        known = _known(item, pointer)
        detail: dict[str, Any] = {}
        made: dict[str, Any] = {"made": True} if state == "COMPLETE" else {}
        change = known[1].get("lifecycleStateChange")
        if change and change.change in OPERATIONS:
            detail["operation"] = OPERATIONS[change.change]
            if made:
                made.update(detail)
        if item.output_facets:
            _, about = u.read_facets(item.output_facets, u.OUTPUT, f"/outputs/{index}/outputFacets")
            detail["facets"] = plain["outputs"][index]["outputFacets"]
            if statistics := about.get("outputStatistics"):
                detail.update(u.row_count(statistics))
        detail.update(_failed(known[1], pointer))
        node = _say_dataset(g, item, known, pointer, made=made, undone=state in UNDONE)
        if node.kind == "dataset_version":
            own.wrote[keys.dataset(item.namespace, item.name)] = node
        if change is None or change.change != "DROP":
            g.claim(own.actor, "wrote", node, own.basis, detail)
        if lineage := known[1].get("lineage"):
            relate_dataset(g, node.entity, lineage, own, f"{pointer}/lineage")


def _failed(known: u.Known, pointer: str) -> dict[str, Any]:
    """Return how many checks failed on what was read or written, for versions that nobody named."""
    if "dataQualityAssertions" not in known:
        return {}
    failed = u.of_content(known, pointer)["assertions_failed"]
    return {"assertions_failed": failed} if failed else {}


_NOTHING: tuple[dict[str, bytes], u.Known] = ({}, {})


def _known(item: schema.Dataset, pointer: str) -> tuple[dict[str, bytes], u.Known]:
    return u.read_facets(item.facets, u.DATASET, pointer) if item.facets else _NOTHING


def _say_dataset(
    g: Gathering,
    item: schema.Dataset,
    read: tuple[dict[str, bytes], u.Known],
    pointer: str,
    *,
    content: dict[str, Any] | None = None,
    made: dict[str, Any] | None = None,
    undone: bool = False,
) -> NodeKey:
    """State a dataset, and its version where one is named; return the version, else the dataset.

    `content` is what is known of its content from elsewhere, `made` what is said of a version that
    the event made. `undone` holds back a dropping or renaming that hasn't happened.
    """
    facets, known = read
    node = keys.dataset(item.namespace, item.name)
    if not known and not content:
        if facets:
            g.say(node, facets, {})
        return node
    attributes = {**u.of_dataset(known, pointer), **(content or {}), **_names(g, node, known, undone)}
    if facets or attributes:
        g.say(node, facets, attributes)
    version = known.get("version")
    if version is None or not version.version:
        return node
    node = node.at_version(version.version)
    of_version = {name: attributes[name] for name in CONTENT if name in attributes} | (made or {})
    if of_version:
        g.say(node, {}, of_version)
    return node


#: The attributes of a dataset that are true of one version of it.
CONTENT = ("fields", "row_count", "assertions_failed")


def _names(g: Gathering, node: NodeKey, known: u.Known, undone: bool) -> dict[str, Any]:
    """Return what facets say about how a dataset is called, and whether it still exists."""
    attributes: dict[str, Any] = {}
    same_as: list[NodeKey] = []
    if symlinks := known.get("symlinks"):
        same_as = [g.name(keys.dataset(s.namespace, s.name)) for s in symlinks.identifiers]
    if (kind := known.get("datasetType")) and kind.type.upper() == "MODEL":
        attributes["is_model"] = True
        same_as.append(g.name(keys.model(node.namespace, node.name)))
    if others := [str(other) for other in dict.fromkeys(same_as) if other != node]:
        attributes["same_as"] = others
    change = known.get("lifecycleStateChange")
    if change is None or undone:
        return attributes
    if change.change == "DROP":
        attributes["dropped"] = True
    elif change.change == "RENAME" and not isinstance(change.previous, UnsetType):
        previous = g.name(keys.dataset(change.previous.namespace, change.previous.name))
        if previous != node:
            attributes["renamed_from"] = str(previous)
    return attributes
