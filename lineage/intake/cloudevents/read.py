"""One CloudEvent in structured JSON mode, read to what it asserts.

Standards: CloudEvents 1.0.2; its JSON event format 1.0.2; CDEvents for the types of `cdevents`.
"""

import base64
import binascii
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import Annotated, Any, Literal

import msgspec
from django.conf import settings
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from factory.kit.canonical import digest
from factory.kit.times import BadTime, event_time, format_time
from lineage.intake.cloudevents import cdevents, declared, happened, metered
from lineage.intake.cloudevents.envelope import is_json
from lineage.intake.cloudevents.refusals import decode, token
from lineage.intake.cloudevents.said import Derive, Event
from lineage.intake.cloudevents.sequence import sequence_of
from lineage.intake.cloudevents.values import Name, decode_hook
from lineage.intake.cloudevents.vocabulary import TYPES
from lineage.intake.derived import Derived, Refused

REVISION = "cloudevents/2"
MAX_DEPTH = 100
#: An index can't hold a longer entry; in UTF-8 bytes, over all parts of a node's name.
MAX_KEY_BYTES = 2500


class Envelope(Struct, kw_only=True):
    """The context attributes (CloudEvents 1.0.2 section 3.1) that Plumbline understands."""

    specversion: Literal["1.0"]
    id: Name
    source: Name
    type: Name
    time: str
    subject: Annotated[str, Meta(min_length=1)] | None = None
    datacontenttype: str | None = None
    data: Raw | UnsetType = UNSET
    data_base64: str | None = None


_ATTRIBUTES = {*Envelope.__struct_fields__, "dataschema"} - {"subject"}

_envelope = msgspec.json.Decoder(Envelope)
_untyped = msgspec.json.Decoder(float_hook=Raw)

#: What makes assertions of each type's data.
DERIVE: dict[str, Derive] = {
    "factory.department.declared": declared.department,
    "factory.system.declared": declared.system,
    "factory.dataset_version.declared": declared.dataset_version,
    "factory.model_version.registered": declared.model_version,
    "factory.model_alias.moved": declared.model_alias,
    "factory.test.recorded": declared.test,
    "factory.deployment.changed": happened.deployment,
    "factory.agent.registered": declared.agent,
    "factory.outcome.recorded": happened.outcome,
    "factory.feedback.recorded": happened.feedback,
    "factory.task.completed": metered.task,
    "factory.usage.recorded": metered.usage,
    "factory.measurement.recorded": metered.measurement,
    "factory.target.declared": metered.target,
    "factory.revenue.recorded": metered.revenue,
    "factory.incident.opened": happened.incident_opened,
    "factory.incident.closed": happened.incident_closed,
    "factory.event.retracted": happened.retraction,
}
#: How each type's data is decoded, and what makes assertions of it.
READERS: dict[str, tuple["msgspec.json.Decoder[Any]", Derive]] = {
    name: (msgspec.json.Decoder(data, dec_hook=decode_hook, float_hook=Decimal), DERIVE[name])
    for name, data in TYPES.items()
}


def read(raw: bytes, now: datetime | None = None) -> Derived:
    """Read one event in structured JSON mode to what it asserts.

    Without `now` it is not judged whether the event lies in the future (one that is read again was
    judged when it came). Raises Refused.
    """
    whole = decode(_untyped, raw)
    _check(raw, whole)
    envelope = decode(_envelope, raw)
    reader = READERS.get(envelope.type) or cdevents.reader(envelope.type)
    if reader is None:
        raise Refused(
            f"no event type {envelope.type[:200]!r} is known here; GET /api/v1/events/schemas/ lists the "
            "types and their schemas, and CDEvents service.* and incident.* are understood too",
            "/type",
            code="unknown-type",
        )
    try:
        time = event_time(envelope.time, now=now, tolerance=settings.FUTURE_TOLERANCE)
    except BadTime as error:
        raise Refused(f"the time {error.reason}", "/time", code=error.code) from None
    if _bytes((envelope.source, envelope.id)) > MAX_KEY_BYTES:
        raise Refused(f"source and id together are longer than {MAX_KEY_BYTES} bytes", "/id", code="too-long")
    data, base = _data(envelope)
    decoder, derive = reader
    extensions = {
        name: value for name, value in whole.items() if name not in _ATTRIBUTES and value is not None
    }
    event = Event(
        type=envelope.type,
        source=envelope.source,
        id=envelope.id,
        time=time,
        data=data,
        extensions=msgspec.json.encode(extensions) if extensions else b"",
    )
    out = Derived(
        time=time,
        event_type=envelope.type,
        namespace=envelope.source,
        digest=digest(_one_spelling(whole, extensions, time, data)),
        producer=envelope.source,
        identity=(envelope.source, envelope.id),
        sequence=sequence_of(whole) if "sequence" in whole else None,
    )
    derive(event, decode(decoder, data, base), out)
    if len(raw) > MAX_KEY_BYTES // 4:  # percent-encoding triples a name at most
        _check_lengths(out)
    return out


def _data(envelope: Envelope) -> tuple[bytes, str]:
    """The data's JSON, and the pointer to it."""
    if envelope.data_base64 is None:
        if envelope.data is UNSET:
            raise Refused("data is required", "/data", code="missing")
        return bytes(envelope.data), "/data"
    if envelope.data is not UNSET and bytes(envelope.data) != b"null":
        raise Refused("an event has either data or data_base64", "/data_base64")
    if envelope.datacontenttype is not None and not is_json(envelope.datacontenttype):
        raise Refused("the data of this type is JSON", "/datacontenttype")
    try:
        data = base64.b64decode(envelope.data_base64, validate=True)
    except (binascii.Error, ValueError):
        raise Refused("not base64", "/data_base64", code="malformed") from None
    _check(data, decode(_untyped, data, "/data_base64"), "/data_base64")
    return data, "/data_base64"


def _one_spelling(whole: dict[str, Any], extensions: dict[str, Any], time: datetime, data: bytes) -> Any:
    """The event so that it has one digest in every content mode, however a client spells it.

    In HTTP headers an attribute is always text (CloudEvents 1.0.2 section 3.1, type system), and
    JSON data may come as base64.
    """
    event: dict[str, Any] = {name: _canonical_text(value) for name, value in extensions.items()}
    event |= {name: whole[name] for name in ("specversion", "id", "source", "type")}
    return event | {"time": format_time(time), "data": _untyped.decode(data)}


def _canonical_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


def _check(raw: bytes, document: Any, base: str = "") -> None:
    """Raise Refused for what no later room can take: deep nesting, and NUL in any text."""
    deep = raw.count(b"{") + raw.count(b"[") > MAX_DEPTH
    if not deep and b"\\u0000" not in raw:
        return
    places: list[tuple[Any, str, int]] = [(document, base, 1)]
    while places:
        value, pointer, depth = places.pop()
        if isinstance(value, str) and "\0" in value:
            raise Refused("text can't hold a NUL character", pointer, code="nul")
        if not isinstance(value, dict | list):
            continue
        if depth > MAX_DEPTH:
            raise Refused(f"the JSON is nested more than {MAX_DEPTH} levels deep", base, code="too-deep")
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(name, str) and "\0" in name:
                raise Refused("a member's name can't hold a NUL character", pointer, code="nul")
            places.append((part, pointer + token(name), depth + 1))


def _bytes(parts: "tuple[str, ...]") -> int:
    return sum(len(part.encode()) for part in parts)


def _check_lengths(out: Derived) -> None:
    nodes = chain(
        (statement.node for statement in out.statements),
        *((claim.actor, claim.entity) for claim in out.claims),
    )
    # the usage room finds rows by a name and a metric together
    rows = (
        (value, row.get("metric", ""))
        for _, row in out.measures
        for value in row.values()
        if isinstance(value, str)
    )
    for parts in chain(nodes, rows):
        if sum(map(len, parts)) > MAX_KEY_BYTES // 4 and _bytes(tuple(parts)) > MAX_KEY_BYTES:
            raise Refused(
                f"the name of a node is longer than {MAX_KEY_BYTES} bytes in all", "/data", code="too-long"
            )
