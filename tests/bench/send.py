"""Cheap HTTP clients in processes of their own: a keep-alive connection each, no library in between."""

import multiprocessing
import socket
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from typing import NamedTuple

_spawn = multiprocessing.get_context("spawn")


class Answer(NamedTuple):
    status: int
    body: bytes
    seconds: float


class Connection:
    """One keep-alive connection to 127.0.0.1."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = {"Host": "localhost", **headers}
        self.headers = "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode()

    def ask(self, method: str, path: str, body: bytes = b"") -> Answer:
        """Send one request and read its answer, which has to state its length."""
        head = f"{method} {path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n".encode()
        started = time.perf_counter()
        self.socket.sendall(head + self.headers + b"\r\n" + body)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        top, _, content = received.partition(b"\r\n\r\n")
        length = next(
            int(line[15:]) for line in top.lower().split(b"\r\n") if line.startswith(b"content-length:")
        )
        parts, size = [content], len(content)
        while size < length:
            parts.append(self._more())
            size += len(parts[-1])
        return Answer(int(top[9:12]), b"".join(parts), time.perf_counter() - started)

    def _more(self) -> bytes:
        piece = self.socket.recv(262_144)
        if not piece:
            raise SystemExit("the web server closed the connection")
        return piece

    def close(self) -> None:
        self.socket.close()


def post_all(port: int, path: str, token: str, bodies: Sequence[bytes], clients: int) -> float:
    """Post every body, shared out to `clients` processes; return the seconds from first to last.

    Each client gets a run of them, as a scheduler sends a pipeline's events in their order.
    Raises SystemExit where an answer is no 2xx.
    """
    share = -(-len(bodies) // clients)
    start = _spawn.Barrier(clients + 1)
    failures = _spawn.SimpleQueue()
    processes = [
        _spawn.Process(
            target=_client,
            args=(port, path, token, bodies[first : first + share], start, failures),
            daemon=True,
        )
        for first in range(0, share * clients, share)
    ]
    for process in processes:
        process.start()
    start.wait()
    started = time.perf_counter()
    for process in processes:
        process.join()
    seconds = time.perf_counter() - started
    if not failures.empty():
        raise SystemExit(f"POST {path}: {failures.get()}")
    return seconds


def _client(
    port: int, path: str, token: str, bodies: Sequence[bytes], start: Barrier, failures: object
) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection = Connection(port, headers)
    start.wait()
    for body in bodies:
        answer = connection.ask("POST", path, body)
        if answer.status not in (200, 201) or b'"partial_success"' in answer.body:
            failures.put(f"{answer.status} {answer.body[:300]!r}")  # type: ignore[attr-defined]
            return
    connection.close()
