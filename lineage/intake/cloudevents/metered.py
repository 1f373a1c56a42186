"""What was consumed, measured, aimed at and earned: rows for the usage room."""

from datetime import datetime
from typing import Any

from lineage.entities.keys import BadKey, NodeKey, plain
from lineage.intake.cloudevents import vocabulary
from lineage.intake.cloudevents.declared import run_of
from lineage.intake.cloudevents.said import Event, json_value, node_of
from lineage.intake.derived import Derived

#: How comparisons are spelt in the usage room.
_COMPARISONS = {"lt": "<", "le": "<=", "lte": "<=", "eq": "=", "ge": ">=", "gte": ">=", "gt": ">"}
_COMPARISONS |= {"at_most": "<=", "at_least": ">="}


def _row(out: Derived, table: str, **fields: Any) -> None:
    out.measures.append((table, {name: value for name, value in fields.items() if value is not None}))


def _key(kind: str, ref: vocabulary.Ref | None) -> str | None:
    return None if ref is None else str(node_of(kind, ref))


def _agent(name: str | None) -> str | None:
    return None if name is None else str(plain("agent", name))


def _run(run: vocabulary.RunRef | str | None) -> str | None:
    if not isinstance(run, str):
        return None if run is None else str(run_of(run))
    try:
        node = NodeKey.parse(run)
    except BadKey:
        node = None
    if node is not None and node.kind == "run":
        return str(node)
    return str(run_of(vocabulary.RunRef(id=run)))


def _covers(event: Event, period: vocabulary.Period | None) -> dict[str, datetime]:
    if period is None:
        return {"period_start": event.time, "period_end": event.time}
    return {"period_start": period.start.utc, "period_end": period.end.utc}


def _scope(event: Event, *refs: vocabulary.Ref | None) -> str:
    """The namespace that the event speaks for: its deployment's, else its model's, else its source."""
    return next((ref.namespace for ref in refs if ref is not None), event.source)


def task(event: Event, data: vocabulary.Task, out: Derived) -> None:
    out.namespace = _scope(event, data.deployment)
    _row(
        out,
        "task",
        task=data.task,
        agent=_agent(data.agent),
        deployment=_key("deployment", data.deployment),
        succeeded=data.succeeded,
        value=data.value,
        **_covers(event, None),
    )


def usage(event: Event, data: vocabulary.Usage, out: Derived) -> None:
    out.namespace = _scope(event, data.deployment, data.model)
    _row(
        out,
        "usage",
        meters={meter: quantity.as_text() for meter, quantity in data.meters.items()},
        deployment=_key("deployment", data.deployment),
        model=_key("model", data.model),
        agent=_agent(data.agent),
        run=_run(data.run),
        department=data.department,
        task=data.task,
        trace_id=data.trace_id,
        span_id=data.span_id,
        service_provider=data.service_provider,
        sku=data.sku,
        region=data.region,
        tier=data.tier,
        status=data.status,
        latency_ms=data.latency_ms,
        billed_amount=None if data.billed_cost is None else data.billed_cost.amount,
        billed_currency=None if data.billed_cost is None else data.billed_cost.currency,
        tags=None if data.tags is None else {name: json_value(value) for name, value in data.tags.items()},
        **_covers(event, data.charge_period),
    )


def measurement(event: Event, data: vocabulary.Measurement, out: Derived) -> None:
    histogram, basis = data.histogram, data.basis
    _row(
        out,
        "measurement",
        subject=None if data.subject is None else str(data.subject.node),
        station=data.station,
        metric=data.metric,
        value=data.value,
        histogram=None if histogram is None else {name: json_value(part) for name, part in histogram.items()},
        unit=data.unit,
        basis=None if basis is None else {name: json_value(part) for name, part in basis.items()},
        **_covers(event, data.period),
    )


def target(event: Event, data: vocabulary.Target, out: Derived) -> None:
    _row(
        out,
        "target",
        subject=str(data.subject.node),
        metric=data.metric,
        comparison=_COMPARISONS.get(data.comparison, data.comparison),
        value=data.value,
        unit=data.unit,
        kind=data.kind,
        effective_from=data.effective_from.utc,
        source=data.source,
        period_start=data.effective_from.utc,
        period_end=data.effective_from.utc,
    )


def revenue(event: Event, data: vocabulary.Revenue, out: Derived) -> None:
    out.namespace = _scope(event, data.deployment, data.model)
    _row(
        out,
        "revenue",
        deployment=_key("deployment", data.deployment),
        model=_key("model", data.model),
        department=data.department,
        amount=data.amount,
        currency=data.currency,
        **_covers(event, data.period),
    )
