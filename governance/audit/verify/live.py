"""A log behind an HTTP address."""

import http.client
import socket
import ssl
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

from governance.audit.verify.stores import BadFile, MissingFile, Unreadable

#: How often a file is asked for that a busy server did not give.
TRIES = 5
#: The longest that is waited because a server asks for it, in seconds.
LONGEST_WAIT = 60.0
_STEP = 1 << 16
_LATER = (429, 500, 502, 503, 504)
#: What may be sent to without encryption: it does not leave the machine.
_LOCAL = ("localhost", "127.0.0.1", "::1")


class Live:
    """A log at an address, read over one connection that is kept.

    `timeout` is the most seconds for one file, from looking up the name to the last byte, however slowly
    the other side sends; `deadline` the most for all of them, waiting included. Redirects are not followed,
    so that the token stays where it belongs. Certificates are those that the system trusts, or of the file
    that the variable SSL_CERT_FILE names.
    """

    def __init__(self, url: str, *, token: str = "", timeout: float = 30, deadline: float = 3600) -> None:
        """Raises Unreadable where `url` is no http or https address of a log."""
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise Unreadable(f"{url} is not an address: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise Unreadable(f"{url} is not an http or https address of a log")
        if parts.username or parts.password:
            raise Unreadable("an address holds no name or password; a token goes into a file")
        if not (token.isascii() and token.isprintable()):
            raise Unreadable("the token has characters that no token has")
        self._prefix = parts.path.rstrip("/")
        self._timeout = timeout
        self._deadline = deadline
        self._end = monotonic() + deadline
        self._headers = {"Accept-Encoding": "gzip, identity", "User-Agent": "plumbline-verify"}
        self._host, self._port, self._secure = parts.hostname, port, parts.scheme == "https"
        if token:
            if not self._secure and self._host not in _LOCAL:
                raise Unreadable("a token is sent by https only, so that nobody on the way reads it")
            self._headers["Authorization"] = f"Bearer {token}"
        self._connection = self._connected()

    def _connected(self) -> http.client.HTTPConnection:
        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=context)

    def read(self, path: str, most: int) -> bytes:
        why, wait = "", 0.0
        for attempt in range(TRIES):
            if attempt:
                self._pause(path, max(wait, 0.5 * 2 ** (attempt - 1)), why)
            wait = 0.0
            try:
                answer = _within(self._left(path), partial(self._get, self._connection, path, most))
            except ssl.SSLCertVerificationError as error:
                raise Unreadable(f"{self._host} is not to be trusted: {error.verify_message}") from error
            except (OSError, http.client.HTTPException) as error:
                self._abandon()
                why = str(error) or type(error).__name__
                continue
            if answer.status == 200:
                return answer.content
            if answer.status in (404, 410) and path != "checkpoint":
                raise MissingFile("the file is missing")
            why, wait = f"the log answered {answer.status}", answer.wait
            if answer.status in (401, 403):
                why += "; is the token one that may read the log?"
            if answer.status not in _LATER:
                break
        raise Unreadable(f"{path} can't be read: {why}")

    def _abandon(self) -> None:
        """Take a new connection. The old one isn't closed, for that waits for whoever still reads from it."""
        if self._connection.sock is not None:
            with suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._connection = self._connected()

    def _left(self, path: str) -> float:
        """Return how many seconds the next file may take. Raises Unreadable where none are left."""
        left = min(self._timeout, self._end - monotonic())
        if left <= 0:
            raise Unreadable(f"not done within {self._deadline:g} seconds: stopped before {path}")
        return left

    def _pause(self, path: str, seconds: float, why: str) -> None:
        seconds = min(seconds, LONGEST_WAIT)
        if monotonic() + seconds >= self._end:
            raise Unreadable(f"not done within {self._deadline:g} seconds: stopped before {path}, {why}")
        sleep(seconds)

    def paths(self) -> None:
        return None

    def damage(self) -> str:
        return ""

    def close(self) -> None:
        self._connection.close()

    def _get(self, connection: http.client.HTTPConnection, path: str, most: int) -> "_Answer":
        connection.request("GET", f"{self._prefix}/{path}", headers=self._headers)
        response = connection.getresponse()
        if response.status != 200:
            # The rest of an answer that says nothing more isn't read.
            connection.close()
            return _Answer(response.status, wait=_seconds(response.headers.get("Retry-After", "")))
        unpack = None
        if response.headers.get("Content-Encoding", "").lower() in ("gzip", "x-gzip"):
            unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)
        content = bytearray()
        while piece := response.read(_STEP):
            try:
                content += unpack.decompress(piece, most + 1 - len(content)) if unpack else piece
            except zlib.error as error:
                connection.close()
                raise BadFile(f"what came is not gzip: {error}") from error
            if len(content) > most or (unpack and unpack.unconsumed_tail):
                connection.close()
                raise BadFile(f"it has more than {most} bytes")
        if unpack and not unpack.eof:
            raise BadFile("what came is cut off")
        return _Answer(200, bytes(content))


@dataclass(frozen=True, slots=True)
class _Answer:
    """An HTTP answer; `wait` is how many seconds it asks to wait for."""

    status: int
    content: bytes = b""
    wait: float = 0.0


def _seconds(retry_after: str) -> float:
    """Return how long a Retry-After asks to wait, seconds or a date (RFC 9110, section 10.2.3)."""
    if retry_after.isdecimal():
        return float(retry_after[:9])
    try:
        return max((parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return 0.0


def _within(seconds: float, work: Callable[[], _Answer]) -> _Answer:
    """Return what `work` returns, or raise TimeoutError: a timeout of sockets alone starts anew per byte."""
    done: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            done.put((work(), None))
        except BaseException as error:
            done.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, error = done.get(timeout=seconds)
    except Empty:
        raise TimeoutError(f"no complete answer within {seconds:g} seconds") from None
    if error is not None:
        raise error
    return result
