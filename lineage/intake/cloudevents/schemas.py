"""The JSON Schema of each type's `data`, made from the very definitions that the reader reads by."""

from functools import cache
from typing import Any

import msgspec
from django.conf import settings

from lineage.intake.cloudevents.values import schema_hook
from lineage.intake.cloudevents.vocabulary import TYPES

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def all_types() -> list[str]:
    """The event types of the factory's vocabulary."""
    return list(TYPES)


@cache
def schema_for(event_type: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the `data` of a type. Raises KeyError for an unknown type."""
    data = TYPES[event_type]
    schema = msgspec.json.schema(data, schema_hook=schema_hook)
    definitions = schema["$defs"]
    for definition in definitions.values():
        if "description" in definition:
            definition["description"] = " ".join(definition["description"].split())
    own = definitions.pop(data.__name__)
    return {
        "$schema": DIALECT,
        "$id": f"{settings.PUBLIC_URL}/api/v1/events/schemas/{event_type}",
        "title": event_type,
        "description": f"The data of a CloudEvent of type {event_type}. {own.pop('description', '')}",
        **{name: value for name, value in own.items() if name != "title"},
        **EXTRA.get(event_type, {}),
        "$defs": definitions,
    }


#: What the definitions check in code, said as a schema.
EXTRA: dict[str, dict[str, Any]] = {
    "factory.measurement.recorded": {
        "oneOf": [
            {
                "required": [given],
                "properties": {given: {"not": {"type": "null"}}, other: {"type": "null"}},
            }
            for given, other in (("value", "histogram"), ("histogram", "value"))
        ]
    }
}
