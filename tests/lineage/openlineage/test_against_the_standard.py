"""Our verdict on an event is the verdict of the standard's JSON Schemas."""

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineage.intake.derived import Refused
from lineage.intake.openlineage.read import read
from tests.lineage.openlineage.standard import OPENLINEAGE, events, needs_standard, valid_by_the_schemas

pytestmark = needs_standard
PATHS = list(events()) if OPENLINEAGE.is_dir() else [""]


def accepted(event: Any) -> bool:
    try:
        read(json.dumps(event).encode())
    except Refused as refused:
        assert refused.reason and "Expected `" not in refused.reason
        _resolves(event, refused.pointer)
        return False
    return True


def _resolves(event: Any, pointer: str) -> None:
    """A pointer leads to what is there, or to the one member that is missing."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    for position, step in enumerate(steps):
        if isinstance(event, list):
            event = event[int(step)]
        elif step in event:
            event = event[step]
        else:
            assert position == len(steps) - 1, pointer


@pytest.mark.parametrize("path", PATHS)
def test_every_event_of_the_standard_gets_the_schemas_verdict(path: str) -> None:
    event = events()[path]
    assert accepted(event) == valid_by_the_schemas(event)
    assert accepted(event) == (path != "scenarios/simple_run_event/simple_run_event.json")


def test_the_scenario_whose_run_id_is_no_uuid_is_refused_for_it() -> None:
    with pytest.raises(Refused, match="UUID") as refused:
        read((OPENLINEAGE / "scenarios/simple_run_event/simple_run_event.json").read_bytes())
    assert refused.value.pointer == "/run/runId"


def _places(value: Any, trail: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [p for k, v in value.items() for p in [(*trail, k), *_places(v, (*trail, k))]]
    if isinstance(value, list):
        return [p for k, v in enumerate(value) for p in [(*trail, k), *_places(v, (*trail, k))]]
    return []


REPLACEMENTS = st.sampled_from(
    [
        None,
        True,
        0,
        1.5,
        2.0,
        -1,
        "text",
        "2026-03-01T08:30:00Z",
        "2026-03-01T08:30:00",
        [],
        [0],
        {},
        {"a": 1},
    ]
)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_damaged_event_gets_the_schemas_verdict(data: st.DataObject) -> None:
    event = copy.deepcopy(events()[data.draw(st.sampled_from(PATHS), label="path")])
    for _ in range(data.draw(st.integers(1, 3), label="damages")):
        places = _places(event)
        if not places:
            break
        *trail, last = data.draw(st.sampled_from(places), label="place")
        holder = event
        for step in trail:
            holder = holder[step]
        if data.draw(st.booleans(), label="delete"):
            del holder[last]
        else:
            holder[last] = copy.deepcopy(data.draw(REPLACEMENTS, label="replacement"))
    assert accepted(event) == valid_by_the_schemas(event)


@settings(max_examples=300, deadline=None)
@given(
    event=st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["run", "job", "dataset", "inputs", "facets", "name"]), inner)
        ),
        max_leaves=20,
    )
)
def test_any_json_is_read_or_refused(event: Any) -> None:
    accepted(event)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 60))
def test_any_bytes_are_read_or_refused(noise: bytes, position: int, length: int) -> None:
    raw = json.dumps(events()["facet-examples/example_full_event.json"]).encode()
    for damaged in (noise, raw[:position] + noise + raw[position + length :]):
        try:
            read(damaged)
        except Refused as refused:
            assert refused.reason
