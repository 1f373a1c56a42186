"""Everything that runs: an embedded PostgreSQL, the web server, two sequencers, a witness and a writer.

The web server is as the Procfile has it, the sequencers too, but for the points to be killed at (`armed.py`).
All are children of one thread, which alone may start them: the database ends with the thread it came from.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from factory.children import HOME
from factory.database import Server, embedded_url, end_with_parent
from governance.audit.signing.private_keys import new_key
from governance.audit.tlog.notes import Ed25519Signer
from tests.conformance.plant import Plant, command, migrate
from tests.governance.audit.witness.witnesses import Program
from tests.soak.armed import SELF

SEQUENCERS = 2
#: The most seconds until something that was killed is back, or a trap has been walked into.
PATIENCE = 120


class Witness(Program):
    """The witness, whose words nobody waits for."""

    def start(self) -> "subprocess.Popen[str]":
        process = super().start()
        assert process.stderr is not None
        threading.Thread(target=process.stderr.read, daemon=True).start()
        return process


class Works:
    """What runs in the folder `folder`, and the means to kill it and to bring it back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.var = folder / "var"
        self.traps = folder / "traps"
        for made in (self.var, self.traps, folder / "witness"):
            made.mkdir(exist_ok=True)
        self.key = Ed25519Signer.parse(new_key("soak.test/log"))
        self.database = Server(folder / "database")
        self.policy = folder / "policy"
        self.sequencers: list[subprocess.Popen[bytes]] = []
        self.writer: subprocess.Popen[bytes] | None = None
        #: What the writer said: ids of entries that were committed, and of those that were rolled back.
        self.kept: list[str] = []
        self.dropped: list[str] = []

    def start(self) -> None:
        self.database.start()
        url = embedded_url(self.database.var)
        migrate(url)
        self.witness = Witness(self.folder / "witness", self.key.key)
        one = self.witness.witness
        self.policy.write_text(
            f"log {self.key.key} none\nwitness {one.name} {one.key} {one.url}\nquorum {one.name}\n"
        )
        environ = {
            "LOG_KEY": self.key.encode(),
            "WITNESS_POLICY": str(self.policy),
            "SOAK_TRAPS": str(self.traps),
        }
        self.web = Plant(url, self.var, environ=environ)
        self.sequencers = [self._sequencer() for _ in range(SEQUENCERS)]
        self.start_writer()
        self.web.start()

    def stop(self) -> None:
        if hasattr(self, "web"):
            self.web.stop()
        self.stop_writer()
        for child in self.sequencers:
            child.terminate()
        for child in self.sequencers:
            child.wait(60)
        if hasattr(self, "witness"):
            self.witness.process.terminate()
            self.witness.process.wait(60)
        self.database.stop()

    # --- children ---------------------------------------------------------------------------------
    def _sequencer(self) -> "subprocess.Popen[bytes]":
        environ = self.web.environ()
        python, *words = command("sequencer", environ)
        with (self.folder / "sequencer.log").open("ab") as log:
            return subprocess.Popen(
                [python, "-m", "tests.soak.armed", *words],
                cwd=HOME,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent(signal.SIGKILL),
            )

    def start_writer(self) -> None:
        with (self.folder / "writer.log").open("ab") as log:
            self.writer = subprocess.Popen(
                [sys.executable, "-m", "tests.soak.writer"],
                cwd=HOME,
                env=self.web.environ(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                preexec_fn=end_with_parent(signal.SIGKILL),
            )
        threading.Thread(target=self._hear, args=(self.writer,), daemon=True).start()

    def _hear(self, writer: "subprocess.Popen[bytes]") -> None:
        assert writer.stdout is not None
        for line in writer.stdout:
            word, *ids = line.decode().split()
            {"kept": self.kept, "dropped": self.dropped}[word].extend(ids)

    def stop_writer(self) -> None:
        if self.writer is not None:
            self.writer.kill()
            self.writer.wait()
            self.writer = None

    def log(self) -> str:
        """Return what the sequencers said."""
        return (self.folder / "sequencer.log").read_text(errors="replace")

    # --- killing ----------------------------------------------------------------------------------
    @property
    def postmaster(self) -> int:
        assert self.database.process is not None
        return self.database.process.pid

    def backends(self) -> list[int]:
        pid = self.postmaster
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def revive(self) -> None:
        """Start again whatever has ended, and return when all of it runs."""
        process = self.database.process
        assert process is not None
        if process.poll() is not None:
            self.database.start()
        self.sequencers = [child if child.poll() is None else self._sequencer() for child in self.sequencers]
        if self.writer is not None and self.writer.poll() is not None:
            self.start_writer()
        if self.witness.process.poll() is not None:
            self.witness.start()
        if self.web.process is None:
            self.web.start()

    def spring(self, point: str, *victims: tuple[int | str, signal.Signals]) -> None:
        """Have these killed, in this order, when a sequencer comes to the point; return when it has."""
        self._lay(point, *victims)
        deadline = time.monotonic() + PATIENCE
        whom = {each for each, _ in victims}
        if SELF in whom:
            while all(child.poll() is None for child in self.sequencers):
                assert time.monotonic() < deadline, f"whoever came to {point} lives"
                time.sleep(0.01)
        if self.postmaster in whom and self.database.process is not None:
            self.database.process.wait(PATIENCE)

    def stall(self, point: str, seconds: float) -> None:
        """Have the sequencer that comes to the point stand still for so long, and then go on."""
        self._lay(point, (SELF, signal.SIGSTOP))
        time.sleep(seconds)
        for child in self.sequencers:
            child.send_signal(signal.SIGCONT)

    def _lay(self, point: str, *victims: tuple[int | str, signal.Signals]) -> None:
        """Lay a trap at the point; return when a sequencer has walked into it."""
        sprung = self.traps / f"{point}.sprung"
        sprung.unlink(missing_ok=True)
        draft = self.traps / f".{point}"
        draft.write_text("".join(f"{whom} {int(sign)}\n" for whom, sign in victims))
        draft.rename(self.traps / point)
        deadline = time.monotonic() + PATIENCE
        while not sprung.exists():
            assert time.monotonic() < deadline, f"no sequencer came to {point}: {self.log()[-2000:]}"
            time.sleep(0.01)

    def rows(self, query: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """As the plant's `rows`; wait for the database while it recovers."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.web.rows(query, params)
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def kill(child: "subprocess.Popen[bytes] | subprocess.Popen[str]", sign: signal.Signals) -> None:
    """Send a signal that ends a child, and wait for its end."""
    if child.poll() is None:
        os.kill(child.pid, sign)
    child.wait(PATIENCE)
