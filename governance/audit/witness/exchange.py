"""One question over HTTP, answered within a given time and in a given number of bytes, or not at all."""

import contextlib
import http.client
import socket
import ssl
import threading
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from urllib.parse import urlsplit


class Unreachable(Exception):
    """No answer, or none that means anything; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The status, the media type without its parameters, and the body."""

    status: int
    media_type: str
    body: bytes


def exchange(
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    most: int,
    timeout: float,
) -> Answer:
    """Ask `url` and return the answer, whatever its status.

    `timeout`: the most seconds for all of it, from looking up the name to the last byte, however slowly
    the other side sends; `most`: the most bytes of the answer. Redirects are not followed. https checks
    the certificate against those that the system trusts. Raises Unreachable.
    """
    connection, target = _connection(url, timeout)
    done: SimpleQueue[Answer | Exception] = SimpleQueue()
    sockets: list[socket.socket] = []

    def run() -> None:
        try:
            connection.connect()
            sockets.append(connection.sock)
            connection.request(method, target, body, {"User-Agent": "plumbline", **(headers or {})})
            response = connection.getresponse()
            content = response.read(most + 1)
            if len(content) > most:
                raise http.client.HTTPException(f"the answer has more than {most} bytes")
            media_type = response.headers.get_content_type()
            done.put(Answer(response.status, media_type, content))
        except Exception as error:
            done.put(error)
        finally:
            connection.close()

    # A timeout of the socket alone begins anew with every byte.
    threading.Thread(target=run, daemon=True).start()
    try:
        result = done.get(timeout=timeout)
    except Empty:
        for each in sockets:
            # Ends the thread, which may still be reading.
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        raise Unreachable(f"{url}: no complete answer within {timeout:g} seconds") from None
    if isinstance(result, Exception):
        raise Unreachable(f"{url}: {result or type(result).__name__}") from result
    return result


def check_address(url: str) -> None:
    """Raise Unreachable unless `url` is an http or https address without a query."""
    _connection(url, 1)


def _connection(url: str, timeout: float) -> tuple[http.client.HTTPConnection, str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Unreachable(f"{url} is not an address: {error}") from error
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise Unreachable(f"{url} is not an http or https address")
    try:
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=timeout), parts.path or "/"
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=context), parts.path or "/"
    except http.client.InvalidURL as error:
        raise Unreachable(f"{url} is not an address: {error}") from error
