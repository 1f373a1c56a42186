"""OpenLineage events of one run, built with openlineage-python's own classes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from openlineage.client import event_v2, facet_v2
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    dataset_version_dataset,
    documentation_dataset,
    documentation_job,
    error_message_run,
    job_type_job,
    output_statistics_output_dataset,
    ownership_dataset,
    ownership_job,
    parent_run,
    processing_engine_run,
    schema_dataset,
    source_code_location_job,
    sql_job,
    tags_dataset,
)

from factory.sample.clock import text
from factory.sample.tables import At, Table

State = event_v2.RunState


@dataclass(frozen=True)
class Engine:
    """What runs jobs, and how its OpenLineage integration calls itself."""

    name: str
    version: str
    producer: str
    integration: str


AIRFLOW = Engine(
    "Airflow",
    "3.0.4",
    "https://github.com/apache/airflow/tree/providers-openlineage/2.7.0",
    "AIRFLOW",
)
SPARK = Engine(
    "spark",
    "3.5.6",
    "https://github.com/OpenLineage/OpenLineage/tree/1.54.0/integration/spark",
    "SPARK",
)
PYTHON = Engine(
    "python",
    "3.12.4",
    "https://github.com/OpenLineage/OpenLineage/tree/1.54.0/client/python",
    "PYTHON",
)


@dataclass(frozen=True)
class Job:
    """A job. `path` is its file in the bank's repository; `kind` as OpenLineage's jobType has it."""

    namespace: str
    name: str
    engine: Engine
    owner: str
    about: str
    kind: str = "TASK"
    path: str = ""
    sql: str = ""
    revision: str = "5d0c1f7e9a42b8360c4e1d2f7a96b3085ce4d911"

    def facets(self) -> dict[str, facet_v2.JobFacet]:
        producer = self.engine.producer
        facets: dict[str, facet_v2.JobFacet] = {
            "jobType": job_type_job.JobTypeJobFacet(
                "BATCH", self.engine.integration, self.kind, producer=producer
            ),
            "documentation": documentation_job.DocumentationJobFacet(self.about, producer=producer),
            "ownership": ownership_job.OwnershipJobFacet(
                [ownership_job.Owner(self.owner, "MAINTAINER")], producer=producer
            ),
        }
        if self.path:
            facets["sourceCodeLocation"] = source_code_location_job.SourceCodeLocationJobFacet(
                "git",
                f"https://git.harbourvale.example/data/pipelines/blob/{self.revision}/{self.path}",
                repoUrl="https://git.harbourvale.example/data/pipelines.git",
                path=self.path,
                version=self.revision,
                branch="main",
                producer=producer,
            )
        if self.sql:
            facets["sql"] = sql_job.SQLJobFacet(self.sql, dialect="spark", producer=producer)
        return facets


@dataclass(frozen=True)
class Run:
    """One run of a job. `inputs` and `outputs` are what it read and wrote; `input_facets` and
    `output_facets` add to them, by the table's name; `rows` is how many rows each output got."""

    id: UUID
    job: Job
    start: datetime
    end: datetime
    inputs: Sequence[At] = ()
    outputs: Sequence[At] = ()
    parent: "Run | None" = None
    input_facets: Mapping[str, dict[str, facet_v2.InputDatasetFacet]] = field(default_factory=dict)
    output_facets: Mapping[str, dict[str, facet_v2.DatasetFacet]] = field(default_factory=dict)
    rows: int | None = None
    error: str = ""

    def events(self) -> list[event_v2.RunEvent]:
        """START, and COMPLETE or FAIL. A failed run wrote nothing."""
        inputs = [self.input(at) for at in self.inputs]
        if self.error:
            last = self.event(State.FAIL, self.end, inputs, [])
        else:
            last = self.event(
                State.COMPLETE,
                self.end,
                inputs,
                [self.output(at) for at in self.outputs],
            )
        return [self.event(State.START, self.start, inputs, []), last]

    def event(
        self,
        state: event_v2.RunState,
        time: datetime,
        inputs: list[event_v2.InputDataset],
        outputs: list[event_v2.OutputDataset],
    ) -> event_v2.RunEvent:
        return event_v2.RunEvent(
            eventTime=text(time),
            eventType=state,
            run=event_v2.Run(str(self.id), self._run_facets(state)),
            job=event_v2.Job(self.job.namespace, self.job.name, self.job.facets()),
            inputs=inputs,
            outputs=outputs,
            producer=self.job.engine.producer,
        )

    def _run_facets(self, state: event_v2.RunState) -> dict[str, facet_v2.RunFacet]:
        engine = self.job.engine
        facets: dict[str, facet_v2.RunFacet] = {
            "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
                engine.version, engine.name, "1.54.0", producer=engine.producer
            )
        }
        if self.parent:
            facets["parent"] = parent_run.ParentRunFacet(
                parent_run.Run(str(self.parent.id)),
                parent_run.Job(self.parent.job.namespace, self.parent.job.name),
                producer=engine.producer,
            )
        if self.error and state is State.FAIL:
            facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
                self.error, "PYTHON", producer=engine.producer
            )
        return facets

    def input(self, at: At) -> event_v2.InputDataset:
        return event_v2.InputDataset(
            at.table.namespace,
            at.table.name,
            facets=version_facet(at, self.job.engine.producer),
            inputFacets=dict(self.input_facets.get(at.table.name, {})),
        )

    def output(self, at: At) -> event_v2.OutputDataset:
        producer = self.job.engine.producer
        counted: dict[str, facet_v2.OutputDatasetFacet] = {}
        if self.rows is not None:
            counted["outputStatistics"] = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                rowCount=self.rows, size=self.rows * 96, producer=producer
            )
        return event_v2.OutputDataset(
            at.table.namespace,
            at.table.name,
            facets={
                **described(at.table, producer),
                **version_facet(at, producer),
                **self.output_facets.get(at.table.name, {}),
            },
            outputFacets=counted,
        )


