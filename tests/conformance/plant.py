"""The web process as the plant runs it, on a database of its own, for clients to talk to."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import httpx
import psycopg
from django.conf import settings
from django.db import connections

from factory.children import HOME, expand
from factory.kit.grants import Issued, issue_token

START_SECONDS = 60


class Process(NamedTuple):
    """The web process, started; its group holds its workers."""

    popen: "subprocess.Popen[bytes]"
    log: Path


class Plant:
    """The web process that the Procfile names, on the database `url`, in the folder `var`.

    Tokens and rows are reached with Django's own tools inside `as_default()`.
    """

    def __init__(
        self, url: str, var: Path, *, workers: int = 2, environ: dict[str, str] | None = None
    ) -> None:
        self.database = url
        self.var = var
        self.workers = workers
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.extra = environ or {}
        self.process: Process | None = None

    def environ(self) -> dict[str, str]:
        return {
            **os.environ,
            # bodies are opened by the test that checks them
            "SECRET_KEY": settings.SECRET_KEY,
            "BODY_KEY": settings.BODY_KEY,
            "DATABASE_URL": self.database,
            "PLUMBLINE_VAR": str(self.var),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "WEB_WORKERS": str(self.workers),
            "WEB_THREADS": "4",
            "PROMETHEUS_MULTIPROC_DIR": str(self.var / "run" / "metrics"),
            **self.extra,
        }

    # --- its life ---------------------------------------------------------------------------------
    def start(self) -> None:
        """Start the web process and return when it answers."""
        metrics = self.var / "run" / "metrics"
        shutil.rmtree(metrics, ignore_errors=True)
        metrics.mkdir(parents=True)
        environ = self.environ()
        log = self.var / "web.log"
        with log.open("ab") as file:
            popen = subprocess.Popen(
                command("web", environ),
                env=environ,
                cwd=HOME,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.process = Process(popen, log)
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            assert popen.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """kill -9 of the process and its workers, as a loss of power has it."""
        assert self.process is not None
        os.killpg(self.process.popen.pid, signal.SIGKILL)
        self.process.popen.wait()
        self.process = None

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.popen.send_signal(signal.SIGTERM)
        try:
            self.process.popen.wait(20)
        finally:
            if self.process.popen.poll() is None:
                self.kill()
        self.process = None

    def log(self) -> str:
        return (self.var / "web.log").read_text(errors="replace")

    def worker_pids(self) -> list[int]:
        assert self.process is not None
        pid = self.process.popen.pid
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    @contextmanager
    def beside(self, name: str) -> Iterator[None]:
        """Run another line of the Procfile on the same database inside the block."""
        environ = self.environ()
        with (self.var / f"{name}.log").open("ab") as file:
            child = subprocess.Popen(command(name, environ), cwd=HOME, env=environ, stdout=file, stderr=file)
        try:
            yield
        finally:
            child.terminate()
            child.wait(20)

    def kill_a_worker(self) -> None:
        """kill -9 of one worker; return when the web server has started another by itself."""
        gone = self.worker_pids()[0]
        os.kill(gone, signal.SIGKILL)
        deadline = time.monotonic() + START_SECONDS
        while len(set(self.worker_pids()) - {gone}) < self.workers:
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.2)

    def memory(self) -> int:
        """Return the largest resident set of a worker so far, in bytes (VmHWM counts peaks too)."""
        return max(_status(pid, "VmHWM") for pid in self.worker_pids())

    # --- who talks to it --------------------------------------------------------------------------
    def token(self, *doors: str, **bounds: Any) -> Issued:
        """Make a new token; its name is random."""
        with self.as_default():
            return issue_token(f"source-{uuid4().hex[:12]}", doors=doors or ("all",), **bounds)

    def client(self, token: Issued | None = None, **options: Any) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token.secret}"} if token else {}
        options.setdefault("timeout", 60)
        return httpx.Client(base_url=self.url, headers=headers, **options)

    # --- its rows ---------------------------------------------------------------------------------
    @contextmanager
    def as_default(self) -> Iterator[None]:
        """Make Django's default connection one to the plant's database, in this thread."""
        usual = connections["default"]
        parts = urlsplit(self.database)
        own = type(usual)(usual.settings_dict | {"NAME": parts.path[1:]} | self._place(), alias="default")
        own.inc_thread_sharing()
        connections["default"] = own
        try:
            yield
        finally:
            connections["default"] = usual
            own.close()

    def _place(self) -> dict[str, Any]:
        import dj_database_url

        place = dj_database_url.parse(self.database)
        return {name: place[name] for name in ("HOST", "PORT", "USER", "PASSWORD")} | {
            "OPTIONS": place.get("OPTIONS", {})
        }

    def rows(self, query: str, params: Sequence[Any] | dict[str, Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query on the plant's database, past Django."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            cursor = connection.execute(query.encode(), params)
            return cursor.fetchall() if cursor.description else []


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


def command(name: str, environ: dict[str, str]) -> list[str]:
    """Return the command of a line of the Procfile, run by the Python that we run in."""
    line = next(x for x in (HOME / "Procfile").read_text().splitlines() if x.startswith(f"{name}: "))
    words = [expand(word, environ) for word in shlex.split(line.partition(": ")[2])]
    assert words[0] == "python"
    return [sys.executable, *words[1:]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- databases of the tests' own ------------------------------------------------------------------
def named(url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def make_database(url: str) -> None:
    """Make the database of the URL afresh, with its tables."""
    drop_database(url)
    name = urlsplit(url).path[1:]
    with psycopg.connect(named(url, "postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    migrate(url)


def migrate(url: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=HOME,
        env=os.environ
        | {"DATABASE_URL": url, "SECRET_KEY": settings.SECRET_KEY, "BODY_KEY": settings.BODY_KEY},
        check=True,
    )


def drop_database(url: str) -> None:
    name = urlsplit(url).path[1:]
    with psycopg.connect(named(url, "postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
