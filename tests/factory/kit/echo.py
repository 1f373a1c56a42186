"""A WSGI application for tests: answers with the length and SHA-256 of the body that Django would read."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from factory.kit.chunked import read_chunked

LIMIT = 1_000_000


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else b""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{len(body)} {hashlib.sha256(body).hexdigest()}".encode()]


application = read_chunked(echo, LIMIT)
