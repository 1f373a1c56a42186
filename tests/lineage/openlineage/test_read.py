"""What events are read as, statement by statement and claim by claim."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from factory.kit.canonical import digest
from lineage.entities import keys
from lineage.intake.openlineage.read import read
from tests.lineage.openlineage.said import (
    CLEAN,
    JOB,
    OTHER_RUN,
    RAW,
    RUN,
    claimed,
    derive,
    item,
    said,
    version,
)
from tests.lineage.openlineage.standard import (
    PRODUCER,
    RUN_ID,
    dataset_event,
    facet,
    job_event,
    run_event,
)


# --- the three kinds of event ---------------------------------------------------------------------
def test_a_run_event() -> None:
    event = run_event(inputs=[item("raw")], outputs=[item("clean")])
    derived = derive(event)
    assert derived.time == datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    assert (derived.event_type, derived.namespace, derived.producer) == ("RunEvent", "airflow", PRODUCER)
    assert derived.digest == digest(event)
    assert said(event) == {RUN: {"job": str(JOB), "run_state": "COMPLETE"}, JOB: {}}
    assert claimed(event) == [(RUN, "read", RAW), (RUN, "wrote", CLEAN)]
    assert {claim.basis for claim in derived.claims} == {"observed"}


def test_a_run_event_without_a_type_is_other_and_run_ids_have_one_spelling() -> None:
    event = run_event(run={"runId": RUN_ID.upper()})
    del event["eventType"]
    assert said(event)[RUN]["run_state"] == "OTHER"


def test_a_job_event_declares() -> None:
    event = job_event(inputs=[item("raw")], outputs=[item("clean", facets={"version": version("7")})])
    derived = derive(event)
    assert (derived.event_type, derived.namespace) == ("JobEvent", "airflow")
    assert claimed(event) == [(JOB, "read", RAW), (JOB, "wrote", CLEAN.at_version("7"))]
    assert {claim.basis for claim in derived.claims} == {"declared"}
    assert CLEAN.at_version("7") not in said(event)


def test_a_dataset_event_makes_the_version_that_it_names() -> None:
    event = dataset_event(version=version("7"), schema=facet(fields=[{"name": "id"}]))
    derived = derive(event)
    assert (derived.event_type, derived.namespace) == ("DatasetEvent", "s3://lake")
    fields = [{"name": "id"}]
    assert said(event) == {RAW: {"fields": fields}, RAW.at_version("7"): {"fields": fields, "made": True}}
    assert derived.claims == []


def test_a_stray_dataset_beside_run_and_job_is_let_be() -> None:
    assert derive(run_event(dataset=5)).event_type == "RunEvent"
    assert derive(dataset_event() | {"run": 5}).event_type == "DatasetEvent"


# --- versions -------------------------------------------------------------------------------------
@pytest.mark.parametrize("state", ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"])
def test_a_version_is_made_by_the_run_that_completed_it(state: str) -> None:
    event = run_event(
        eventType=state,
        inputs=[item("raw", facets={"version": version("3")})],
        outputs=[item("clean", facets={"version": version("4"), "storage": facet(storageLayer="delta")})],
    )
    assert claimed(event) == [(RUN, "read", RAW.at_version("3")), (RUN, "wrote", CLEAN.at_version("4"))]
    made = {CLEAN.at_version("4"): {"made": True}} if state == "COMPLETE" else {}
    versions = {node: what for node, what in said(event).items() if node.kind == "dataset_version"}
    assert versions == made


def test_an_empty_version_is_none() -> None:
    assert claimed(run_event(inputs=[item(facets={"version": version("")})])) == [(RUN, "read", RAW)]


@pytest.mark.parametrize(
    ("change", "operation"),
    [
        ("CREATE", "overwrite"),
        ("OVERWRITE", "overwrite"),
        ("TRUNCATE", "truncate"),
        ("ALTER", "append"),
    ],
)
def test_a_state_change_says_what_the_write_did(change: str, operation: str) -> None:
    facets = {"version": version("4"), "lifecycleStateChange": facet(lifecycleStateChange=change)}
    event = run_event(outputs=[item(facets=facets)])
    assert [claim.detail for claim in derive(event).claims] == [{"operation": operation}]
    made = {"made": True, "operation": operation}
    assert said(event)[RAW.at_version("4")] == made
    assert said(dataset_event(**facets))[RAW.at_version("4")] == made


def test_truncating_without_a_version_makes_one() -> None:
    event = dataset_event(lifecycleStateChange=facet(lifecycleStateChange="TRUNCATE"))
    version = RAW.at_version("truncated-2026-03-01T08:30:00Z")
    assert said(event) == {RAW: {}, version: {"made": True, "operation": "truncate"}}


@pytest.mark.parametrize(
    ("state", "happened"), [("COMPLETE", True), ("OTHER", True), ("START", False), ("FAIL", False)]
)
def test_dropping_is_no_write_and_counts_once_it_happened(state: str, happened: bool) -> None:
    facets = {"lifecycleStateChange": facet(lifecycleStateChange="DROP")}
    event = run_event(eventType=state, outputs=[item(facets=facets)])
    assert claimed(event) == []
    assert said(event)[RAW] == ({"dropped": True} if happened else {})
    assert said(dataset_event(**facets)) == {RAW: {"dropped": True}}


def test_a_renamed_dataset_says_what_it_was_called() -> None:
    change = facet(
        lifecycleStateChange="RENAME", previousIdentifier={"namespace": "s3://lake", "name": "clean"}
    )
    assert said(dataset_event(lifecycleStateChange=change)) == {RAW: {"renamed_from": str(CLEAN)}}


# --- names ----------------------------------------------------------------------------------------
def test_symlinks_are_other_names() -> None:
    identifiers = [
        {"namespace": "hive", "name": "db.raw", "type": "TABLE"},
        {"namespace": "s3://lake", "name": "raw", "type": "LOCATION"},
    ]
    event = dataset_event(symlinks=facet(identifiers=identifiers))
    assert said(event) == {RAW: {"same_as": [str(keys.dataset("hive", "db.raw"))]}}


@pytest.mark.parametrize("spelling", ["MODEL", "model"])
def test_a_dataset_of_type_model_is_a_model(spelling: str) -> None:
    facets = {"datasetType": facet(datasetType=spelling), "version": version("5")}
    event = run_event(outputs=[item(facets=facets)])
    assert said(event)[RAW] == {
        "dataset_type": spelling,
        "is_model": True,
        "same_as": [str(keys.model("s3://lake", "raw"))],
    }
    assert claimed(event) == [(RUN, "wrote", RAW.at_version("5"))]


# --- facets ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "content", "attributes"),
    [
        ("errorMessage", {"message": "boom", "programmingLanguage": "JAVA"}, {"error": "boom"}),
        ("processing_engine", {"version": "3.5", "name": "Spark"}, {"engine": "Spark 3.5"}),
        ("processing_engine", {"version": "3.5"}, {"engine": "3.5"}),
        (
            "nominalTime",
            {"nominalStartTime": "2026-03-01T01:00:00+01:00", "nominalEndTime": "2026-03-01T01:00:00Z"},
            {"nominal_start": "2026-03-01T00:00:00Z", "nominal_end": "2026-03-01T01:00:00Z"},
        ),
        (
            "environmentVariables",
            {"environmentVariables": [{"name": "A", "value": "b"}]},
            {"environment": {"A": "b"}},
        ),
        (
            "externalQuery",
            {"externalQueryId": "q1", "source": "bigquery"},
            {"external_query": {"source": "bigquery", "id": "q1"}},
        ),
        ("tags", {"tags": [{"key": "a", "value": "b"}, {"key": "c", "value": ""}]}, {"tags": ["a=b", "c"]}),
        ("custom", {"anything": [1, {"a": None}]}, {}),
    ],
)
def test_facets_of_a_run(name: str, content: dict[str, Any], attributes: dict[str, Any]) -> None:
    event = run_event(run={"runId": RUN_ID, "facets": {name: facet(**content)}})
    assert said(event)[RUN] == {"job": str(JOB), "run_state": "COMPLETE", **attributes}


@pytest.mark.parametrize(
    ("name", "content", "attributes"),
    [
        ("documentation", {"description": "Loads."}, {"description": "Loads."}),
        (
            "ownership",
            {"owners": [{"name": "team:a"}, {"name": "bob", "type": "MAINTAINER"}]},
            {"owners": ["team:a", "bob"]},
        ),
        ("tags", {"tags": [{"key": "a", "value": "b"}]}, {"tags": ["a=b"]}),
        (
            "jobType",
            {"processingType": "BATCH", "integration": "SPARK", "jobType": "QUERY"},
            {"job_type": "BATCH QUERY SPARK"},
        ),
        (
            "sourceCodeLocation",
            {"type": "git", "url": "https://x/y", "repoUrl": "https://x", "path": "y", "version": "abc"},
            {
                "source_code": {
                    "type": "git",
                    "url": "https://x/y",
                    "repository": "https://x",
                    "path": "y",
                    "version": "abc",
                }
            },
        ),
        ("sql", {"query": "SELECT 1"}, {}),
        ("sourceCode", {"language": "sh", "sourceCode": "ls"}, {}),
    ],
)
def test_facets_of_a_job(name: str, content: dict[str, Any], attributes: dict[str, Any]) -> None:
    event = run_event(job={"namespace": "airflow", "name": "load", "facets": {name: facet(**content)}})
    assert said(event)[JOB] == attributes


@pytest.mark.parametrize(
    ("name", "content", "attributes"),
    [
        (
            "schema",
            {
                "fields": [
                    {
                        "name": "a",
                        "type": "struct",
                        "ordinal_position": 1,
                        "fields": [{"name": "b", "description": "d"}],
                    }
                ]
            },
            {"fields": [{"name": "a", "type": "struct", "fields": [{"name": "b", "description": "d"}]}]},
        ),
        ("schema", {"fields": []}, {"fields": []}),
        ("schema", {}, {}),
        (
            "tags",
            {"tags": [{"key": "pii", "value": "true", "field": "email"}, {"key": "gold", "value": ""}]},
            {"tags": ["gold"]},
        ),
        ("dataQualityMetrics", {"columnMetrics": {}, "rowCount": 10.0}, {"row_count": 10}),
        (
            "dataQualityAssertions",
            {"assertions": [{"assertion": "a", "success": False}, {"assertion": "b", "success": True}]},
            {"assertions_failed": 1},
        ),
        (
            "datasetType",
            {"datasetType": "VIEW", "subType": "MATERIALIZED"},
            {"dataset_type": "VIEW MATERIALIZED"},
        ),
        ("columnLineage", {"fields": {}}, {}),
        ("dataSource", {"name": "lake", "uri": "s3://lake"}, {}),
    ],
)
def test_facets_of_a_dataset(name: str, content: dict[str, Any], attributes: dict[str, Any]) -> None:
    assert said(dataset_event(**{name: facet(**content)})) == {RAW: attributes}


def test_facets_stay_the_bytes_that_they_came_as() -> None:
    spelling = (
        b'{ "_producer":"p", "_schemaURL":"s", "n": 1.0e0, "big": 12345678901234567890123, "z": "\\u0000" }'
    )
    raw = json.dumps(run_event(run={"runId": RUN_ID, "facets": {"x": 0}})).encode()
    derived = read(raw.replace(b'{"x": 0}', b'{"x": ' + spelling + b"}"))
    assert derived.statements[0].facets == {"x": spelling}


def test_a_deleted_facet_is_kept_and_means_nothing_more() -> None:
    event = dataset_event(
        documentation=facet(_deleted=True), ownership=facet(_deleted=True, owners=[{"name": "a"}])
    )
    (statement,) = derive(event).statements
    assert statement.attributes == {}
    assert json.loads(statement.facets["documentation"])["_deleted"] is True


def test_what_is_said_of_reading_and_writing_belongs_to_the_claim() -> None:
    checks = facet(assertions=[{"assertion": "not_null", "success": False}])
    statistics = facet(rowCount=20, size=7)
    event = run_event(
        inputs=[item("raw", facets={"version": version("3")}, inputFacets={"dataQualityAssertions": checks})],
        outputs=[item("clean", outputFacets={"outputStatistics": statistics})],
    )
    details = [claim.detail for claim in derive(event).claims]
    assert details == [
        {"facets": {"dataQualityAssertions": checks}, "assertions_failed": 1},
        {"facets": {"outputStatistics": statistics}, "row_count": 20},
    ]
    assert said(event)[RAW] == said(event)[RAW.at_version("3")] == {"assertions_failed": 1}
    assert CLEAN not in said(event)


def test_one_statement_a_node_and_one_claim_a_relation() -> None:
    twice = [item(facets={"documentation": facet(description="a")}), item(facets={"tags": facet(tags=[])})]
    event = run_event(inputs=twice, outputs=[item(facets={"documentation": facet(description="b")})])
    assert said(event)[RAW] == {"description": "b", "tags": []}
    assert claimed(event) == [(RUN, "read", RAW), (RUN, "wrote", RAW)]


# --- parents --------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["parent", "parentRun"])
def test_a_run_is_part_of_its_parent(name: str) -> None:
    above = facet(
        run={"runId": OTHER_RUN, "facets": {"processing_engine": facet(name="Airflow", version="2")}},
        job={"namespace": "airflow", "name": "dag"},
        root={"run": {"runId": OTHER_RUN[:-1] + "c"}, "job": {"namespace": "airflow", "name": "root"}},
    )
    event = run_event(run={"runId": RUN_ID, "facets": {name: above}})
    parent, root = keys.run(OTHER_RUN), keys.run(OTHER_RUN[:-1] + "c")
    dag, top = keys.job("airflow", "dag"), keys.job("airflow", "root")
    assert claimed(event) == [(RUN, "part_of", parent)]
    assert said(event) == {
        RUN: {"job": str(JOB), "run_state": "COMPLETE", "parent": str(parent), "root": str(root)},
        parent: {"job": str(dag), "engine": "Airflow 2"},
        dag: {},
        root: {"job": str(top)},
        top: {},
        JOB: {},
    }


def test_a_run_that_names_itself_as_parent_has_none() -> None:
    above = facet(run={"runId": RUN_ID}, job={"namespace": "airflow", "name": "app"})
    event = run_event(run={"runId": RUN_ID, "facets": {"parent": above}})
    assert claimed(event) == []
    assert said(event)[RUN] == {"job": str(JOB), "run_state": "COMPLETE"}
