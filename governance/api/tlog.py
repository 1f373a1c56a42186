"""The log as C2SP tiles over HTTP (c2sp.org/tlog-tiles), and receipts (c2sp.org/tlog-proof).

The current log is at `/tlog/`, every log at `/tlog/logs/<number>/` too.
"""

import gzip
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import include, path, re_path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from factory.kit.grants import MayAudit
from factory.kit.problems import Problem
from governance.audit import store
from governance.audit.keys import published_keys
from governance.audit.models import Checkpoint, Entry, Log
from governance.audit.tlog.proof import SUFFIX
from governance.audit.tlog.tiles import ENTRIES, parse_path

#: What never changes once it is there; private, because it takes a token to see it.
_FOR_EVER = "private, max-age=31536000, immutable"
_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"


class LogView(APIView):
    """What every address of the log has in common."""

    permission_classes = [MayAudit]

    def log(self, number: int | None) -> Log:
        """Return the log of the address. Raises Problem 404."""
        found = store.current_log() if number is None else Log.objects.filter(pk=number).first()
        if found is None:
            raise Problem(404, detail="there is no such log", code="no_log", headers={"Retry-After": "1"})
        return found

    def head(self, number: int | None) -> Checkpoint:
        """Return the published checkpoint of the log. Raises Problem 404."""
        if (head := store.published(self.log(number))) is None:
            detail = "nothing of this log is published yet"
            raise Problem(404, detail=detail, code="not_yet", headers={"Retry-After": "1"})
        return head


def _answer(content: bytes, content_type: str, cache: str, filename: str = "") -> HttpResponse:
    answer = HttpResponse(content, content_type=content_type, headers={"Cache-Control": cache})
    answer["X-Content-Type-Options"] = "nosniff"
    if filename:
        answer["Content-Disposition"] = f'attachment; filename="{filename}"'
    return answer


class CheckpointView(LogView):
    """The newest published head of the log, signed and cosigned."""

    @extend_schema(
        responses={
            (200, "text/plain"): OpenApiResponse(OpenApiTypes.STR, "a signed note (c2sp.org/tlog-checkpoint)")
        },
    )
    def get(self, request: Request, log: int | None = None) -> HttpResponse:
        return _answer(store.signed_note(self.head(log)), _TEXT, "private, no-cache")


class TileView(LogView):
    """A tile of hashes, or a bundle of entries."""

    @extend_schema(
        responses={(200, _BYTES): OpenApiResponse(OpenApiTypes.BINARY, "as c2sp.org/tlog-tiles has it")},
    )
    def get(self, request: Request, tile: str, log: int | None = None) -> HttpResponse:
        try:
            asked = parse_path(tile)
        except ValueError as error:
            raise Problem(404, detail=str(error), code="not_a_tile") from None
        try:
            content = store.reader(self.log(log))(asked)
        except store.Pruned as gone:
            raise Problem(410, detail=str(gone), code="pruned") from None
        except store.Missing:
            raise Problem(404, detail=f"the log has no {tile}, or has it no more", code="no_tile") from None
        answer = _answer(content, _BYTES, _FOR_EVER)
        if asked.level == ENTRIES:
            answer["Vary"] = "Accept-Encoding"
            if "gzip" in request.headers.get("Accept-Encoding", ""):
                answer.content = gzip.compress(content, 1)
                answer["Content-Encoding"] = "gzip"
        return answer


class ReceiptView(LogView):
    """The receipt of an entry, or of a submission: its entry has the same id."""

    @extend_schema(
        responses={(200, "text/plain"): OpenApiResponse(OpenApiTypes.STR, "as c2sp.org/tlog-proof has it")},
    )
    def get(self, request: Request, entry: UUID) -> HttpResponse:
        try:
            proof = store.receipt(entry)
        except store.NotYet:
            detail = "it is kept, and no published checkpoint covers it yet: ask again"
            raise Problem(404, detail=detail, code="not_yet", headers={"Retry-After": "1"}) from None
        except store.Pruned as gone:
            raise Problem(410, detail=str(gone), code="pruned") from None
        except store.Missing:
            raise Problem(404, detail="no entry and no submission has this id", code="no_entry") from None
        return _answer(proof.encode(), _TEXT, "private, no-cache", f"{entry}{SUFFIX}")


class EntryView(LogView):
    """An entry byte for byte as it is hashed into the log."""

    @extend_schema(
        responses={
            (200, "application/json"): OpenApiResponse(OpenApiTypes.OBJECT, "RFC 8785 canonical JSON")
        },
    )
    def get(self, request: Request, entry: UUID) -> HttpResponse:
        leaf = Entry.objects.filter(pk=entry).values_list("leaf", flat=True).first()
        if leaf is None:
            raise Problem(404, detail="no entry has this id", code="no_entry")
        return _answer(bytes(leaf), "application/json", _FOR_EVER, f"{entry}.json")


class KeysView(LogView):
    """The origin of the log and its verifier keys, one a line, newest first (c2sp.org/signed-note)."""

    @extend_schema(
        responses={(200, "text/plain"): OpenApiResponse(OpenApiTypes.STR, "verifier keys, one a line")},
    )
    def get(self, request: Request, log: int | None = None) -> HttpResponse:
        keys = published_keys(self.log(log))
        return _answer("".join(f"{each.key}\n" for each in keys).encode(), _TEXT, "private, no-cache")


def _of_a_log() -> list[Any]:
    return [
        path("checkpoint", CheckpointView.as_view(), name="tlog-checkpoint"),
        path("keys", KeysView.as_view(), name="tlog-keys"),
        re_path(r"^(?P<tile>tile/.+)$", TileView.as_view(), name="tlog-tile"),
    ]


urlpatterns = [
    *_of_a_log(),
    path("receipt/<uuid:entry>", ReceiptView.as_view(), name="tlog-receipt"),
    path("entry/<uuid:entry>", EntryView.as_view(), name="tlog-entry"),
    path("logs/<int:log>/", include((_of_a_log(), "log"))),
]
