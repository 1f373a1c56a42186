"""The types of LineageFacet 1-0-0 (spec/facets/LineageFacet.json); `explicit` says what they mean."""

from msgspec import UNSET, Struct, UnsetType, field

from lineage.intake.openlineage.facets import EntityFacet, Transformation
from lineage.intake.openlineage.schema import Name, Uuid


class DatasetSource(Struct, tag_field="type", tag="DATASET"):
    namespace: Name
    name: Name
    field: str = ""
    transformations: list[Transformation] = []


class JobSource(Struct, tag_field="type", tag="JOB"):
    namespace: Name | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    run_id: Uuid | UnsetType = field(name="runId", default=UNSET)
    transformations: list[Transformation] = []


Source = DatasetSource | JobSource


class TargetField(Struct):
    inputs: list[Source]


class DatasetTarget(Struct, tag_field="type", tag="DATASET"):
    namespace: Name
    name: Name
    inputs: list[Source] = []
    fields: dict[str, TargetField] = {}


class JobTarget(Struct, tag_field="type", tag="JOB"):
    namespace: Name | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    run_id: Uuid | UnsetType = field(name="runId", default=UNSET)
    inputs: list[Source] = []


class JobLineage(EntityFacet, kw_only=True):
    entries: list[DatasetTarget | JobTarget]


class DatasetLineage(EntityFacet, kw_only=True):
    inputs: list[Source] = field(default_factory=list)
    fields: dict[str, TargetField] = field(default_factory=dict)
