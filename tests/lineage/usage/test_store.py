"""What was metered is kept with every digit, whatever event it came from."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

from lineage.intake.cloudevents.read import read
from lineage.usage.models import Measurement, Revenue, Target, Task, Usage
from lineage.usage.store import StoredMeasure, store
from tests.lineage.cloudevents.examples import FULL, MINIMAL, event

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
METERED = ["task.completed", "usage.recorded", "measurement.recorded", "target.declared", "revenue.recorded"]
TABLES: tuple[Any, ...] = (Task, Usage, Measurement, Target, Revenue)


def measures(examples: dict[str, Any], reading: int) -> list[StoredMeasure]:
    return [
        (reading, derived.time, "cloud bill", table, fields)
        for kind in METERED
        for derived in [read(event(f"factory.{kind}", examples[f"factory.{kind}"]))]
        for table, fields in derived.measures
    ]


def test_full_and_minimal_rows_side_by_side() -> None:
    rows = [*measures(FULL, 1), *measures(MINIMAL, 2), *measures(FULL, 3)]
    with CaptureQueriesContext(connection) as queries:
        store(rows)
    assert len(queries) <= len(TABLES)
    for table in TABLES:
        assert list(table.objects.order_by("id").values_list("reading_id", flat=True)) == [1, 2, 3]
        assert set(table.objects.values_list("at", "asserter")) == {(AT, "cloud bill")}


def test_what_comes_out_is_what_went_in() -> None:
    for table, (_, _, _, name, fields) in zip(TABLES, rows := measures(FULL, 1), strict=True):
        assert name == table._meta.model_name
        store([next(row for row in rows if row[3] == name)])
        kept = table.objects.values().get()
        assert {name: kept[name] for name in fields} == fields


def test_what_an_event_leaves_out_is_empty() -> None:
    store([(1, AT, "a", "usage", {"meters": {"requests": "1"}, "period_start": AT, "period_end": AT})])
    usage = Usage.objects.get()
    assert usage.deployment == usage.department == usage.billed_currency == ""
    assert usage.billed_amount is None
    assert usage.latency_ms is None
    assert usage.tags == {}


def test_numbers_keep_every_digit() -> None:
    period = {"period_start": AT, "period_end": AT, "currency": "EUR"}
    amounts = [Decimal("1e-60"), Decimal("99999999999999999999999999.000000000000000000001"), Decimal(-3)]
    store([(n, AT, "a", "revenue", {"amount": amount} | period) for n, amount in enumerate(amounts)])
    assert list(Revenue.objects.order_by("id").values_list("amount", flat=True)) == amounts
    assert Revenue.objects.aggregate(total=Sum("amount"))["total"] == Decimal(
        "99999999999999999999999996.000000000000000000001000000000000000000000000000000000000001"
    )


def test_a_field_that_does_not_exist() -> None:
    with pytest.raises(KeyError, match="colour"):
        store([(1, AT, "a", "task", {"task": "t", "succeeded": True, "colour": "red"})])
    with pytest.raises(KeyError):
        store([(1, AT, "a", "weather", {})])


@pytest.mark.parametrize(
    ("table", "fields"),
    [
        ("usage", {"meters": {}, "billed_amount": Decimal(1)}),
        ("usage", {"meters": {}, "billed_currency": "EUR"}),
        ("measurement", {"metric": "m", "unit": "1"}),
        ("measurement", {"metric": "m", "unit": "1", "value": Decimal(1), "histogram": {}}),
    ],
)
def test_halves_are_refused_by_the_database(table: str, fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        store([(1, AT, "a", table, fields | {"period_start": AT, "period_end": AT})])
