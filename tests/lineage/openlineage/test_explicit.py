"""What explicit lineage (LineageFacet) is read as."""

from typing import Any

import pytest

from lineage.entities import keys
from lineage.entities.keys import NodeKey
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
    dataset_event,
    events,
    facet,
    job_event,
    needs_standard,
    run_event,
)

WAREHOUSE = "postgresql://warehouse:5432"
PRODUCTION = "airflow://production"
EXTRACT_RUN = keys.run("b7dce052-51a6-4d66-98b9-5fd8b78a79c7")


def _table(name: str) -> NodeKey:
    return keys.dataset(WAREHOUSE, f"public.{name}")


@needs_standard
@pytest.mark.parametrize(
    ("example", "claims"),
    [
        ("dataset-to-dataset", [(RUN, "wrote", RAW), (RUN, "read", _table("customers"))]),
        ("dataset-to-job", [(keys.job(PRODUCTION, "daily.load"), "read", _table("staging_orders"))]),
        ("generator", [(RUN, "wrote", _table("extracted_data"))]),
        (
            "implicit-job",
            [(RUN, "read", keys.dataset("postgresql://production:5432", "public.transactions"))],
        ),
        (
            "job-to-dataset",
            [(RUN, "wrote", _table("daily_summary")), (EXTRACT_RUN, "wrote", _table("daily_summary"))],
        ),
        ("job-to-job", [(keys.run("605f451b-c768-4c77-9ff4-8501f6324513"), "derived", EXTRACT_RUN)]),
        (
            "mixed-sources",
            [
                (RUN, "wrote", _table("enriched_orders")),
                (RUN, "read", _table("orders")),
                (keys.job(PRODUCTION, "daily.enrichment"), "wrote", _table("enriched_orders")),
            ],
        ),
    ],
)
def test_explicit_lineage_in_a_run_event(example: str, claims: list[Any]) -> None:
    assert claimed(events()[f"facet-examples/LineageFacet/{example}.json"]) == claims


def test_explicit_lineage_names_runs_with_their_jobs_and_keeps_versions() -> None:
    entries = [
        {
            **item("clean"),
            "type": "DATASET",
            "inputs": [
                {**item("raw"), "type": "DATASET"},
                {"namespace": PRODUCTION, "name": "extract", "type": "JOB", "runId": OTHER_RUN},
                {"namespace": "airflow", "name": "load", "type": "JOB"},
            ],
        },
        {
            "type": "JOB",
            "inputs": [{"type": "JOB", "namespace": PRODUCTION, "name": "plan"}, {"type": "JOB"}],
        },
    ]
    job = {"namespace": "airflow", "name": "load", "facets": {"lineage": facet(entries=entries)}}
    event = run_event(
        job=job,
        inputs=[item("raw", facets={"version": version("3")})],
        outputs=[item("clean", facets={"version": version("4")})],
    )
    other, extract, plan = keys.run(OTHER_RUN), keys.job(PRODUCTION, "extract"), keys.job(PRODUCTION, "plan")
    assert claimed(event) == [
        (RUN, "read", RAW.at_version("3")),
        (RUN, "wrote", CLEAN.at_version("4")),
        (other, "wrote", CLEAN.at_version("4")),
        (RUN, "derived", plan),
    ]
    assert said(event)[other] == {"job": str(extract)}
    assert said(event)[extract] == said(event)[plan] == {}
    by_job = claimed(job_event(job=job))
    assert by_job == [
        (JOB, "wrote", CLEAN),
        (JOB, "read", RAW),
        (other, "wrote", CLEAN),
        (JOB, "derived", plan),
    ]


def test_explicit_lineage_of_a_dataset_alone_derives_it() -> None:
    source = {"namespace": "s3://lake", "name": "clean", "type": "DATASET", "field": "id"}
    lineage = facet(
        inputs=[{"type": "JOB", "runId": OTHER_RUN}, {"type": "JOB"}], fields={"id": {"inputs": [source]}}
    )
    event = dataset_event(version=version("2"), lineage=lineage)
    assert claimed(event) == [
        (RAW.at_version("2"), "derived", keys.run(OTHER_RUN)),
        (RAW.at_version("2"), "derived", CLEAN),
    ]
    assert {claim.basis for claim in derive(event).claims} == {"declared"}
