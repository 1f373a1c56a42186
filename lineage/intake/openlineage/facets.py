"""The standard's own facets (spec/facets/*.json), typed, by the place where they stand.

A text that may be absent is the empty text, a list that may be absent is empty.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from lineage.intake.openlineage.schema import Job, Name, Run, Uri, Uuid

#: JSON Schema's integer: 1.0 is one too.
Integer = Annotated[float, Meta(multiple_of=1)]
Count = Integer | UnsetType
Number = float | UnsetType
Flag = bool | UnsetType
#: An RFC 3339 time, judged by `understand`.
Time = str


class Facet(Struct, kw_only=True):
    """What every facet has (BaseFacet)."""

    producer: Uri = field(name="_producer")
    schema_url: Uri = field(name="_schemaURL")
    deleted: Any = field(name="_deleted", default=False)


class EntityFacet(Facet, kw_only=True):
    """A facet of a job or a dataset; `_deleted: true` takes back what stood under its name."""

    deleted: bool = field(name="_deleted", default=False)


# --- shared by runs, jobs and datasets ------------------------------------------------------------
class Tag(Struct):
    key: str
    value: str
    source: str = ""


class DatasetTag(Tag):
    field: str = ""


class RunTags(Facet, kw_only=True):
    tags: list[Tag] = []


class JobTags(EntityFacet, kw_only=True):
    tags: list[Tag] = []


class DatasetTags(EntityFacet, kw_only=True):
    tags: list[DatasetTag] = []


class Documentation(EntityFacet, kw_only=True):
    description: str
    content_type: str = field(name="contentType", default="")


class Owner(Struct):
    name: str
    type: str = ""


class Ownership(EntityFacet, kw_only=True):
    owners: list[Owner] = []


# --- runs -----------------------------------------------------------------------------------------
class RunOfJob(Struct):
    run: Run
    job: Job


class Parent(Facet, kw_only=True):
    run: Run
    job: Job
    root: RunOfJob | UnsetType = UNSET


class NominalTime(Facet, kw_only=True):
    start: Time = field(name="nominalStartTime")
    end: Time | UnsetType = field(name="nominalEndTime", default=UNSET)


class ErrorMessage(Facet, kw_only=True):
    message: str
    programming_language: str = field(name="programmingLanguage")
    stack_trace: str = field(name="stackTrace", default="")


class ProcessingEngine(Facet, kw_only=True):
    version: str
    name: str = ""
    adapter_version: str = field(name="openlineageAdapterVersion", default="")


class EnvironmentVariable(Struct):
    name: str
    value: str


class EnvironmentVariables(Facet, kw_only=True):
    variables: list[EnvironmentVariable] = field(name="environmentVariables")


class ExternalQuery(Facet, kw_only=True):
    query_id: str = field(name="externalQueryId")
    source: str


class ExecutionParameter(Struct, forbid_unknown_fields=True):
    key: str
    name: str = ""
    description: str = ""
    value: str = ""


class ExecutionParameters(Facet, kw_only=True):
    parameters: list[ExecutionParameter] = []


class ExtractionFailure(Struct):
    message: str = field(name="errorMessage")
    stack_trace: str = field(name="stackTrace", default="")
    task: str = ""
    task_number: Count = field(name="taskNumber", default=UNSET)


class ExtractionError(Facet, kw_only=True):
    total_tasks: Integer = field(name="totalTasks")
    failed_tasks: Integer = field(name="failedTasks")
    errors: list[ExtractionFailure]


class DependentRun(Struct):
    run_id: Uuid = field(name="runId")


class DependentJob(Struct):
    namespace: str
    name: str


class JobDependency(Struct):
    job: DependentJob
    run: DependentRun | UnsetType = UNSET
    dependency_type: str = ""
    sequence_trigger_rule: str = ""
    status_trigger_rule: str = ""


class JobDependencies(Facet, kw_only=True):
    upstream: list[JobDependency] = []
    downstream: list[JobDependency] = []
    trigger_rule: str = ""


class TestExecution(Struct):
    name: str
    status: str
    severity: str = ""
    type: str = ""
    description: str = ""
    expected: str = ""
    actual: str = ""
    content: str = ""
    content_type: str = field(name="contentType", default="")
    params: dict[str, Any] = {}


class Test(Facet, kw_only=True):
    tests: list[TestExecution]


# --- jobs -----------------------------------------------------------------------------------------
class EmissionPattern(Struct):
    event_trigger: str = field(name="eventTrigger")
    event_content_mode: str = field(name="eventContentMode")
    window_duration: Annotated[float, Meta(multiple_of=1, ge=1)] | UnsetType = field(
        name="windowDuration", default=UNSET
    )


class JobType(EntityFacet, kw_only=True):
    processing_type: str = field(name="processingType")
    integration: str
    job_type: str = field(name="jobType", default="")
    emission_pattern: EmissionPattern | UnsetType = field(name="emissionPattern", default=UNSET)


class SourceCode(EntityFacet, kw_only=True):
    language: str
    source_code: str = field(name="sourceCode")


class SourceCodeLocation(EntityFacet, kw_only=True):
    type: str
    url: str
    repository: str = field(name="repoUrl", default="")
    path: str = ""
    version: str = ""
    tag: str = ""
    branch: str = ""
    pull_request: str = field(name="pullRequestNumber", default="")


class Sql(EntityFacet, kw_only=True):
    query: str
    dialect: str = ""


# --- datasets -------------------------------------------------------------------------------------
class SchemaField(Struct):
    name: str
    type: str = ""
    description: str = ""
    ordinal_position: Count = UNSET
    fields: list["SchemaField"] = []


class Schema(EntityFacet, kw_only=True):
    fields: list[SchemaField] | UnsetType = UNSET


class Version(EntityFacet, kw_only=True):
    version: Annotated[str, Meta(max_length=2000)] = field(name="datasetVersion")


class DatasetType(EntityFacet, kw_only=True):
    type: str = field(name="datasetType")
    sub_type: str = field(name="subType", default="")


class Symlink(Struct):
    namespace: Name
    name: Name
    type: str


class Symlinks(EntityFacet, kw_only=True):
    identifiers: list[Symlink] = []


class DatasetName(Struct):
    namespace: Name
    name: Name


class LifecycleStateChange(EntityFacet, kw_only=True):
    change: Literal["ALTER", "CREATE", "DROP", "OVERWRITE", "RENAME", "TRUNCATE"] = field(
        name="lifecycleStateChange"
    )
    previous: DatasetName | UnsetType = field(name="previousIdentifier", default=UNSET)


class DataSource(EntityFacet, kw_only=True):
    name: str = ""
    uri: str = ""


class Storage(EntityFacet, kw_only=True):
    storage_layer: str = field(name="storageLayer")
    file_format: str = field(name="fileFormat", default="")


class Catalog(EntityFacet, kw_only=True):
    framework: str
    type: str
    name: str
    metadata_uri: str = field(name="metadataUri", default="")
    warehouse_uri: str = field(name="warehouseUri", default="")
    source: str = ""
    properties: dict[str, str] = field(name="catalogProperties", default_factory=dict)


class HierarchyLevel(Struct):
    type: str
    name: str


class Hierarchy(EntityFacet, kw_only=True):
    levels: list[HierarchyLevel] = field(name="hierarchy")


class Transformation(Struct):
    type: str
    subtype: str = ""
    description: str = ""
    masking: Flag = UNSET


class InputField(Struct):
    namespace: str
    name: str
    field: str
    transformations: list[Transformation] = []


class OutputColumn(Struct):
    input_fields: list[InputField] = field(name="inputFields")
    transformation_description: str = field(name="transformationDescription", default="")
    transformation_type: str = field(name="transformationType", default="")


class ColumnLineage(EntityFacet, kw_only=True):
    fields: dict[str, OutputColumn]
    dataset: list[InputField] = []


class ColumnMetrics(Struct):
    null_count: Count = field(name="nullCount", default=UNSET)
    distinct_count: Count = field(name="distinctCount", default=UNSET)
    sum: Number = UNSET
    count: Number = UNSET
    min: Number = UNSET
    max: Number = UNSET
    quantiles: dict[str, float] = {}


class InputMetrics(Facet, kw_only=True):
    columns: dict[str, ColumnMetrics] = field(name="columnMetrics")
    row_count: Count = field(name="rowCount", default=UNSET)
    bytes: Count = UNSET
    file_count: Count = field(name="fileCount", default=UNSET)
    last_updated: Time | UnsetType = field(name="lastUpdated", default=UNSET)


class Metrics(InputMetrics, kw_only=True):
    deleted: bool = field(name="_deleted", default=False)


class Assertion(Struct):
    assertion: str
    success: bool
    column: str = ""
    severity: str = ""
    name: str = ""
    description: str = ""
    expected: str = ""
    actual: str = ""
    content: str = ""
    content_type: str = field(name="contentType", default="")
    params: dict[str, Any] = {}


class Assertions(Facet, kw_only=True):
    assertions: list[Assertion]


class Statistics(Facet, kw_only=True):
    row_count: Count = field(name="rowCount", default=UNSET)
    size: Count = UNSET
    file_count: Count = field(name="fileCount", default=UNSET)


# --- which part of a dataset was read or written --------------------------------------------------
class FieldOperand(Struct, tag_field="type", tag="field"):
    field: str


class LiteralOperand(Struct, tag_field="type", tag="literal"):
    value: str


class CompareCondition(Struct, tag_field="type", tag="compare"):
    left: FieldOperand | LiteralOperand
    right: FieldOperand | LiteralOperand
    comparison: str


class LocationCondition(Struct, tag_field="type", tag="location"):
    locations: list[str]


class Partition(Struct):
    dimensions: dict[str, Any]
    identifier: str = ""


class PartitionCondition(Struct, tag_field="type", tag="partition"):
    partitions: list[Partition]


class BinaryCondition(Struct, tag_field="type", tag="binary"):
    left: "Condition"
    right: "Condition"
    operator: str


Condition = BinaryCondition | CompareCondition | LocationCondition | PartitionCondition


class InputSubset(Facet, kw_only=True):
    condition: Condition = field(name="inputCondition")


class OutputSubset(Facet, kw_only=True):
    condition: Condition = field(name="outputCondition")
