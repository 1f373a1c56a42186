"""The standard's own files: its schemas as the judge of our reader, its examples as events."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

SHARED = Path(os.environ.get("PLUMBLINE_SHARED", Path(__file__).resolve().parents[4] / "shared"))
OPENLINEAGE = SHARED / "data" / "openlineage"

PRODUCER = "https://example.com/producer"
SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
RUN_ID = "019127df-00a2-743c-b714-df7e6dcadb2b"

needs_standard = pytest.mark.skipif(
    not OPENLINEAGE.is_dir(), reason=f"the OpenLineage files are not at {OPENLINEAGE} (set PLUMBLINE_SHARED)"
)

#: Where the standard's facets stand, by the name of their definition's file.
RUN_FILES = (
    "EnvironmentVariablesRunFacet",
    "ErrorMessageRunFacet",
    "ExecutionParametersRunFacet",
    "ExternalQueryRunFacet",
    "ExtractionErrorRunFacet",
    "JobDependenciesRunFacet",
    "NominalTimeRunFacet",
    "ParentRunFacet",
    "ProcessingEngineRunFacet",
    "TagsRunFacet",
    "TestRunFacet",
)
JOB_FILES = (
    "DocumentationJobFacet",
    "JobTypeJobFacet",
    "OwnershipJobFacet",
    "SQLJobFacet",
    "SourceCodeJobFacet",
    "SourceCodeLocationJobFacet",
    "TagsJobFacet",
)
DATASET_FILES = (
    "CatalogDatasetFacet",
    "ColumnLineageDatasetFacet",
    "DataQualityAssertionsDatasetFacet",
    "DataQualityMetricsDatasetFacet",
    "DatasetTypeDatasetFacet",
    "DatasetVersionDatasetFacet",
    "DatasourceDatasetFacet",
    "DocumentationDatasetFacet",
    "HierarchyDatasetFacet",
    "LifecycleStateChangeDatasetFacet",
    "OwnershipDatasetFacet",
    "SchemaDatasetFacet",
    "StorageDatasetFacet",
    "SymlinksDatasetFacet",
    "TagsDatasetFacet",
)
INPUT_FILES = (
    "DataQualityAssertionsDatasetFacet",
    "DataQualityMetricsInputDatasetFacet",
    "InputStatisticsInputDatasetFacet",
)
OUTPUT_FILES = ("OutputStatisticsOutputDatasetFacet",)


def facet(**content: Any) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": SCHEMA, **content}


def run_event(**members: Any) -> dict[str, Any]:
    return {
        "eventType": "COMPLETE",
        "eventTime": "2026-03-01T08:30:00Z",
        "producer": PRODUCER,
        "schemaURL": SCHEMA,
        "run": {"runId": RUN_ID},
        "job": {"namespace": "airflow", "name": "load"},
    } | members


def job_event(**members: Any) -> dict[str, Any]:
    event = run_event(**members)
    del event["run"], event["eventType"]
    return event


def dataset_event(**facets: Any) -> dict[str, Any]:
    event = job_event()
    del event["job"]
    return event | {"dataset": {"namespace": "s3://lake", "name": "raw", "facets": facets}}


def wrapped(kind: str, facets: dict[str, Any]) -> dict[str, Any]:
    """Return a valid event that carries these facets where facets of that file stand."""
    item = {"namespace": "s3://lake", "name": "raw"}
    name = next(iter(facets))
    if kind == "LineageFacet" and "entries" not in facets[name]:
        return run_event(outputs=[item | {"facets": facets}])
    if kind in RUN_FILES:
        return run_event(run={"runId": RUN_ID, "facets": facets})
    if kind in JOB_FILES or kind == "LineageFacet":
        return run_event(job={"namespace": "airflow", "name": "load", "facets": facets})
    if kind in OUTPUT_FILES:
        return run_event(outputs=[item | {"outputFacets": facets}])
    if kind in INPUT_FILES or kind == "BaseSubsetDatasetFacet":
        return run_event(inputs=[item | {"inputFacets": facets}])
    return run_event(inputs=[item | {"facets": facets}])


@cache
def events() -> dict[str, dict[str, Any]]:
    """Return every scenario's events, and every facet example inside an event, by path."""
    found = {}
    for path in sorted(OPENLINEAGE.glob("scenarios/*/*.json")):
        found[str(path.relative_to(OPENLINEAGE))] = json.loads(path.read_text())
    for path in sorted(OPENLINEAGE.glob("facet-examples/*/*.json")):
        found[str(path.relative_to(OPENLINEAGE))] = wrapped(path.parent.name, json.loads(path.read_text()))
    for path in OPENLINEAGE.glob("facet-examples/example_full_event.json"):
        found[str(path.relative_to(OPENLINEAGE))] = json.loads(path.read_text())
    return found


