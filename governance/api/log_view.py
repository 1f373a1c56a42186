"""What every address of the log has in common, and how its files are answered."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.views import APIView

from factory.kit.grants import MayAudit
from factory.kit.problems import Problem
from governance.audit import store
from governance.audit.models import Checkpoint, Log

#: What never changes once it is there; private, because it takes a token to see it.
FOR_EVER = "private, max-age=31536000, immutable"
#: The same, at an address that leads to another log once one is begun.
FOR_MINUTES = "private, max-age=600"
TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"


#: What stands in addresses of the log.
_IN_ADDRESSES = {
    "tile": (OpenApiTypes.STR, "tile/<level>/<index>[.p/<width>] or tile/entries/<index>[.p/<width>]"),
    "log": (OpenApiTypes.INT, "the number of a log; the current one is at /tlog/ too"),
    "entry": (OpenApiTypes.UUID, "the id of an entry, or of a submission"),
    "stamp": (OpenApiTypes.INT, "the id of a timestamp"),
    "size": (OpenApiTypes.INT, "the size of a checkpoint that was stamped"),
}


class _Schema(AutoSchema):
    def get_tags(self) -> list[str]:
        return ["Log"]

    def get_summary(self) -> str:
        return " ".join((self.view.__doc__ or "").split()).rstrip(".")

    def get_override_parameters(self) -> list[Any]:
        return [
            OpenApiParameter(name, kind, OpenApiParameter.PATH, description=words)
            for name, (kind, words) in _IN_ADDRESSES.items()
            if f"{{{name}}}" in self.path
        ]


def described(content_type: str, kind: Any, words: str, **options: Any) -> Callable[[Any], Any]:
    """Describe in the OpenAPI document what a view's `get` answers with."""

    def describe(get: Any) -> Any:
        get.kwargs = {"schema": _Schema}
        return extend_schema(responses={(200, content_type): OpenApiResponse(kind, words)}, **options)(get)

    return describe


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


def answer(content: bytes, content_type: str, cache: str, filename: str = "") -> HttpResponse:
    """Return a file of the log; with a `filename` it is one to be kept."""
    served = HttpResponse(content, content_type=content_type, headers={"Cache-Control": cache})
    served["X-Content-Type-Options"] = "nosniff"
    if filename:
        served["Content-Disposition"] = f'attachment; filename="{filename}"'
    return served
