"""What facets mean: from the bytes of a facet to attributes of the node that it is about."""

from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Raw, UnsetType
from msgspec.json import Decoder

from factory.kit.times import BadTime, format_time, parse_time
from lineage.intake.derived import Refused
from lineage.intake.openlineage import facets as f
from lineage.intake.openlineage.lineage_facet import DatasetLineage, JobLineage
from lineage.intake.openlineage.locate import first_breach, step

#: Owners and tags are looked up by an index, which takes short texts only; the facet has all of it.
LONGEST_LABEL = 500

Known = dict[str, Any]


class Place(NamedTuple):
    """A place where facets stand: how any facet is read there, and the standard's own by name."""

    base: Decoder[Any]
    known: dict[str, Decoder[Any]]


def _place(base: type, known: dict[str, type]) -> Place:
    return Place(Decoder(base), {name: Decoder(of) for name, of in known.items()})


RUN = _place(
    f.Facet,
    {
        "environmentVariables": f.EnvironmentVariables,
        "errorMessage": f.ErrorMessage,
        "executionParameters": f.ExecutionParameters,
        "externalQuery": f.ExternalQuery,
        "extractionError": f.ExtractionError,
        "jobDependencies": f.JobDependencies,
        "nominalTime": f.NominalTime,
        "parent": f.Parent,
        "parentRun": f.Parent,  # its name before 1-0-0, still sent by old integrations
        "processing_engine": f.ProcessingEngine,
        "tags": f.RunTags,
        "test": f.Test,
    },
)
JOB = _place(
    f.EntityFacet,
    {
        "documentation": f.Documentation,
        "jobType": f.JobType,
        "lineage": JobLineage,
        "ownership": f.Ownership,
        "sourceCode": f.SourceCode,
        "sourceCodeLocation": f.SourceCodeLocation,
        "sql": f.Sql,
        "tags": f.JobTags,
    },
)
DATASET = _place(
    f.EntityFacet,
    {
        "catalog": f.Catalog,
        "columnLineage": f.ColumnLineage,
        "dataQualityAssertions": f.Assertions,  # an input facet by the standard; dbt sends it here
        "dataQualityMetrics": f.Metrics,
        "dataSource": f.DataSource,
        "datasetType": f.DatasetType,
        "documentation": f.Documentation,
        "hierarchy": f.Hierarchy,
        "lifecycleStateChange": f.LifecycleStateChange,
        "lineage": DatasetLineage,
        "ownership": f.Ownership,
        "schema": f.Schema,
        "storage": f.Storage,
        "symlinks": f.Symlinks,
        "tags": f.DatasetTags,
        "version": f.Version,
    },
)
INPUT = _place(
    f.Facet,
    {
        "dataQualityAssertions": f.Assertions,
        "dataQualityMetrics": f.InputMetrics,
        "inputStatistics": f.Statistics,
        "subset": f.InputSubset,
    },
)
OUTPUT = _place(f.Facet, {"outputStatistics": f.Statistics, "subset": f.OutputSubset})


def read_facets(raw: dict[str, Raw], place: Place, pointer: str) -> tuple[dict[str, bytes], Known]:
    """Return all facets as they came, and those that the standard knows, typed.

    A deleted facet need not have the content that its definition requires, and means nothing more.
    Raises Refused where a facet lacks what every facet has, or a known one has wrong content.
    """
    kept: dict[str, bytes] = {}
    known: Known = {}
    for name, value in raw.items():
        if "\0" in name:
            raise Refused(f"a facet in {pointer} has a NUL character in its name", pointer)
        decoder = place.known.get(name)
        try:
            if decoder is None:
                place.base.decode(value)
            else:
                facet = decoder.decode(value)
                if facet.deleted is not True:
                    known[name] = facet
        except msgspec.ValidationError as error:
            if decoder is None or not _deleted(value, place):
                raise _refusal(error, value, decoder or place.base, step(pointer, name)) from None
        kept[name] = bytes(value)
    return kept, known


def _deleted(value: Raw, place: Place) -> bool:
    try:
        return place.base.decode(value).deleted is True
    except msgspec.ValidationError:
        return False


