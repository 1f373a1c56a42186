"""What was metered, measured, aimed at and earned: one row for each event that says so.

Rows are only ever added. `reading_id` names the reading (of the intake room above) that a row was
derived from; what a retracted or superseded reading said is left out by whoever adds rows up.
Nodes are named by their keys, as text, because the graph may learn of a node after its usage.
A text column is empty where the event said nothing.
"""

from typing import Any

from django.db import models
from django.db.models import Q


def key_field(**options: Any) -> "models.TextField[str, str]":
    """A node key or another name: compared byte by byte, empty where the event named none."""
    return models.TextField(db_collation="C", blank=True, default="", **options)


class NumberField(models.DecimalField):  # type: ignore[type-arg]
    """A decimal number with all the digits that it came with: a NUMERIC without a bound, because a
    bound on decimals would round in silence. What is taken in has at most 100 digits."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"max_digits": 400, "decimal_places": 200} | options)

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        del options["max_digits"], options["decimal_places"]
        return name, path, args, options

    def db_type(self, connection: Any) -> str:
        return "numeric"


class MeasuredFact(models.Model):
    """What every row of this room has: where it comes from, who says it, and the time it is about."""

    id = models.BigAutoField(primary_key=True)
    reading_id = models.BigIntegerField(db_index=True)
    #: The event's own time, and the half-open period [start, end) that the fact covers; both ends
    #: are the event's time where it named no period.
    at = models.DateTimeField()
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    #: The name of the source that the event came from (see intake's Source).
    asserter = models.TextField(db_collation="C")

    class Meta:
        abstract = True


class Usage(MeasuredFact):
    """What one call, job or billing line consumed. `meters` is {meter: quantity as decimal text}."""

    meters = models.JSONField()
    deployment = key_field()
    model = key_field()
    agent = key_field()
    run = key_field()
    department = key_field()
    task = key_field()
    trace_id = key_field(db_index=True)
    span_id = key_field()
    service_provider = key_field()
    sku = key_field()
    region = key_field()
    tier = key_field()
    status = key_field()
    latency_ms = NumberField(null=True)
    billed_amount = NumberField(null=True)
    billed_currency = models.CharField(max_length=3, blank=True, default="")
    tags = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["period_start"], name="usage_period"),
            models.Index(fields=["deployment", "period_start"], name="usage_deployment_period"),
            models.Index(fields=["department", "period_start"], name="usage_department_period"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(billed_amount__isnull=True, billed_currency="")
                | Q(billed_amount__isnull=False) & ~Q(billed_currency=""),
                name="usage_billed_amount_has_currency",
            ),
        ]


class Measurement(MeasuredFact):
    """One number, or one histogram, about a node or a station of the factory, over a period."""

    subject = key_field()
    station = key_field()
    metric = key_field()
    value = NumberField(null=True)
    histogram = models.JSONField(null=True)
    unit = key_field()
    basis = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["subject", "metric", "period_start"], name="measurement_subject_period"),
            models.Index(fields=["station", "metric", "period_start"], name="measurement_station_period"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(value__isnull=False, histogram__isnull=True)
                | Q(value__isnull=True, histogram__isnull=False),
                name="measurement_value_or_histogram",
            ),
        ]


class Target(MeasuredFact):
    """What someone aims at, can carry, may spend or claims. `kind` is objective, capacity, budget or
    claim; `comparison` is one of <, <=, =, >=, >. The period opens and ends at `effective_from`: a
    target stands until a later one for the same subject, metric and kind."""

    subject = key_field()
    metric = key_field()
    comparison = key_field()
    value = NumberField()
    unit = key_field()
    kind = key_field()
    effective_from = models.DateTimeField()
    #: Where the target is written down (a contract, a plan), as the event named it.
    source = key_field()

    class Meta:
        indexes = [
            models.Index(fields=["subject", "metric", "effective_from"], name="target_subject_effective"),
        ]


class Revenue(MeasuredFact):
    """What a deployment, a model or a department earned in a period."""

    deployment = key_field()
    model = key_field()
    department = key_field()
    amount = NumberField()
    currency = models.CharField(max_length=3)

    class Meta:
        indexes = [
            models.Index(fields=["period_start"], name="revenue_period"),
            models.Index(fields=["deployment", "period_start"], name="revenue_deployment_period"),
            models.Index(fields=["department", "period_start"], name="revenue_department_period"),
        ]


class Task(MeasuredFact):
    """One task that an agent or a deployment finished, and whether it succeeded."""

    task = key_field()
    agent = key_field()
    deployment = key_field()
    succeeded = models.BooleanField()
    value = NumberField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["task"], name="task_name"),
            models.Index(fields=["deployment", "period_start"], name="task_deployment_period"),
            models.Index(fields=["agent", "period_start"], name="task_agent_period"),
        ]
