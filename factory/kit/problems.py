"""What an error looks like on every interface: RFC 9457 problem details, as problem+json."""

import logging
import sys
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views import defaults
from rest_framework import exceptions, status

from factory.kit import disk

CONTENT_TYPE = "application/problem+json"
#: Seconds that a client waits before it asks again while Plumbline can't commit.
RETRY_AFTER = 5
#: The same while its disk is full: to make room takes a person.
RETRY_AFTER_FULL = 60

log = logging.getLogger(__name__)


class Problem(exceptions.APIException):
    """An error to be answered; raise it in a view, or call `response()` outside Django REST framework.

    `status` is the HTTP status, `title` a short sentence that is the same for all errors of this
    `code`, `detail` what is the matter this time. `code` is a short stable word that a program can go
    by. `errors` are `{"pointer": JSON pointer (RFC 6901), "detail": sentence}`; `headers` go with the
    answer; `extra` are further members (RFC 9457 section 3.2), e.g. the id of the submission kept.
    """

    detail: str  # type: ignore[assignment]  # a sentence, where DRF also has lists

    def __init__(
        self,
        status: int,
        title: str = "",
        detail: str = "",
        code: str = "",
        errors: Iterable[dict[str, str]] = (),
        headers: dict[str, str] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        self.status = self.status_code = status
        self.title = title or HTTPStatus(status).phrase
        self.detail = detail
        self.code = code or HTTPStatus(status).name.lower()
        self.errors = list(errors)
        self.headers = headers or {}
        self.extra = extra or {}
        Exception.__init__(self, detail or self.title)

    def __str__(self) -> str:
        return self.detail or self.title

    def body(self) -> dict[str, Any]:
        """The members of the problem, in the standard's order."""
        problem = {"type": "about:blank", "title": self.title, "status": self.status, "code": self.code}
        if self.detail:
            problem["detail"] = self.detail
        if self.errors:
            problem["errors"] = self.errors
        return problem | self.extra

    def response(self) -> HttpResponse:
        """The problem as an answer."""
        return HttpResponse(
            msgspec.json.encode(self.body()),
            status=self.status,
            content_type=CONTENT_TYPE,
            headers={**self.headers, "Cache-Control": "no-store"},
        )


def exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """Answer any exception of a REST view; named in settings as DRF's EXCEPTION_HANDLER.

    Returns None for what nobody foresaw, which Django then answers with 500 (see `server_error`).
    """
    problem = problem_of(error)
    if problem is None:
        return None
    if problem.status >= status.HTTP_500_INTERNAL_SERVER_ERROR:
        log.warning("answered %s: %s", problem.status, error)
    return problem.response()


def problem_of(error: Exception) -> Problem | None:
    """Return `error` as a Problem, or None where it is a fault of ours."""
    match error:
        case Problem():
            return error
        case Http404():
            return Problem(404, detail=_words(error), code="not_found")
        case PermissionDenied():
            return Problem(403, detail=_words(error), code="permission_denied")
        case RequestDataTooBig():
            return Problem(413, detail="the body is larger than this address takes", code="too_large")
        case OperationalError() | InterfaceError() | InternalError():
            return cannot_commit(error)
        case exceptions.Throttled():
            # Existing OpenLineage clients give up on 429 and come back on 503.
            wait = str(int(getattr(error, "wait", None) or RETRY_AFTER))
            return Problem(503, detail=str(error.detail), code="throttled", headers={"Retry-After": wait})
        case exceptions.ValidationError():
            errors = list(_pointed(error.get_full_details()))
            return Problem(
                error.status_code, detail="some values are not valid", code="invalid", errors=errors
            )
        case exceptions.APIException():
            return _of_api_exception(error)
    return None


def cannot_commit(error: BaseException | None = None) -> Problem:
    """Return the problem of whoever sends something that the database doesn't take now, for this `error`."""
    if disk.says_full(error):
        return disk_full()
    return Problem(
        503,
        detail="the database can't commit at this moment; send the same again later",
        code="cannot_commit",
        headers={"Retry-After": str(RETRY_AFTER)},
    )


def disk_full() -> Problem:
    """Return the problem of whoever sends something while the disk is full."""
    return Problem(
        503,
        title="The disk is full",
        detail=f"{disk.space().told} Nothing was kept; send the same again later.",
        code="disk_full",
        headers={"Retry-After": str(RETRY_AFTER_FULL)},
    )


def check_space() -> None:
    """Raise Problem where the disk has no room for more; asked before anything is taken in."""
    if disk.space().state == "none":
        raise disk_full()


def _of_api_exception(error: exceptions.APIException) -> Problem:
    codes = error.get_codes()
    header = getattr(error, "auth_header", None)
    return Problem(
        error.status_code,
        detail=str(error.detail),
        code=codes if isinstance(codes, str) else "",
        headers={"WWW-Authenticate": header} if header else {},
    )


def _words(error: Exception) -> str:
    """The sentence of an exception that was raised with one."""
    return error.args[0] if error.args and isinstance(error.args[0], str) else ""


def _pointed(details: Any, pointer: str = "") -> Iterable[dict[str, str]]:
    """Yield `{pointer, detail}` of nested `{message, code}` of a DRF ValidationError."""
    if isinstance(details, dict) and details.keys() == {"message", "code"}:
        yield {"pointer": pointer, "detail": str(details["message"])}
    elif isinstance(details, dict):
        for name, inner in details.items():
            step = "" if name == "non_field_errors" else "/" + str(name).replace("~", "~0").replace("/", "~1")
            yield from _pointed(inner, pointer + step)
    else:
        for index, inner in enumerate(details):
            leaf = isinstance(inner, dict) and inner.keys() == {"message", "code"}
            yield from _pointed(inner, pointer if leaf else f"{pointer}/{index}")


def _wants_problem(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/v1/", "/access/", "/tlog/", "/.well-known/"))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    if _wants_problem(request):
        return Problem(404, detail="there is nothing at this address", code="not_found").response()
    return defaults.page_not_found(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    if _wants_problem(request):
        return Problem(403, detail=_words(exception), code="permission_denied").response()
    return defaults.permission_denied(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400."""
    if _wants_problem(request):
        return (problem_of(exception) or Problem(400, code="bad_request")).response()
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500."""
    # Django calls this while it handles the exception: middleware may have met a database that is down.
    error = sys.exc_info()[1]
    known = problem_of(error) if isinstance(error, Exception) else None
    if _wants_problem(request):
        fault = Problem(500, detail="a fault of Plumbline; it is in its log", code="fault")
        return (known or fault).response()
    if known and known.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return HttpResponse(render_to_string("503.html"), status=known.status, headers=known.headers)
    return defaults.server_error(request)