def _refusal(error: Exception, value: Raw, decoder: Decoder[Any], pointer: str) -> Refused:
    at, reason = first_breach(msgspec.json.decode(value), decoder.type, pointer) or (pointer, str(error))
    return Refused(f"{at} {reason}", at)


def _time(text: str | UnsetType, pointer: str) -> str | None:
    if isinstance(text, UnsetType):
        return None
    try:
        return format_time(parse_time(text))
    except BadTime as error:
        raise Refused(f"{pointer} {error.reason}", pointer, code=error.code) from None


# --- runs and jobs --------------------------------------------------------------------------------
def of_run(known: Known, pointer: str) -> dict[str, Any]:
    """Return the attributes that the facets of a run make."""
    attributes: dict[str, Any] = {}
    if error := known.get("errorMessage"):
        attributes["error"] = error.message
    if engine := known.get("processing_engine"):
        attributes["engine"] = f"{engine.name} {engine.version}".strip()
    if nominal := known.get("nominalTime"):
        attributes["nominal_start"] = _time(nominal.start, f"{pointer}/nominalTime/nominalStartTime")
        if end := _time(nominal.end, f"{pointer}/nominalTime/nominalEndTime"):
            attributes["nominal_end"] = end
    if environment := known.get("environmentVariables"):
        attributes["environment"] = {variable.name: variable.value for variable in environment.variables}
    if query := known.get("externalQuery"):
        attributes["external_query"] = {"source": query.source, "id": query.query_id}
    if tags := known.get("tags"):
        attributes["tags"] = _tags(tags.tags)
    return attributes


def of_job(known: Known) -> dict[str, Any]:
    """Return the attributes that the facets of a job make."""
    attributes = _described(known)
    if kind := known.get("jobType"):
        parts = (kind.processing_type, kind.job_type, kind.integration)
        attributes["job_type"] = " ".join(part for part in parts if part)
    if code := known.get("sourceCodeLocation"):
        names = ("type", "url", "repository", "path", "version", "tag", "branch", "pull_request")
        attributes["source_code"] = {name: text for name in names if (text := getattr(code, name))}
    return attributes


def _described(known: Known) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    if documentation := known.get("documentation"):
        attributes["description"] = documentation.description
    if ownership := known.get("ownership"):
        attributes["owners"] = list(dict.fromkeys(o.name[:LONGEST_LABEL] for o in ownership.owners))
    if tags := known.get("tags"):
        attributes["tags"] = _tags(tag for tag in tags.tags if not getattr(tag, "field", ""))
    return attributes


def _tags(tags: Any) -> list[str]:
    texts = (f"{tag.key}={tag.value}" if tag.value else tag.key for tag in tags)
    return list(dict.fromkeys(text[:LONGEST_LABEL] for text in texts))


# --- datasets -------------------------------------------------------------------------------------
def of_dataset(known: Known, pointer: str) -> dict[str, Any]:
    """Return the attributes that the facets of a dataset make, those of its version included."""
    attributes = _described(known)
    if (kind := known.get("datasetType")) and (text := f"{kind.type} {kind.sub_type}".strip()):
        attributes["dataset_type"] = text
    attributes.update(of_content(known, pointer))
    return attributes


def of_content(known: Known, pointer: str) -> dict[str, Any]:
    """Return what facets say about a dataset's content: its schema, its size, its failed checks."""
    attributes: dict[str, Any] = {}
    schema = known.get("schema")
    if schema is not None and schema.fields is not UNSET:
        attributes["fields"] = [_field(column) for column in schema.fields]
    if metrics := known.get("dataQualityMetrics"):
        _time(metrics.last_updated, f"{pointer}/dataQualityMetrics/lastUpdated")
        attributes.update(row_count(metrics))
    if checks := known.get("dataQualityAssertions"):
        attributes["assertions_failed"] = sum(not check.success for check in checks.assertions)
    return attributes


def _field(column: f.SchemaField) -> dict[str, Any]:
    field: dict[str, Any] = {"name": column.name}
    if column.type:
        field["type"] = column.type
    if column.description:
        field["description"] = column.description
    if column.fields:
        field["fields"] = [_field(inner) for inner in column.fields]
    return field


def row_count(facet: f.InputMetrics | f.Statistics) -> dict[str, int]:
    return {} if isinstance(facet.row_count, UnsetType) else {"row_count": int(facet.row_count)}
