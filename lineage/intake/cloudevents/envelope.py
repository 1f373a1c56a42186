"""The content modes of CloudEvents over HTTP, and binary mode turned into structured mode.

Standard: CloudEvents HTTP protocol binding 1.0.2, sections 3.1 (binary), 3.2 (structured) and
3.3 (batched); JSON event format 1.0.2 section 3.1 (data and data_base64).
"""

import base64
import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import unquote_to_bytes

import msgspec

from lineage.intake.cloudevents.refusals import decode
from lineage.intake.derived import Refused

Mode = Literal["structured", "batch", "binary"]

_PREFIX = "ce-"
_well_formed = msgspec.json.Decoder(float_hook=msgspec.Raw)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


def media_type(content_type: str) -> str:
    """The media type of a Content-Type, in lower case and without parameters."""
    return content_type.partition(";")[0].strip().lower()


def is_json(content_type: str) -> bool:
    """Whether data of this content type is JSON (JSON event format 1.0.2 section 3.1)."""
    subtype = media_type(content_type).partition("/")[2]
    return subtype == "json" or subtype.endswith("+json")


def mode(content_type: str, headers: Mapping[str, str]) -> Mode:
    """The content mode of a request.

    A request of content type `application/json` and without any `ce-` header is taken for
    structured mode, because simple clients send it so. Raises Refused (415) where it is none of the
    three modes, or an event format other than JSON.
    """
    media = media_type(content_type)
    if media == "application/cloudevents-batch+json":
        return "batch"
    if media in ("application/cloudevents+json", "application/cloudevents"):
        return "structured"
    if media.startswith("application/cloudevents"):
        raise Refused(f"the event format {media} is not understood, JSON is", code="media-type", status=415)
    if any(name.lower().startswith(_PREFIX) for name in headers):
        return "binary"
    if media == "application/json":
        return "structured"
    raise Refused(
        "send application/cloudevents+json, application/cloudevents-batch+json, or ce- headers",
        code="media-type",
        status=415,
    )


def from_binary(headers: Mapping[str, str], body: bytes) -> bytes:
    """Return an event of binary mode as the same event in structured JSON mode.

    `headers` are the request's, whatever the case of their names. JSON data goes in byte for byte,
    other data as `data_base64`. Raises Refused.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    event = {}
    for header, value in lower.items():
        if header.startswith(_PREFIX):
            name = header.removeprefix(_PREFIX)
            if name in ("data", "data_base64", "datacontenttype"):
                raise Refused(f"the header {header} can't stand in binary mode", f"/{name}")
            event[name] = _value(value, name)
    content_type = lower.get("content-type", "")
    if content_type:
        event["datacontenttype"] = content_type
    if not body:
        return msgspec.json.encode(event)
    if content_type and not is_json(content_type):
        return msgspec.json.encode(event | {"data_base64": base64.b64encode(body).decode()})
    # the body must be one JSON value before it may stand inside another
    decode(_well_formed, body, "/data")
    return msgspec.json.encode(event | {"data": msgspec.Raw(body)})


def _value(value: str, name: str) -> str:
    """Decode a header's value (section 3.1.3.2): quoted strings first, then one round of percent.

    A percent sign that starts no escape stays one: clients of older versions didn't escape it.
    """
    text = _QUOTED.sub(lambda quoted: re.sub(r"\\(.)", r"\1", quoted[1]), value.strip())
    try:
        # a server hands header bytes on as Latin-1; older clients send UTF-8 unencoded
        octets = text.encode("latin-1")
    except UnicodeEncodeError:
        octets = text.encode("utf-8", "surrogatepass")
    try:
        return unquote_to_bytes(octets).decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("the header's bytes are not valid UTF-8", f"/{name}", code="malformed") from None
