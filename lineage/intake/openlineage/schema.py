"""The events of OpenLineage 2-0-2 (spec/OpenLineage.json), typed.

What the standard requires is required here, what it types is typed, and everything else passes.
Facets stay the bytes that they came as. Beyond the standard's own words, a name has 1 to 2,000
characters and a URI is any text that isn't empty.
"""

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct, field

Name = Annotated[str, Meta(min_length=1, max_length=2000)]
Uri = Annotated[str, Meta(min_length=1)]
#: RFC 9562 section 4, any version; both cases.
Uuid = Annotated[
    str, Meta(pattern=r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\Z")
]
Facets = dict[Annotated[str, Meta(max_length=2000)], Raw]
EventType = Literal["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]


class Run(Struct):
    run_id: Uuid = field(name="runId")
    facets: Facets = {}


class Job(Struct):
    namespace: Name
    name: Name
    facets: Facets = {}


class Dataset(Struct):
    namespace: Name
    name: Name
    facets: Facets = {}


class InputDataset(Dataset):
    input_facets: Facets = field(name="inputFacets", default_factory=dict)


class OutputDataset(Dataset):
    output_facets: Facets = field(name="outputFacets", default_factory=dict)


class Event(Struct, kw_only=True):
    """What every event has. `event_time` is RFC 3339 text, judged by the reader."""

    event_time: str = field(name="eventTime")
    producer: Uri
    schema_url: Uri = field(name="schemaURL")


class RunEvent(Event, kw_only=True):
    event_type: EventType = field(name="eventType", default="OTHER")
    run: Run
    job: Job
    inputs: list[InputDataset] = []
    outputs: list[OutputDataset] = []


class JobEvent(Event, kw_only=True):
    job: Job
    inputs: list[InputDataset] = []
    outputs: list[OutputDataset] = []


class DatasetEvent(Event, kw_only=True):
    dataset: Dataset