def version_facet(at: At, producer: str) -> dict[str, facet_v2.DatasetFacet]:
    """The version facet; nothing where the source knows no version."""
    if not at.version:
        return {}
    return {"version": dataset_version_dataset.DatasetVersionDatasetFacet(at.version, producer=producer)}


def described(table: Table, producer: str) -> dict[str, facet_v2.DatasetFacet]:
    """Schema, documentation, ownership and tags of a dataset."""
    facets: dict[str, facet_v2.DatasetFacet] = {
        "schema": schema_dataset.SchemaDatasetFacet(
            [
                schema_dataset.SchemaDatasetFacetFields(name, kind, ordinal_position=position)
                for position, (name, kind) in enumerate(table.columns.items(), 1)
            ],
            producer=producer,
        ),
        "documentation": documentation_dataset.DocumentationDatasetFacet(table.about, producer=producer),
        "ownership": ownership_dataset.OwnershipDatasetFacet(
            [ownership_dataset.Owner(table.owner, "OWNER")], producer=producer
        ),
    }
    if table.tags:
        facets["tags"] = tags_dataset.TagsDatasetFacet(
            [
                tags_dataset.TagsDatasetFacetFields(key, value, "CATALOGUE")
                for key, value in table.tags.items()
            ],
            producer=producer,
        )
    return facets


def columns_from(
    producer: str, columns: Mapping[str, Iterable[tuple[Table, str, str]]]
) -> dict[str, facet_v2.DatasetFacet]:
    """A columnLineage facet from {output column: [(input table, its column, subtype)]}, where the
    subtype is IDENTITY, TRANSFORMATION or AGGREGATION."""
    fields: dict[str, Any] = {
        column: column_lineage_dataset.Fields(
            [
                column_lineage_dataset.InputField(
                    table.namespace,
                    table.name,
                    name,
                    [column_lineage_dataset.Transformation("DIRECT", subtype)],
                )
                for table, name, subtype in sources
            ]
        )
        for column, sources in columns.items()
    }
    return {"columnLineage": column_lineage_dataset.ColumnLineageDatasetFacet(fields, producer=producer)}
