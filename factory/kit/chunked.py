"""Bodies as the server hands them on: each with its length, and none left unread behind an answer.

WSGI promises a body of CONTENT_LENGTH bytes, so Django takes one that comes in chunks, without a
length, to be empty: it is read up to a bound before Django looks. And where a view answers without
reading the body (a wrong token, say), the server would close the connection without a word, and the
client's next request on it would be lost: what is left is read, or the answer says that it closes.
"""

import tempfile
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from factory.kit.problems import Problem

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
#: Bodies up to this size stay in memory.
IN_MEMORY = 1024 * 1024
PIECE = 64 * 1024
#: An unread body is read to its end up to this size and for so long; else its connection is closed.
MOST_DRAINED = 16 * 1024 * 1024
DRAIN_SECONDS = 5


def read_chunked(
    application: Application, limit: int, refused: Callable[[str], None] = lambda path: None
) -> Application:
    """Return `application`, given every body with its length; 413 above `limit` bytes as sent, of which
    `refused` is told the path."""

    def refuse(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        refused(environ.get("PATH_INFO", ""))
        return _refuse(start_response, limit)

    def wrapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH") or ""
        if length.isdigit():
            if int(length) > limit:
                return refuse(environ, start_response)
            return _read_to_its_end(application, environ, start_response, int(length))
        if not environ.get("HTTP_TRANSFER_ENCODING"):
            return application(environ, start_response)
        body = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 the server closes it with the answer
        size = 0
        while piece := environ["wsgi.input"].read(PIECE):
            size += len(piece)
            if size > limit:
                return refuse(environ, start_response)
            body.write(piece)
        body.seek(0)
        del environ["HTTP_TRANSFER_ENCODING"]
        return application(environ | {"CONTENT_LENGTH": str(size), "wsgi.input": body}, start_response)

    return wrapped


class _Counted:
    """The input, counting what was read of it."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        return self._count(self.stream.read(size))

    def readline(self, size: int = -1) -> bytes:
        return self._count(self.stream.readline(size))

    def _count(self, piece: bytes) -> bytes:
        self.count += len(piece)
        return piece


def _read_to_its_end(
    application: Application, environ: dict[str, Any], start_response: Callable[..., Any], length: int
) -> Iterable[bytes]:
    """Have the application answer; then read what it left of the body, and only then answer."""
    if not length:
        return application(environ, start_response)
    body = _Counted(environ["wsgi.input"])
    head: list[Any] = []
    answer = application(environ | {"wsgi.input": body}, lambda *arguments: head.extend(arguments))
    headers = head[1]
    if body.count < length and not _drain(body, length, waits="HTTP_EXPECT" in environ):
        headers = [*headers, ("Connection", "close")]
    start_response(head[0], headers, *head[2:])
    return answer


def _drain(body: _Counted, length: int, *, waits: bool) -> bool:
    """Read the rest; return False where that is not worth it, or the client waits to be asked for it."""
    if waits or length - body.count > MOST_DRAINED:
        return False
    deadline = time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < deadline:
        if not body.read(PIECE):
            return True
    return False


def _refuse(start_response: Callable[..., Any], limit: int) -> list[bytes]:
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    response = Problem(status, detail=f"a body has at most {limit} bytes", code="too_large").response()
    start_response(f"{status.value} {status.phrase}", [*response.items(), ("Connection", "close")])
    return [response.content]
