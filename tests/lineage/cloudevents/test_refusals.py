"""What bad input gets: a reason, an exact pointer, and never anything but `Refused`."""

import base64
import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.intake.cloudevents.read import read
from lineage.intake.cloudevents.schemas import all_types, schema_for
from lineage.intake.derived import Derived, Refused
from tests.lineage.cloudevents.examples import FULL, MINIMAL, event

USAGE = "factory.usage.recorded"
DEPARTMENT = "factory.department.declared"
FEEDBACK = "factory.feedback.recorded"


def refusal(raw: bytes, now: datetime | None = None) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        read(raw, now)
    assert refused.value.status == 400
    assert refused.value.reason
    return refused.value.code, refused.value.pointer


def department(**changes: Any) -> bytes:
    return event(DEPARTMENT, MINIMAL[DEPARTMENT], **changes)


@pytest.mark.parametrize("event_type", all_types())
def test_every_required_member(event_type: str) -> None:
    required = schema_for(event_type)["required"]
    assert set(required) <= set(MINIMAL[event_type])
    for name in required:
        data = {member: value for member, value in MINIMAL[event_type].items() if member != name}
        assert refusal(event(event_type, data)) == ("missing", f"/data/{name}")


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type", "time", "data"])
def test_every_required_attribute(name: str) -> None:
    assert refusal(department(**{name: None})) == ("missing", f"/{name}")


@pytest.mark.parametrize("name", ["id", "source", "type"])
@pytest.mark.parametrize("value", ["", 7, ["x"], "x" * 2001])
def test_attributes_are_text_of_some_length(name: str, value: Any) -> None:
    assert refusal(department(**{name: value})) == ("invalid", f"/{name}")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "malformed"),
        (b"{", "malformed"),
        (b"nonsense", "malformed"),
        (b"{} {}", "malformed"),
        (b"\xef\xbb\xbf{}", "malformed"),
        (b'{"id": "\xff"}', "malformed"),
        (b'{"id": "\\ud800"}', "malformed"),
        (b'{"id": NaN}', "malformed"),
        (b"[" * 100_000, "too-deep"),
        (b"[]", "invalid"),
        (b"1", "invalid"),
    ],
)
def test_what_is_no_event(raw: bytes, code: str) -> None:
    assert refusal(raw) == (code, "")


def test_specversion() -> None:
    assert refusal(department(specversion="0.3")) == ("invalid", "/specversion")


def test_unknown_type_says_where_the_types_are() -> None:
    with pytest.raises(Refused, match="/api/v1/events/schemas/") as refused:
        read(event("factory.department.renamed", {}))
    assert (refused.value.code, refused.value.pointer) == ("unknown-type", "/type")


@pytest.mark.parametrize(
    ("time", "code"),
    [
        ("2026-03-01T08:30:00", "invalid-time"),
        ("2026-03-01", "invalid-time"),
        ("yesterday", "invalid-time"),
        ("1969-12-31T23:59:59Z", "invalid-time"),
        ("2026-02-30T00:00:00Z", "invalid-time"),
        ("2026-03-01T10:30:01Z", "future-time"),
    ],
)
def test_time(time: str, code: str) -> None:
    now = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    assert refusal(department(time=time), now + timedelta(hours=1)) == (code, "/time")


def test_an_event_read_again_is_not_judged_by_the_clock() -> None:
    assert read(department(time="2999-01-01T00:00:00Z")).time.year == 2999


def nested(depth: int) -> bytes:
    # the event is level 1, its data level 2
    data = b'{"department":"a","title":"b","x":' + b"[" * (depth - 2) + b"]" * (depth - 2) + b"}"
    return event(DEPARTMENT, "DATA").replace(b'"DATA"', data)


def test_nesting() -> None:
    read(nested(100))
    assert refusal(nested(101)) == ("too-deep", "")


def test_many_brackets_are_not_deep() -> None:
    data = MINIMAL[DEPARTMENT] | {"x": [[]] * 500}
    read(event(DEPARTMENT, data))


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        ({"department": "a\0", "title": "t"}, "/data/department"),
        ({"department": "a", "title": "t", "x": {"y/z": [1, "\0"]}}, "/data/x/y~1z/1"),
        ({"department": "a", "title": "t", "x\0": 1}, "/data"),
    ],
)
def test_nul(data: Any, pointer: str) -> None:
    assert refusal(event(DEPARTMENT, data)) == ("nul", pointer)


