"""Keep what was metered: rows are added, never changed."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import models
from psycopg.types.json import Jsonb

from factory.kit.bulk import copy_in
from lineage.usage.models import MeasuredFact, Measurement, Revenue, Target, Task, Usage

#: The reading that a row comes from, the event's time, who asserts it, the table, and its fields.
StoredMeasure = tuple[int, datetime, str, str, dict[str, Any]]

TABLES: dict[str, type[MeasuredFact]] = {
    "usage": Usage,
    "measurement": Measurement,
    "target": Target,
    "revenue": Revenue,
    "task": Task,
}


def store(measures: Iterable[StoredMeasure]) -> None:
    """Add rows, in the current transaction: one COPY for each table.

    A field that a row leaves out is empty (NULL for a number, `{}` for JSON). Raises KeyError for
    a table or a field that doesn't exist.
    """
    rows: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for reading, at, asserter, table, fields in measures:
        rows[table].append({"reading_id": reading, "at": at, "asserter": asserter} | fields)
    for table, filled in rows.items():
        fields_of = {
            field.attname: field for field in TABLES[table]._meta.concrete_fields if not field.primary_key
        }
        if unknown := {name for row in filled for name in row} - fields_of.keys():
            raise KeyError(f"{table} has no {', '.join(sorted(unknown))}")
        copy_in(
            TABLES[table],
            list(fields_of),
            ([_value(field, row) for field in fields_of.values()] for row in filled),
        )


def _value(field: "models.Field[Any, Any]", row: dict[str, Any]) -> Any:
    value = row[field.attname] if field.attname in row else field.get_default()
    return Jsonb(value) if isinstance(field, models.JSONField) and value is not None else value
