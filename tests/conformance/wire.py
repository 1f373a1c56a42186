"""Requests spelt byte by byte, as no library would send them."""

import socket
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

PATIENCE = 30


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Closed(Exception):
    """The server closed the connection instead of answering."""


class Wire:
    """One connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE)
        self.rest = b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, raw: bytes) -> None:
        self.socket.sendall(raw)

    def head(self, path: str, **headers: str) -> None:
        """Send the first lines of a POST; `_` in a name stands for `-`."""
        lines = [f"POST {path} HTTP/1.1", "Host: localhost"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def chunks(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.send(b"0\r\n\r\n")

    def answer(self) -> Answer:
        """Read one answer. Raises Closed."""
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(head[0].split()[1])
        members = (line.partition(":") for line in head[1:])
        headers = {name.lower(): value.strip() for name, _, value in members}
        if status == 100:
            return Answer(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self._until(b"\r\n"), 16):
                body += self._take(size)
                self._take(2)
            self._take(2)
            return Answer(status, headers, body)
        return Answer(status, headers, self._take(int(headers.get("content-length", 0))))

    def _more(self) -> None:
        try:
            got = self.socket.recv(65536)
        except ConnectionError:
            raise Closed from None
        if not got:
            raise Closed
        self.rest += got

    def _until(self, mark: bytes) -> bytes:
        while mark not in self.rest:
            self._more()
        found, _, self.rest = self.rest.partition(mark)
        return found

    def _take(self, size: int) -> bytes:
        while len(self.rest) < size:
            self._more()
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken
