"""The factory's own event types: the shape of each one's `data`.

Members that a type doesn't know are kept with the event and not refused; null means the same as
leaving an optional member out. A breaking change gets a new type whose name ends in `.v2`.
"""

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct

from lineage.intake.cloudevents.values import (
    Currency,
    Instant,
    Key,
    Name,
    Number,
    Quantity,
    Share,
    Text,
    Word,
)

Classification = Literal["public", "internal", "confidential", "restricted"]
Comparison = Literal[
    "<", "<=", "=", ">=", ">", "lt", "le", "lte", "eq", "ge", "gte", "gt", "at_most", "at_least"
]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Data(Struct, kw_only=True, frozen=True):
    """What all the types below have in common: named members, strict types."""


class Ref(Data, kw_only=True, frozen=True):
    """A dataset, model or deployment, and which version of it where the source knows."""

    namespace: Name
    name: Name
    version: Name | None = None


class VersionedRef(Data, kw_only=True, frozen=True):
    """One version of a dataset or a model."""

    namespace: Name
    name: Name
    version: Name


class RunRef(Data, kw_only=True, frozen=True):
    """A run, by the id that its issuer gave it: OpenLineage's run id unless `issuer` says otherwise."""

    id: Name
    issuer: Name | None = None


class Period(Data, kw_only=True, frozen=True):
    """From `start` (included) to `end` (not included)."""

    start: Instant
    end: Instant

    def __post_init__(self) -> None:
        if self.end.utc < self.start.utc:
            raise ValueError("the period ends before it starts")


class Cost(Data, kw_only=True, frozen=True):
    """An amount of money; a negative one is a credit."""

    amount: Number
    currency: Currency


class Department(Data, kw_only=True, frozen=True):
    """A department of the company exists, under this title."""

    department: Name
    title: Name
    parent: Name | None = None
    cost_center: Word | None = None


class System(Data, kw_only=True, frozen=True):
    """An AI system as the EU AI Act means it: what it is for, its risk class, and what it is made of."""

    system: Name
    title: Name
    purpose: Text
    role: Literal["provider", "deployer"]
    risk_class: Literal["minimal", "limited", "high", "prohibited"]
    department: Name
    owner: Name
    annex_iii: bool | Text | None = None
    deployments: list[Ref] | None = None
    agents: list[Name] | None = None


class Field(Data, kw_only=True, frozen=True):
    """A column of a dataset, or a member of one."""

    name: Name
    type: Text | None = None
    description: Text | None = None
    fields: list["Field"] | None = None


class Schema(Data, kw_only=True, frozen=True):
    """A dataset's columns, as OpenLineage's schema facet writes them."""

    fields: list[Field]


class DatasetVersion(Data, kw_only=True, frozen=True):
    """A version of a dataset exists, with what its keeper declares about it."""

    namespace: Name
    name: Name
    version: Name
    previous: Name | None = None
    operation: Literal["overwrite", "append", "delete"] | None = None
    partitions: list[Raw] | None = None
    digest: Word | None = None
    classification: Classification | None = None
    personal_data: bool | None = None
    jurisdictions: list[Word] | None = None
    department: Name | None = None
    license: Word | None = None
    location: Name | None = None
    row_count: Count | None = None
    schema: list[Field] | Schema | None = None


class TrainingInput(Ref, kw_only=True, frozen=True):
    """A dataset that a model version was made from, and what it was used for."""

    role: Literal["train", "validation", "test", "finetune", "retrieval"]
    digest: Word | None = None


class Origin(Ref, kw_only=True, frozen=True):
    """The model that a model version was made from, and how."""

    relation: Literal["base", "adapter", "distilled", "quantized", "merged"]


class Code(Data, kw_only=True, frozen=True):
    """Source code at one revision."""

    repository: Name
    revision: Name


class ModelVersion(Data, kw_only=True, frozen=True):
    """A version of a model exists: what it was made from, by which run and which code."""

    namespace: Name
    name: Name
    version: Name
    run: RunRef | None = None
    inputs: list[TrainingInput] | None = None
    derived_from: list[Origin] | None = None
    code: Code | None = None
    parameters_digest: Word | None = None
    environment_digest: Word | None = None
    digest: Word | None = None
    framework: Word | None = None
    precision: Word | None = None
    materiality: Word | None = None
    department: Name | None = None


class ModelAlias(Data, kw_only=True, frozen=True):
    """From this time on an alias of a model names this version."""

    namespace: Name
    name: Name
    alias: Word
    version: Name
    actor: Name | None = None


class Test(Data, kw_only=True, frozen=True):
    """A model's test suite was run, with this result."""

    model: Ref
    suite: Word
    passed: bool
    metrics: dict[Word, Number]
    dataset: VersionedRef | None = None
    report: Name | None = None


class Deployment(Data, kw_only=True, frozen=True):
    """From this time on a deployment is in this state and serves this model version."""

    namespace: Name
    name: Name
    environment: Word
    state: Literal["serving", "stopped", "failed"]
    model: VersionedRef
    share: Share | None = None
    #: reported by the platform that runs it, not by those who asked for it
    observed: bool | None = None
    region: Word | None = None
    jurisdiction: Word | None = None
    accelerator: Word | None = None
    accelerator_count: Quantity | None = None
    precision: Word | None = None
    fallback: Ref | None = None
    department: Name | None = None
    system: Name | None = None


