"""Facets as a person reads them: each known one has a template, all others are shown as a tree."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

#: What every facet carries about itself; not worth a line each.
SELF_DESCRIPTION = ("_producer", "_schemaURL", "_deleted")
#: Facet name -> its title; its template is lineage/facets/<name>.html.
KNOWN = {
    "documentation": "Documentation",
    "errorMessage": "Error message",
    "schema": "Schema",
    "columnLineage": "Where each column comes from",
    "dataQualityAssertions": "Data quality: assertions",
    "dataQualityMetrics": "Data quality: metrics",
    "sql": "SQL",
    "ownership": "Ownership",
    "tags": "Tags",
}


class Shown(NamedTuple):
    """One facet, ready to be shown; `raw` is the JSON as it came, indented where it can be read."""

    name: str
    title: str
    template: str
    view: Any
    raw: str
    at: datetime
    asserter: str
    producer: str


class FieldRow(NamedTuple):
    """A field of a schema; `depth` counts the fields that it lies in."""

    name: str
    type: str
    description: str
    depth: int


def items(value: Any, name: str) -> list[dict[str, Any]]:
    """The objects of a list inside a facet; empty where the facet isn't shaped as its spec says."""
    found = value.get(name) if isinstance(value, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def fields(value: Any, depth: int = 0) -> list[FieldRow]:
    """A schema's fields, nested ones after the one that holds them."""
    rows = []
    for one in items(value, "fields"):
        rows.append(
            FieldRow(
                str(one.get("name", "")), str(one.get("type", "")), str(one.get("description") or ""), depth
            )
        )
        if depth < 8:
            rows += fields(one, depth + 1)
    return rows


def column_lineage(value: Any) -> list[dict[str, Any]]:
    """One row for each output column: `{column, inputs: [{dataset, field, how}], how}`."""
    columns = value.get("fields") if isinstance(value, dict) else None
    if not isinstance(columns, dict):
        return []
    rows = []
    for column, told in columns.items():
        inputs = [
            {
                "namespace": one.get("namespace", ""),
                "name": one.get("name", ""),
                "field": one.get("field", ""),
                "how": ", ".join(_transformation(t) for t in items(one, "transformations")),
            }
            for one in items(told, "inputFields")
        ]
        how = " ".join(
            str(told[name])
            for name in ("transformationType", "transformationDescription")
            if isinstance(told, dict) and told.get(name)
        )
        rows.append({"column": column, "inputs": inputs, "how": how})
    return rows


def _transformation(told: Mapping[str, Any]) -> str:
    return " ".join(str(told[name]).lower() for name in ("type", "subtype") if told.get(name))


def metrics(value: Any) -> dict[str, Any]:
    """`{table: [(name, value)], names: [metric], columns: [(column, [value])]}`."""
    value = value if isinstance(value, dict) else {}
    table = [(name, told) for name, told in value.items() if isinstance(told, int | float)]
    told = value.get("columnMetrics")
    columns = (
        {name: one for name, one in told.items() if isinstance(one, dict)} if isinstance(told, dict) else {}
    )
    names = list(dict.fromkeys(name for one in columns.values() for name in one))
    return {
        "table": table,
        "names": names,
        "columns": [(column, [one.get(name) for name in names]) for column, one in columns.items()],
    }


VIEWS: dict[str, Callable[[Any], Any]] = {
    "schema": fields,
    "columnLineage": column_lineage,
    "dataQualityMetrics": metrics,
    "dataQualityAssertions": lambda value: items(value, "assertions"),
    "ownership": lambda value: items(value, "owners"),
    "tags": lambda value: items(value, "tags"),
}


def shown(name: str, raw: bytes, at: datetime, asserter: str) -> Shown:
    """Make one facet ready. A known one that isn't shaped as its spec says is shown as a tree."""
    try:
        value = json.loads(raw)
        text = json.dumps(value, indent=2, ensure_ascii=False)
    except ValueError:
        value, text = raw.decode(errors="replace"), raw.decode(errors="replace")
    view = VIEWS[name](value) if name in VIEWS else value
    known = name in KNOWN and bool(view) and isinstance(value, dict)
    if not known:
        view = (
            {part: told for part, told in value.items() if part not in SELF_DESCRIPTION}
            if isinstance(value, dict)
            else value
        )
    return Shown(
        name,
        KNOWN.get(name, name),
        f"lineage/facets/{name}.html" if known else "lineage/facets/other.html",
        view,
        text,
        at,
        asserter,
        str(value.get("_producer", "")) if isinstance(value, dict) else "",
    )


def in_order(facets: Mapping[str, Any]) -> list[Shown]:
    """All facets of a node, known ones first, by what a reader wants to see first."""
    names = [name for name in KNOWN if name in facets] + sorted(name for name in facets if name not in KNOWN)
    return [shown(name, facets[name].value, facets[name].at, facets[name].asserter) for name in names]
