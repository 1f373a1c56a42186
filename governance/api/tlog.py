"""The log as C2SP tiles over HTTP (c2sp.org/tlog-tiles), and receipts (c2sp.org/tlog-proof).

The current log is at `/tlog/`, every log at `/tlog/logs/<number>/` too.
"""

import gzip
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import include, path, re_path
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from factory.kit.problems import Problem
from governance.api.log_view import BYTES, FOR_EVER, FOR_MINUTES, TEXT, LogView, answer, described
from governance.api.timestamps import StampedCheckpointView, TimestampsView, TimestampView
from governance.audit import store
from governance.audit.models import Entry
from governance.audit.signing.keys import published_keys
from governance.audit.tlog.proof import SUFFIX
from governance.audit.tlog.tiles import ENTRIES, parse_path


class CheckpointView(LogView):
    """The newest published head of the log, signed and cosigned."""

    @described("text/plain", OpenApiTypes.STR, "a signed note (c2sp.org/tlog-checkpoint)")
    def get(self, request: Request, log: int | None = None) -> HttpResponse:
        return answer(store.signed_note(self.head(log)), TEXT, "private, no-cache")


class TileView(LogView):
    """A tile of hashes, or a bundle of entries."""

    @described(BYTES, OpenApiTypes.BINARY, "as c2sp.org/tlog-tiles has it")
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
        served = answer(content, BYTES, FOR_MINUTES if log is None else FOR_EVER)
        if asked.level == ENTRIES:
            served["Vary"] = "Accept-Encoding"
            if "gzip" in request.headers.get("Accept-Encoding", ""):
                served.content = gzip.compress(content, 1)
                served["Content-Encoding"] = "gzip"
        return served


class ReceiptView(LogView):
    """The receipt of an entry, or of a submission: its entry has the same id."""

    @described("text/plain", OpenApiTypes.STR, "as c2sp.org/tlog-proof has it")
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
        return answer(proof.encode(), TEXT, "private, no-cache", f"{entry}{SUFFIX}")


class EntryView(LogView):
    """An entry byte for byte as it is hashed into the log."""

    @described("application/json", OpenApiTypes.OBJECT, "RFC 8785 canonical JSON")
    def get(self, request: Request, entry: UUID) -> HttpResponse:
        leaf = Entry.objects.filter(pk=entry).values_list("leaf", flat=True).first()
        if leaf is None:
            raise Problem(404, detail="no entry has this id", code="no_entry")
        return answer(bytes(leaf), "application/json", FOR_EVER, f"{entry}.json")


class KeysView(LogView):
    """The origin of the log and its verifier keys, one a line, newest first (c2sp.org/signed-note)."""

    @described("text/plain", OpenApiTypes.STR, "verifier keys, one a line")
    def get(self, request: Request, log: int | None = None) -> HttpResponse:
        keys = published_keys(self.log(log))
        return answer("".join(f"{each.key}\n" for each in keys).encode(), TEXT, "private, no-cache")


def _of_a_log() -> list[Any]:
    return [
        path("checkpoint", CheckpointView.as_view(), name="tlog-checkpoint"),
        path("timestamps", TimestampsView.as_view(), name="tlog-timestamps"),
        path("timestamps/<int:stamp>.tsr", TimestampView.as_view(), name="tlog-timestamp"),
        path("checkpoints/<int:size>", StampedCheckpointView.as_view(), name="tlog-stamped"),
        path("keys", KeysView.as_view(), name="tlog-keys"),
        re_path(r"^(?P<tile>tile/.+)$", TileView.as_view(), name="tlog-tile"),
    ]


urlpatterns = [
    *_of_a_log(),
    path("receipt/<uuid:entry>", ReceiptView.as_view(), name="tlog-receipt"),
    path("entry/<uuid:entry>", EntryView.as_view(), name="tlog-entry"),
    path("logs/<int:log>/", include((_of_a_log(), "log"))),
]