class Agent(Data, kw_only=True, frozen=True):
    """An agent exists: what it answers with, its tools, its indexes, and who answers for it."""

    agent: Name
    title: Name
    department: Name
    owner: Name
    state: Literal["active", "suspended"]
    version: Name | None = None
    deployment: Ref | None = None
    prompt_digest: Word | None = None
    tools: list[Name] | None = None
    indexes: list[Ref] | None = None
    parent_agent: Name | None = None


class OutcomeInput(Ref, kw_only=True, frozen=True):
    """A dataset that an outcome was answered from, and what it was used for."""

    role: Literal["features", "context", "memory", "prompt", "tool"]


class HumanReview(Data, kw_only=True, frozen=True):
    """What a person made of an outcome."""

    reviewer: Name
    verdict: Word


class Outcome(Data, kw_only=True, frozen=True):
    """A model or an agent answered something about someone or something.

    `subject_digest` is a keyed digest of whom it was about, never the name.
    """

    outcome: Name
    deployment: Ref
    result: Raw
    model: Ref | None = None
    agent: Name | None = None
    inputs: list[OutcomeInput] | None = None
    subject_digest: Word | None = None
    trace_id: Word | None = None
    human_review: HumanReview | None = None


class Feedback(Data, kw_only=True, frozen=True):
    """What became known about a node later: the truth, an override, a complaint, a drift."""

    subject: Key
    kind: Literal["ground_truth", "override", "complaint", "drift"]
    value: Raw
    detail: Text | None = None


class Task(Data, kw_only=True, frozen=True):
    """An agent or a deployment finished a task. `value` is what the task was worth."""

    task: Word
    succeeded: bool
    agent: Name | None = None
    deployment: Ref | None = None
    value: Number | None = None


class Usage(Data, kw_only=True, frozen=True):
    """Something was consumed.

    `meters` is {meter: quantity}; `input_tokens` includes cached and `output_tokens` includes
    reasoning tokens. Without a charge period the usage is of the event's moment.
    """

    meters: dict[Word, Quantity]
    service_provider: Word | None = None
    sku: Word | None = None
    region: Word | None = None
    tier: Word | None = None
    billed_cost: Cost | None = None
    deployment: Ref | None = None
    model: Ref | None = None
    agent: Name | None = None
    run: RunRef | Name | None = None
    department: Name | None = None
    task: Word | None = None
    trace_id: Word | None = None
    span_id: Word | None = None
    status: Word | None = None
    latency_ms: Quantity | None = None
    charge_period: Period | None = None
    tags: dict[Word, Raw] | None = None


class Measurement(Data, kw_only=True, frozen=True):
    """A number, or a histogram, measured over a period; exactly one of the two is given."""

    metric: Word
    unit: Word
    period: Period
    subject: Key | None = None
    station: Word | None = None
    value: Number | None = None
    histogram: dict[str, Raw] | None = None
    basis: dict[str, Raw] | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.histogram is None):
            raise ValueError("a measurement has either `value` or `histogram`, and not both")


class Target(Data, kw_only=True, frozen=True):
    """What someone aims at, can carry, may spend or claims, from a time on."""

    subject: Key
    metric: Word
    comparison: Comparison
    value: Number
    unit: Word
    kind: Literal["objective", "capacity", "budget", "claim"]
    effective_from: Instant
    source: Name | None = None


class Revenue(Data, kw_only=True, frozen=True):
    """What was earned in a period; a negative amount is a refund."""

    amount: Number
    currency: Currency
    period: Period
    deployment: Ref | None = None
    model: Ref | None = None
    department: Name | None = None


class Incident(Data, kw_only=True, frozen=True):
    """Something is wrong with a node, or is no longer. A drill is an exercise."""

    incident: Name
    subject: Key
    severity: Word
    title: Name
    detail: Text | None = None
    drill: bool | None = None


class Retraction(Data, kw_only=True, frozen=True):
    """The event with this source and id no longer stands."""

    source: Name
    id: Name
    reason: Text


TYPES: dict[str, type[Data]] = {
    "factory.department.declared": Department,
    "factory.system.declared": System,
    "factory.dataset_version.declared": DatasetVersion,
    "factory.model_version.registered": ModelVersion,
    "factory.model_alias.moved": ModelAlias,
    "factory.test.recorded": Test,
    "factory.deployment.changed": Deployment,
    "factory.agent.registered": Agent,
    "factory.outcome.recorded": Outcome,
    "factory.feedback.recorded": Feedback,
    "factory.task.completed": Task,
    "factory.usage.recorded": Usage,
    "factory.measurement.recorded": Measurement,
    "factory.target.declared": Target,
    "factory.revenue.recorded": Revenue,
    "factory.incident.opened": Incident,
    "factory.incident.closed": Incident,
    "factory.event.retracted": Retraction,
}
