"""The timestamps of the log (RFC 3161) over HTTP, and the checkpoints that they are over."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from factory.kit import lists
from factory.kit.problems import Problem
from governance.api.log_view import FOR_EVER, FOR_MINUTES, TEXT, LogView, answer, described
from governance.audit.models import Timestamp
from governance.audit.stamps import stamps_of

#: How many a page of the list has.
PAGE = 100
#: What RFC 3161, section 3.4, calls an answer of an authority.
_REPLY = "application/timestamp-reply"
_LINK = {"type": ["string", "null"], "format": "uri"}
_STAMP: dict[str, Any] = {
    "id": {"type": "integer"},
    "size": {"type": "integer", "minimum": 0, "description": "the entries of the checkpoint stamped"},
    "authority": {"type": "string", "description": "subject of the certificate that signed (RFC 4514)"},
    "at": {"type": "string", "format": "date-time", "description": "by the authority's clock"},
    "address": {"type": "string", "format": "uri", "description": "the authority's answer, in DER"},
    "checkpoint": {"type": "string", "format": "uri", "description": "exactly the bytes stamped"},
}
_STAMPS = {
    "type": "object",
    "properties": {
        "results": {
            "type": "array",
            "items": {"type": "object", "properties": _STAMP, "required": list(_STAMP)},
        },
        "next": _LINK,
        "previous": _LINK,
    },
    "required": ["results", "next", "previous"],
}


class StampView(LogView):
    """What every address of timestamps has in common."""

    def stamps(self, number: int | None) -> "QuerySet[Timestamp]":
        """Return the timestamps of the log of the address. Raises Problem 404."""
        head = self.head(number)
        return stamps_of(head.log, head)


class TimestampsView(StampView):
    """The timestamps of the log, newest first, a hundred at a time."""

    @described(
        "application/json",
        _STAMPS,
        "newest first",
        parameters=[OpenApiParameter("cursor", description="see `next` and `previous`")],
    )
    def get(self, request: Request, log: int | None = None) -> Response:
        rows, links = _page(request, self.stamps(log).defer("token"))
        return Response({"results": [_line(request, stamp) for stamp in rows], **links})


def _line(request: Request, stamp: Timestamp) -> dict[str, Any]:
    size = stamp.checkpoint.size
    return {
        "id": stamp.pk,
        "size": size,
        "authority": stamp.authority,
        "at": stamp.at,
        "address": request.build_absolute_uri(f"timestamps/{stamp.pk}.tsr"),
        "checkpoint": request.build_absolute_uri(f"checkpoints/{size}"),
    }


def _page(request: Request, stamps: "QuerySet[Timestamp]") -> tuple[list[Timestamp], dict[str, str | None]]:
    """Return the page that is asked for and its links; a cursor is `<id>`, older than, or `-<id>`, newer.

    Raises Problem 400.
    """
    cursor = request.query_params.get("cursor", "")
    back, place = cursor.startswith("-"), cursor.removeprefix("-")
    if cursor and not (place.isascii() and place.isdecimal() and len(place) < 19):
        raise Problem(400, detail="the cursor is not one that Plumbline gave out", code="invalid")
    marks = [int(place)] if place else None
    rows, newer, older = lists.one_page(stamps, ("id",), marks, down=True, back=back, size=PAGE)

    def link(there: bool, sign: str, at: int) -> str | None:
        asked = f"{request.path}?cursor={sign}{rows[at].pk}" if there else ""
        return request.build_absolute_uri(asked) if asked else None

    return rows, {"next": link(older, "", -1), "previous": link(newer, "-", 0)}


class TimestampView(StampView):
    """One timestamp, as the authority answered it."""

    @described(_REPLY, OpenApiTypes.BINARY, "TimeStampResp in DER (RFC 3161)")
    def get(self, request: Request, stamp: int, log: int | None = None) -> HttpResponse:
        found = self.stamps(log).filter(pk=stamp).first()
        if found is None:
            raise Problem(404, detail="this log has no such timestamp", code="no_timestamp")
        filename = f"{found.checkpoint.size}.{found.pk}.tsr"
        return answer(bytes(found.token), _REPLY, FOR_EVER, filename)


class StampedCheckpointView(StampView):
    """A checkpoint exactly as it was stamped: signed by the log, without cosignatures."""

    @described("text/plain", OpenApiTypes.STR, "a signed note (c2sp.org/tlog-checkpoint)")
    def get(self, request: Request, size: int, log: int | None = None) -> HttpResponse:
        note = (
            self.stamps(log).filter(checkpoint__size=size).values_list("checkpoint__note", flat=True).first()
        )
        if note is None:
            raise Problem(404, detail=f"no checkpoint of {size} entries was stamped", code="no_checkpoint")
        cache = FOR_MINUTES if log is None else FOR_EVER
        return answer(note.encode(), TEXT, cache, f"{size}.checkpoint")