@pytest.mark.parametrize(
    ("event_type", "path", "value", "pointer"),
    [
        (USAGE, ["meters", "input_tokens"], -1, "/data/meters/input_tokens"),
        (USAGE, ["meters", "a~/b"], "NaN", "/data/meters/a~0~1b"),
        (USAGE, ["meters", "x"], "Infinity", "/data/meters/x"),
        (USAGE, ["meters", "x"], " 1", "/data/meters/x"),
        (USAGE, ["meters", "x"], "1_000", "/data/meters/x"),
        (USAGE, ["meters", "x"], "٣", "/data/meters/x"),
        (USAGE, ["meters", "x"], True, "/data/meters/x"),
        (USAGE, ["meters", "x"], "1e101", "/data/meters/x"),
        (USAGE, ["meters", ""], 1, "/data/meters/"),
        (USAGE, ["meters"], [], "/data/meters"),
        (USAGE, ["billed_cost", "currency"], "eur", "/data/billed_cost/currency"),
        (USAGE, ["billed_cost", "amount"], "1,5", "/data/billed_cost/amount"),
        (USAGE, ["charge_period", "end"], "2026-02-01T00:00:00", "/data/charge_period/end"),
        (USAGE, ["charge_period", "end"], "2025-02-01T00:00:00Z", "/data/charge_period"),
        (USAGE, ["run"], 7, "/data/run"),
        (USAGE, ["deployment", "name"], "", "/data/deployment/name"),
        ("factory.model_version.registered", ["inputs", 0, "name"], 5, "/data/inputs/0/name"),
        ("factory.model_version.registered", ["inputs", 0, "role"], "eval", "/data/inputs/0/role"),
        ("factory.model_version.registered", ["run", "id"], None, "/data/run/id"),
        ("factory.test.recorded", ["metrics", "auc"], "good", "/data/metrics/auc"),
        ("factory.test.recorded", ["passed"], "yes", "/data/passed"),
        ("factory.deployment.changed", ["model", "version"], "", "/data/model/version"),
        ("factory.deployment.changed", ["share"], 1.5, "/data/share"),
        ("factory.dataset_version.declared", ["row_count"], -1, "/data/row_count"),
        ("factory.dataset_version.declared", ["schema", 0, "name"], 1, "/data/schema/0/name"),
        (FEEDBACK, ["subject"], "outcome:o-1", "/data/subject"),
        (FEEDBACK, ["subject"], "planet:factory/x", "/data/subject"),
        (FEEDBACK, ["subject"], "model_version:credit/risk", "/data/subject"),
        (FEEDBACK, ["subject"], "outcome:factory/a%00", "/data/subject"),
        ("factory.measurement.recorded", ["histogram"], {"counts": []}, "/data"),
        ("factory.target.declared", ["comparison"], "about", "/data/comparison"),
    ],
)
def test_values(event_type: str, path: list[Any], value: Any, pointer: str) -> None:
    data = deepcopy(FULL[event_type])
    place: Any = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert refusal(event(event_type, data)) == ("invalid", pointer)


def test_names_that_no_index_can_hold() -> None:
    long = {"department": "行" * 1000, "title": "t"}
    assert refusal(event(DEPARTMENT, long)) == ("too-long", "/data")
    assert refusal(department(id="x" * 2000, source="y" * 2000)) == ("too-long", "/id")
    read(event(DEPARTMENT, {"department": "x" * 2000, "title": "t"}))
    assert refusal(event(DEPARTMENT, {"department": "x" * 2001, "title": "t"})) == (
        "invalid",
        "/data/department",
    )


def test_data_as_base64() -> None:
    def with_base64(text: str, **more: Any) -> bytes:
        return department(data=None, data_base64=text, **more)

    data = json.dumps(MINIMAL[DEPARTMENT]).encode()
    good = base64.b64encode(data).decode()
    assert read(with_base64(good)).digest == read(department()).digest
    assert refusal(with_base64("*")) == ("malformed", "/data_base64")
    assert refusal(with_base64(base64.b64encode(b"{").decode())) == ("malformed", "/data_base64")
    assert refusal(with_base64(base64.b64encode(b"{}").decode())) == ("missing", "/data_base64/department")
    assert refusal(with_base64(good, datacontenttype="text/xml")) == ("invalid", "/datacontenttype")
    assert refusal(department(data_base64=good)) == ("invalid", "/data_base64")


def test_digits_make_another_digest_and_spelling_of_the_envelope_does_not() -> None:
    def usage(meter: bytes, **attributes: Any) -> bytes:
        return read(event(USAGE, {"meters": {"x": "N"}}, **attributes).replace(b'"N"', meter)).digest

    assert (
        usage(b"1.0")
        == usage(b"1.0", datacontenttype=None)
        == usage(b"1.0", time="2026-03-01T09:30:00+01:00")
    )
    spellings = [b"1", b"1.0", b"1.00", b'"1.0"', b"12345678901234567890.1", b"12345678901234567890.2"]
    assert len({usage(spelling) for spelling in spellings}) == len(spellings)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(["", "1e999", "dataset:a/b", "2026-01-01T00:00:00Z", "\0", "x" * 3000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict | list):
        for name in list(value) if isinstance(value, dict) else range(len(value)):
            found += places(value[name], (*path, name))
    return found


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    event_type = draw(st.sampled_from(all_types()))
    whole = json.loads(event(event_type, FULL[event_type]))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(whole)))
        place: Any = whole
        for step in path[:-1]:
            place = place[step]
        if draw(st.booleans()):
            place[path[-1]] = draw(JSON)
        else:
            del place[path[-1]]
        if not places(whole):
            break
    return json.dumps(whole).replace("Infinity", "1e999").encode("utf-8", "surrogatepass")


@settings(max_examples=400, deadline=None)
@given(mutated())
def test_mutated_events_are_read_or_refused(raw: bytes) -> None:
    try:
        assert isinstance(read(raw), Derived)
    except Refused as refused:
        assert refused.pointer == "" or refused.pointer.startswith("/")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(all_types()), st.data())
def test_mangled_bytes_are_read_or_refused(event_type: str, data: st.DataObject) -> None:
    raw = bytearray(event(event_type, FULL[event_type]))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        read(bytes(raw))
    except Refused:
        pass


def test_a_number_of_thousands_of_digits() -> None:
    for number in (b"9" * 5000, b"1." + b"9" * 5000, b"1e99999999999", b"1e-99999999999"):
        raw = event(USAGE, {"meters": {"x": "N"}}).replace(b'"N"', number)
        assert refusal(raw)[0] in ("invalid", "malformed")
        kept = event(DEPARTMENT, MINIMAL[DEPARTMENT] | {"x": "N"}).replace(b'"N"', number)
        try:
            read(kept)
        except Refused:
            pass
