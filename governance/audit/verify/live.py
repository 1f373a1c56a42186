"""A log behind an HTTP address."""

import http.client
import ssl
import threading
import time
import zlib
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from governance.audit.verify.stores import BadFile, MissingFile, Unreadable

_TRIES = 3
_STEP = 1 << 16
_LATER = (429, 500, 502, 503, 504)


class Live:
    """A log at an address, read over one connection that is kept.

    `timeout` is the most seconds for one file, from looking up the name to the last byte, however
    slowly the other side sends. Redirects are not followed, so that the token stays where it belongs.
    """

    def __init__(self, url: str, *, token: str = "", timeout: float = 30) -> None:
        """Raises Unreadable where `url` is no http or https address."""
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise Unreadable(f"{url} is not an address: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise Unreadable(f"{url} is not an http or https address of a log")
        self._prefix = parts.path.rstrip("/")
        self._timeout = timeout
        self._headers = {"Accept-Encoding": "gzip, identity", "User-Agent": "plumbline-verify"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._host, self._port, self._secure = parts.hostname, port, parts.scheme == "https"
        self._connection = self._connected()

    def _connected(self) -> http.client.HTTPConnection:
        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=context)

    def read(self, path: str, most: int) -> bytes:
        why = ""
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(min(attempt, self._timeout))
            try:
                status, content = _within(self._timeout, partial(self._get, self._connection, path, most))
            except (OSError, http.client.HTTPException) as error:
                # What still waits for an answer keeps the old connection to itself.
                self._connection.close()
                self._connection = self._connected()
                why = str(error) or type(error).__name__
                continue
            if status == 200:
                return content
            if status in (404, 410):
                raise MissingFile("the file is missing")
            why = f"the log answered {status}"
            if status not in _LATER:
                break
        raise Unreadable(f"{path} can't be read: {why}")

    def paths(self) -> None:
        return None

    def close(self) -> None:
        self._connection.close()

    def _get(self, connection: http.client.HTTPConnection, path: str, most: int) -> tuple[int, bytes]:
        connection.request("GET", f"{self._prefix}/{path}", headers=self._headers)
        response = connection.getresponse()
        if response.status != 200:
            # The rest of an answer that says nothing more isn't read.
            connection.close()
            return response.status, b""
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
        return 200, bytes(content)


def _within(seconds: float, work: Callable[[], tuple[int, bytes]]) -> tuple[int, bytes]:
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
