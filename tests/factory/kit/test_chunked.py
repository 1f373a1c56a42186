"""Chunked bodies, sent byte by byte to the real web server."""

import gzip
import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from tests.factory.kit.echo import LIMIT
from tests.factory.ports import free_port


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "granian", "tests.factory.kit.echo:application", "--interface", "wsgi"]
    server = subprocess.Popen([*command, "--http", "1", "--port", str(port), "--log-level", "error"])
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait(15)


def chunked(body: bytes, size: int) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def post(port: int, body: bytes, size: int, *headers: str) -> tuple[int, bytes]:
    """Send `body` in chunks of `size` bytes over a bare socket; return status and answer."""
    lines = ["POST / HTTP/1.1", "Host: here", "Transfer-Encoding: chunked", "Connection: close", *headers]
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        try:
            connection.sendall(chunked(body, size))
        except OSError:
            pass  # refused before everything was sent
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head, _, content = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), content


def mark(body: bytes) -> bytes:
    return f"{len(body)} {hashlib.sha256(body).hexdigest()}".encode()


@pytest.mark.parametrize("size", [1, 7, 8192, 300_000])
def test_a_chunked_body_arrives_whole(port: int, size: int) -> None:
    body = os.urandom(2_000 if size == 1 else 400_000)
    assert post(port, body, size) == (200, mark(body))


def test_a_chunked_gzip_body_arrives_as_it_was_sent(port: int) -> None:
    body = gzip.compress(b'{"eventType": "START"}' * 20_000)
    assert post(port, body, 100, "Content-Encoding: gzip") == (200, mark(body))


def test_an_empty_chunked_body(port: int) -> None:
    assert post(port, b"", 1) == (200, mark(b""))


def test_a_body_of_exactly_the_limit_is_taken(port: int) -> None:
    body = os.urandom(LIMIT)
    assert post(port, body, 65536) == (200, mark(body))


def test_a_chunked_body_above_the_limit_is_refused(port: int) -> None:
    status, content = post(port, os.urandom(LIMIT + 1), 65536)
    assert status == 413
    assert b'"code":"too_large"' in content


def test_a_body_that_announces_too_much_is_refused_unread(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 99999999999\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")


def test_bodies_with_a_length_and_chunked_ones_share_a_connection(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    for _ in range(3):
        connection.request("POST", "/", body=iter([b"in ", b"pieces"]), encode_chunked=True)
        assert connection.getresponse().read() == mark(b"in pieces")
        connection.request("POST", "/", body=b"at once")
        assert connection.getresponse().read() == mark(b"at once")
    connection.close()