# --- the schemas' verdict -------------------------------------------------------------------------
@cache
def _registry() -> Registry[Any]:
    registry: Registry[Any] = Registry()
    for path in OPENLINEAGE.glob("schema/**/*.json"):
        document = json.loads(path.read_text())
        registry = Resource.from_contents(document) @ registry
    return registry


@cache
def _validator(reference: str) -> Draft202012Validator:
    return Draft202012Validator(
        {"$ref": reference}, registry=_registry(), format_checker=Draft202012Validator.FORMAT_CHECKER
    )


@cache
def _facet_validators(files: tuple[str, ...]) -> dict[str, Draft202012Validator]:
    validators = {}
    for file in files:
        document = json.loads((OPENLINEAGE / "schema" / "facets" / f"{file}.json").read_text())
        for name in document["properties"]:
            validators[name] = _validator(f"{document['$id']}#/properties/{name}")
    return validators


def _definition(file: str, name: str) -> Draft202012Validator:
    document = json.loads((OPENLINEAGE / "schema" / "facets" / f"{file}.json").read_text())
    return _validator(f"{document['$id']}#/$defs/{name}")


def _facets_valid(facets: Any, validators: dict[str, Draft202012Validator]) -> bool:
    return all(
        value.get("_deleted") is True or name not in validators or validators[name].is_valid(value)
        for name, value in facets.items()
    )


def _run_valid(run: dict[str, Any]) -> bool:
    validators = dict(_facet_validators(RUN_FILES))
    validators["parentRun"] = validators["parent"]
    facets = run.get("facets", {})
    if not _facets_valid(facets, validators):
        return False
    above = [facets[name] for name in ("parent", "parentRun") if name in facets and "run" in facets[name]]
    above += [facet["root"] for facet in above if "root" in facet]
    return all(_run_valid(one["run"]) and _job_valid(one["job"]) for one in above)


def _job_valid(job: dict[str, Any]) -> bool:
    validators = _facet_validators(JOB_FILES) | {"lineage": _definition("LineageFacet", "LineageJobFacet")}
    return _facets_valid(job.get("facets", {}), validators)


def _dataset_valid(dataset: dict[str, Any], *, read: bool = False, written: bool = False) -> bool:
    validators = _facet_validators(DATASET_FILES)
    validators = validators | {"lineage": _definition("LineageFacet", "LineageDatasetFacet")}
    valid = _facets_valid(dataset.get("facets", {}), validators)
    if read:
        subset = _definition("BaseSubsetDatasetFacet", "InputSubsetInputDatasetFacet")
        validators = _facet_validators(INPUT_FILES) | {"subset": subset}
        valid = valid and _facets_valid(dataset.get("inputFacets", {}), validators)
    if written:
        subset = _definition("BaseSubsetDatasetFacet", "OutputSubsetOutputDatasetFacet")
        validators = _facet_validators(OUTPUT_FILES) | {"subset": subset}
        valid = valid and _facets_valid(dataset.get("outputFacets", {}), validators)
    return valid


def valid_by_the_schemas(event: Any) -> bool:
    """Say whether the core schema and those of the known facets, where they stand, all hold.

    With a job and a dataset but no run the schema takes an event for a DatasetEvent as long as its
    job is broken, and refuses it otherwise. Here as in the reader it is refused either way.
    """
    if isinstance(event, dict) and {"job", "dataset"} <= event.keys() and "run" not in event:
        return False
    if not _validator(SCHEMA).is_valid(event):
        return False
    if "job" not in event:
        return _dataset_valid(event["dataset"])
    return (
        _run_valid(event.get("run", {}))
        and _job_valid(event["job"])
        and all(_dataset_valid(item, read=True) for item in event.get("inputs", []))
        and all(_dataset_valid(item, written=True) for item in event.get("outputs", []))
    )
