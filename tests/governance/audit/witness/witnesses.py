"""Bundled witnesses in this process and as programs of their own."""

import re
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from governance.audit.tlog.merkle import EMPTY_ROOT
from governance.audit.tlog.notes import Ed25519Signer, Note, VerifierKey
from governance.audit.witness.ask import Witness
from governance.audit.witness.judge import Judge
from governance.audit.witness.messages import AddCheckpoint
from governance.audit.witness.serve import Server
from governance.audit.witness.state import State
from tests.governance.audit.tlog.logs import Log, entry, signer

HOME = Path(__file__).parents[4]
WITNESS = signer("witness.test/1", cosigner=True)
NOW = 1_800_000_000


def forged(size: int, index: int = 0) -> Log:
    """The holder of the same key writes the history anew, with another entry at `index`."""
    entries = [entry(number) for number in range(size)]
    entries[index] = entry(10**6 + index)
    return Log().grow(*entries)


def note_at(log: Log, size: int) -> Note:
    """The checkpoint that the log signed when it had `size` entries."""
    before = Log(log.key).grow(*log.entries[:size]) if size else Log(log.key)
    assert size == 0 or before.edge.root() != EMPTY_ROOT
    return before.checkpoint().sign(log.key)


def request(log: Log, old: int, size: int | None = None) -> bytes:
    """What the log sends to have its growth from `old` to `size` cosigned."""
    size = log.edge.size if size is None else size
    proof = log.tree().consistency(old, size) if 0 < old < size else ()
    return AddCheckpoint(old, proof, note_at(log, size).encode()).encode()


def judge(
    folder: Path, *keys: VerifierKey, by: Ed25519Signer = WITNESS, clock: Callable[[], float] = lambda: NOW
) -> Judge:
    return Judge(by, [(key.name, key) for key in keys or [signer().key]], State(folder, by.key), clock)


@contextmanager
def served(folder: Path, *keys: VerifierKey, by: Ed25519Signer = WITNESS) -> Iterator[Witness]:
    """A witness behind a socket of this machine, in this process."""
    server = Server(("127.0.0.1", 0), judge(folder, *keys, by=by, clock=time.time))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Witness("one", by.key, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def answering(answer: bytes, *, pause: float = 0) -> Iterator[Witness]:
    """Somebody at a port of this machine who says `answer`, byte by byte where `pause` is given."""
    listener, ended = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(1)
                try:
                    connection.recv(1 << 20)
                    for at in range(0, len(answer), 1 if pause else len(answer) or 1):
                        if ended.is_set():
                            break
                        connection.sendall(answer[at : at + 1] if pause else answer)
                        time.sleep(pause)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield Witness("one", WITNESS.key, f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=5)


def http(status: int, body: bytes, media_type: str = "text/plain") -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Program:
    """`plumbline-witness` as a program of its own, on a port that it picks and keeps."""

    def __init__(self, folder: Path, log: VerifierKey) -> None:
        self.folder, self.log, self.port = folder, log, 0
        self.key = folder / "key"
        if not self.key.exists():
            self.key.write_text(WITNESS.encode())
        self.process = self.start()

    @property
    def witness(self) -> Witness:
        return Witness("one", WITNESS.key, f"http://127.0.0.1:{self.port}")

    def start(self) -> subprocess.Popen[str]:
        words = ["--key", self.key, "--state", self.folder / "state", "--log", self.log]
        words += ["--listen", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "governance.audit.witness", *map(str, words)],
            cwd=HOME,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stderr, selectors.EVENT_READ)
            assert selector.select(20), "it says nothing"
        line = self.process.stderr.readline()
        found = re.search(r"listens on http://127\.0\.0\.1:(\d+)", line)
        assert found, line + (self.process.stderr.read() if self.process.poll() is not None else "")
        self.port = int(found[1])
        return self.process

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def stop(self) -> tuple[int, str]:
        self.process.terminate()
        _, said = self.process.communicate(timeout=10)
        return self.process.returncode, said
