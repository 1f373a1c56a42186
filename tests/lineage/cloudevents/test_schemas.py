"""The schemas that are served say the same as the reader."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from factory.kit.times import BadTime, parse_time
from lineage.intake.cloudevents.read import read
from lineage.intake.cloudevents.schemas import DIALECT, all_types, schema_for
from lineage.intake.derived import Refused
from tests.lineage.cloudevents.examples import FULL, MINIMAL, event
from tests.lineage.cloudevents.test_refusals import places

formats = FormatChecker(formats=())


@formats.checks("date-time", raises=BadTime)
def is_time(value: object) -> bool:
    return not isinstance(value, str) or bool(parse_time(value))


VALIDATORS = {name: Draft202012Validator(schema_for(name), format_checker=formats) for name in all_types()}


@pytest.mark.parametrize("event_type", all_types())
def test_schema(event_type: str) -> None:
    schema = schema_for(event_type)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DIALECT
    assert schema["$id"].endswith(f"/api/v1/events/schemas/{event_type}")
    assert schema["title"] == event_type
    assert event_type in schema["description"]
    assert set(schema["properties"]) == set(FULL[event_type]) | {"histogram"} & set(schema["properties"])
    json.dumps(schema)
    for examples in (MINIMAL, FULL):
        VALIDATORS[event_type].validate(examples[event_type])


def test_unknown_type_has_no_schema() -> None:
    with pytest.raises(KeyError):
        schema_for("factory.department.renamed")


#: Values that one or the other side might take wrongly.
VALUES: list[Any] = [
    *("", "x", "x" * 300, "x" * 301, "x" * 2000, "x" * 2001, "行" * 10, "serving", "retrieval", "eur", "EUR"),
    *("1.5", "-1", "1e5", "01", ".5", "1.", "NaN", "+1", "1e1000", "2026-01-01T00:00:00Z", "2026-01-01"),
    *(
        "dataset:a/b",
        "dataset:a/b@1",
        "dataset_version:a/b@1",
        "agent:x",
        "run:openlineage/1",
        "model_version:a/b",
    ),
    *(0, 1, -1, 0.5, 1.0, 1.5, -0.5, 10**30, True, False, None, [], ["x"], [1], [[]], {}, {"a": 1}, {"": 1}),
    *({"namespace": "a", "name": "b"}, {"namespace": "a", "name": "b", "version": "1"}, {"fields": []}),
    *([{"namespace": "a", "name": "b"}], {"id": "1"}, {"start": 1}, {"amount": 1, "currency": "EUR"}),
]


@st.composite
def variants(draw: st.DrawFn) -> tuple[str, Any]:
    event_type = draw(st.sampled_from(all_types()))
    data: Any = deepcopy(FULL[event_type])
    for _ in range(draw(st.integers(0, 2))):
        if not (paths := places(data)):
            break
        path = draw(st.sampled_from(paths))
        place = data
        for step in path[:-1]:
            place = place[step]
        if draw(st.integers(0, 3)):
            place[path[-1]] = deepcopy(draw(st.sampled_from(VALUES)))
        else:
            del place[path[-1]]
    return event_type, data


@example(("factory.deployment.changed", {**FULL["factory.deployment.changed"], "share": "1.5"}))
@settings(max_examples=800, deadline=None)
@given(variants())
def test_the_schema_and_the_reader_agree(variant: tuple[str, Any]) -> None:
    event_type, data = variant
    try:
        read(event(event_type, data))
    except Refused as refused:
        # a schema can't compare two times, count the digits of a number, or add up lengths
        beyond_schemas = any(words in refused.reason for words in ("before it starts", "power of", "in all"))
        assert beyond_schemas or not VALIDATORS[event_type].is_valid(data), refused.reason
    else:
        VALIDATORS[event_type].validate(data)
