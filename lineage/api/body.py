"""Reading a request's body: announced as JSON, unpacked, bounded, whole."""

import io
import zlib
from email.message import Message

from django.http import HttpRequest

from factory.kit.problems import Problem
from lineage.intake.derived import Refused

#: Bytes that go into the unpacker at a time, and that come out of it at most.
_PIECE = 16 * 1024
_OUT = 256 * 1024
#: A gzip body may have several members (RFC 1952 section 2.2); each costs time even if it holds nothing.
_MOST_MEMBERS = 10_000
_CHARSETS = ("", "utf-8", "utf8", "us-ascii")


class Packed(Exception):
    """The body can't be unpacked. `raw` is the body as it came, `refusal` says why."""

    def __init__(self, raw: bytes, reason: str) -> None:
        super().__init__(reason)
        self.raw = raw
        self.refusal = Refused(f"the body can't be unpacked: {reason}", code="malformed")


def require_json(content_type: str) -> None:
    """Raise Problem 415 where the body is announced as anything but JSON in UTF-8 (RFC 8259 section 8.1).

    A body that is announced as nothing is taken for JSON.
    """
    if not content_type.strip():
        return
    message = Message()
    message["Content-Type"] = content_type
    media = content_type.partition(";")[0].strip().lower()
    charset = str(message.get_param("charset", "")).lower()
    if (media == "application/json" or media.endswith("+json")) and charset in _CHARSETS:
        return
    raise Problem(
        415,
        detail=f"the content type {content_type[:200]!r} is not understood; send application/json in UTF-8",
        code="media-type",
        headers={"Accept-Post": "application/json"},
    )


def read_body(request: HttpRequest, bound: int) -> bytes:
    """Return the body, unpacked where it came with `Content-Encoding: gzip` or `deflate`.

    `bound` is in bytes after unpacking. Raises Packed where it can't be unpacked, and Problem: 413
    above the bound (a bomb is refused as soon as it passes the bound, not after), 415 for another
    encoding, 400 where the connection broke off before the end.
    """
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise Problem(
            415,
            detail=f"the content encoding {encoding[:100]!r} is not understood; send gzip, deflate or none",
            code="content_encoding",
            headers={"Accept-Encoding": "gzip, deflate"},
        )
    announced = request.META.get("CONTENT_LENGTH") or ""
    length = int(announced) if announced.isdigit() else 0
    if length > bound:
        raise _too_large(bound)
    raw = request.read(length)
    if len(raw) < length:
        raise Problem(400, detail="the body broke off before its announced end", code="incomplete")
    return raw if encoding in ("", "identity") else _unpack(raw, bound)


def _unpack(raw: bytes, bound: int) -> bytes:
    unpacked, at, members, more = io.BytesIO(), 0, 0, False
    unpacker = None
    try:
        while at < len(raw) or more:
            if unpacker is None:
                members += 1
                unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib, as its header says
            piece = raw[at : at + _PIECE]
            out = unpacker.decompress(piece, _OUT)
            at += len(piece) - len(unpacker.unconsumed_tail) - len(unpacker.unused_data)
            more = len(out) == _OUT and not unpacker.eof
            unpacked.write(out)
            if unpacked.tell() > bound:
                raise _too_large(bound)
            if unpacker.eof:
                unpacker = None
            if members > _MOST_MEMBERS:
                raise Packed(raw, f"it has more than {_MOST_MEMBERS:,} gzip members")
    except zlib.error as error:
        raise Packed(raw, str(error)) from None
    if unpacker is not None or not raw:
        raise Packed(raw, "the packed stream ends in its middle")
    return unpacked.getvalue()


def _too_large(bound: int) -> Problem:
    return Problem(
        413, detail=f"the body is larger than the {bound:,} bytes that this address takes", code="too_large"
    )
