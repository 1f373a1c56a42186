"""Child processes of the supervisor: started, listened to, restarted, stopped."""

import os
import re
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from factory.database import end_with_parent, rotate

#: A child that lived this long has started well; its next failure counts as the first.
STEADY_SECONDS = 30
MOST_FAILURES = 5
STOP_SECONDS = 15
HOME = Path(__file__).resolve().parent.parent


def web_defaults() -> dict[str, str]:
    """Return how many web workers and threads there are where nobody says otherwise.

    Requests of one worker share transactions and those of two wait for each other, so workers are few
    (the database needs the other half of the cores) and threads many.
    """
    return {"WEB_WORKERS": str(max(1, (os.cpu_count() or 2) // 2)), "WEB_THREADS": "8"}


def expand(text: str, environ: dict[str, str]) -> str:
    """Return `text` with `$NAME` replaced from `environ`."""
    return re.sub(r"\$(\w+)", lambda match: environ.get(match[1], ""), text)


@dataclass
class Child:
    """One program, its output on our terminal under its name and in `log`.

    `once`: it is meant to end. `terminal`: it writes to our terminal itself, as progress bars must.
    """

    name: str
    command: list[str]
    environ: dict[str, str]
    log: Path
    once: bool = False
    terminal: bool = False
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    started: float = 0
    start_at: float = 0
    rest: bytes = b""
    file: IO[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        if not self.terminal:
            rotate(self.log)
            self.file = self.log.open("ab", buffering=0)
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            env=self.environ,
            cwd=HOME,
            stdin=subprocess.DEVNULL,
            stdout=None if self.terminal else subprocess.PIPE,
            stderr=None if self.terminal else subprocess.STDOUT,
            # Ctrl-C goes to us alone; and what a dead child leaves behind can be ended with its group.
            start_new_session=True,
            preexec_fn=end_with_parent(signal.SIGTERM),
        )

    def ended(self) -> int | None:
        """Return the exit code once it has ended, and end what it may have left behind."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        self.signal_group(signal.SIGKILL)
        return code

    def plan_restart(self) -> float:
        """Return in how many seconds it may start again: longer after every quick failure."""
        lived = time.monotonic() - self.started
        self.failures = 1 if lived > STEADY_SECONDS else self.failures + 1
        delay = float(min(2 ** (self.failures - 1), 30))
        self.start_at = time.monotonic() + delay
        self.process = None
        return delay

    def signal_group(self, sign: signal.Signals) -> None:
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, sign)
        except (ProcessLookupError, PermissionError):
            pass

    def listen(self, selector: selectors.BaseSelector) -> None:
        if self.process is None or self.process.stdout is None:
            return
        os.set_blocking(self.process.stdout.fileno(), False)
        selector.register(self.process.stdout, selectors.EVENT_READ, self)

    def hear(self, stream: IO[bytes]) -> bool:
        """Pass on what it has said; return False at the end."""
        said = stream.read(65536)
        if said is None:
            return True
        if self.file:
            try:
                self.file.write(said)
            except OSError:
                pass  # the disk is full: that is no reason to stop
        *lines, self.rest = (self.rest + said).replace(b"\r", b"\n").split(b"\n")
        if not said and self.rest:
            lines, self.rest = [*lines, self.rest], b""
        for line in lines:
            if line.strip():
                show(f"{self.name:<8}| {line.decode(errors='replace')}")
        if not said and self.file:
            self.file.close()
        return bool(said)


def stop_all(children: list[Child], selector: selectors.BaseSelector) -> None:
    """Stop all at once, softly first; return when none is left."""
    for child in children:
        if child.process and child.process.poll() is None:
            child.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while any(child.process and child.ended() is None for child in children):
        if time.monotonic() > deadline:
            for child in children:
                if child.process and child.process.poll() is None:
                    show(f"{child.name} did not stop within {STOP_SECONDS} seconds; it is killed")
                    child.signal_group(signal.SIGKILL)
            deadline += 5
        hear_all(selector, 0.05)
    hear_all(selector, 0)


def hear_all(selector: selectors.BaseSelector, patience: float) -> None:
    """Pass on what any child has said, waiting up to `patience` seconds for the first word."""
    for key, _ in selector.select(patience):
        if isinstance(key.data, Child):
            if not key.data.hear(key.fileobj):  # type: ignore[arg-type]
                selector.unregister(key.fileobj)
        else:
            os.read(key.fd, 4096)


def show(line: str) -> None:
    """Print a line; a terminal that has gone away is no reason to stop."""
    try:
        print(line, flush=True)
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 for the rest of the process
