"""The three content modes of CloudEvents over HTTP carry the same event."""

import json
from typing import Any

import msgspec
import pytest

from lineage.intake.cloudevents.envelope import from_binary, mode
from lineage.intake.cloudevents.read import read
from lineage.intake.cloudevents.schemas import all_types
from lineage.intake.derived import Derived, Refused
from tests.lineage.cloudevents.examples import FULL, SOURCE, TIME, envelope, event

DEPARTMENT = "factory.department.declared"


def binary(
    event_type: str = DEPARTMENT, data: bytes | None = None, headers: dict[str, str] | None = None
) -> bytes:
    body = json.dumps(FULL[event_type]).encode() if data is None else data
    standard = {
        "Content-Type": "application/json; charset=utf-8",
        "Ce-Specversion": "1.0",
        "CE-ID": "e-1",
        "ce-source": SOURCE,
        "ce-type": event_type,
        "Ce-Time": TIME,
        "Authorization": "Bearer x",
    }
    return from_binary(standard | (headers or {}), body)


def asserted(derived: Derived) -> Any:
    # JSON's white space is the client's: what is asserted is the values
    facets = [{name: json.loads(raw) for name, raw in s.facets.items()} for s in derived.statements]
    spoken = [(s.node, s.attributes) for s in derived.statements]
    return (
        derived.digest,
        derived.identity,
        spoken,
        facets,
        derived.claims,
        derived.measures,
        derived.retracts,
    )


@pytest.mark.parametrize("event_type", all_types())
def test_modes_agree(event_type: str) -> None:
    whole = envelope(event_type, FULL[event_type], comexample="ü 1", count=5, flag=True)
    structured = read(json.dumps(whole).encode())
    batch = json.dumps([whole, whole], indent=2, ensure_ascii=False).encode()
    elements = msgspec.json.decode(batch, type=list[msgspec.Raw])
    headers = {"ce-comexample": "%C3%BC%201", "ce-count": "5", "ce-flag": "true"}
    from_headers = read(binary(event_type, headers=headers))
    assert from_headers.digest == structured.digest
    assert asserted(read(binary(event_type))) == asserted(read(event(event_type, FULL[event_type])))
    for element in elements:
        assert asserted(read(bytes(element))) == asserted(structured)


def test_json_data_goes_in_byte_for_byte() -> None:
    body = b'{"department": "lending",\n "title":"Lending", "x": 1.500}'
    assert body in binary(data=body)
    assert read(binary(data=body)).statements[0].facets[DEPARTMENT] == body


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("plain", "plain"),
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ("%e2%82%ac", "€"),
        ("%41%25%34%31", "A%41"),
        ('"two words"', "two words"),
        (r'"say \"hi\" \\ %20"', 'say "hi" \\  '),
        ("50% off", "50% off"),
        ("€".encode().decode("latin-1"), "€"),
        ("€", "€"),
    ],
)
def test_header_values(header: str, value: str) -> None:
    assert json.loads(binary(headers={"ce-comexample": header}))["comexample"] == value


@pytest.mark.parametrize("header", ["%C0%A0", "%ff", "\xff"])
def test_header_bytes_that_are_no_text(header: str) -> None:
    with pytest.raises(Refused) as refused:
        binary(headers={"ce-comexample": header})
    assert (refused.value.code, refused.value.pointer) == ("malformed", "/comexample")


@pytest.mark.parametrize("name", ["data", "datacontenttype"])
def test_headers_that_cannot_be(name: str) -> None:
    with pytest.raises(Refused) as refused:
        binary(headers={f"ce-{name}": "x"})
    assert refused.value.pointer == f"/{name}"


@pytest.mark.parametrize("body", [b'{"a":1},"id":"other"', b"{", b"\xff", b"[" * 100_000, b"1 2"])
def test_a_body_cannot_break_out_of_the_data(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        binary(data=body)
    assert refused.value.pointer == "/data"


def test_data_that_is_not_json_is_base64() -> None:
    headers = {"content-type": "text/plain", "ce-id": "e-1"}
    assert json.loads(from_binary(headers, b"\xff\x00")) == {
        "id": "e-1",
        "datacontenttype": "text/plain",
        "data_base64": "/wA=",
    }


def test_no_body_is_no_data() -> None:
    with pytest.raises(Refused) as refused:
        read(binary(data=b""))
    assert refused.value.pointer == "/data"


@pytest.mark.parametrize(
    ("content_type", "headers", "expected"),
    [
        ("application/cloudevents+json; charset=utf-8", {}, "structured"),
        ("Application/CloudEvents+JSON", {"ce-id": "1"}, "structured"),
        ("application/cloudevents-batch+json", {}, "batch"),
        ("application/json", {"CE-Specversion": "1.0"}, "binary"),
        ("text/xml", {"ce-specversion": "1.0"}, "binary"),
        ("", {"ce-specversion": "1.0"}, "binary"),
        ("application/json", {}, "structured"),
    ],
)
def test_mode(content_type: str, headers: dict[str, str], expected: str) -> None:
    assert mode(content_type, headers) == expected


@pytest.mark.parametrize(
    "content_type", ["application/cloudevents+xml", "application/cloudevents-batch+avro", "text/plain", ""]
)
def test_no_mode(content_type: str) -> None:
    with pytest.raises(Refused) as refused:
        mode(content_type, {})
    assert refused.value.status == 415
