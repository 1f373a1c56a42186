"""The plant that is measured: a database of its own and the real web server, gone without a trace after."""

import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen
from uuid import uuid4

import psycopg

HOME = Path(__file__).resolve().parents[2]


@contextmanager
def database() -> Iterator[Path]:
    """Have an empty, migrated database and Django set up for it; yield the folder of everything kept.

    A new database on the server of DATABASE_URL where that is set, else an embedded server.
    """
    with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as folder:
        var = Path(folder)
        # the embedded server runs as another user when we are root, and has to get through
        var.chmod(0o711)
        os.environ |= {"PLUMBLINE_VAR": folder, "DJANGO_SETTINGS_MODULE": "factory.settings"}
        with _server(var):
            import django
            from django.core.management import call_command
            from django.db import connections

            django.setup()
            call_command("migrate", verbosity=0)
            call_command("collectstatic", verbosity=0, interactive=False)
            try:
                yield var
            finally:
                connections.close_all()


@contextmanager
def _server(var: Path) -> Iterator[None]:
    url = os.environ.get("DATABASE_URL")
    if url is None:
        from factory.database import running

        with running(var):
            yield
        return
    name = f"plumbline_bench_{uuid4().hex[:8]}"
    server, _, query = url.partition("?")
    os.environ["DATABASE_URL"] = server.rpartition("/")[0] + f"/{name}" + (f"?{query}" if query else "")
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            yield
        finally:
            os.environ["DATABASE_URL"] = url
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Web:
    """One web server, started by the command of the Procfile; `application` is what it serves."""

    def __init__(self, var: Path, application: str = "factory.wsgi:application") -> None:
        from factory.children import expand, web_defaults

        self.port = _free_port()
        environ = {**web_defaults(), **os.environ}
        environ |= {"PORT": str(self.port), "HOST": "127.0.0.1", "PYTHONUNBUFFERED": "1"}
        metrics = var / "metrics" / str(self.port)
        metrics.mkdir(parents=True)
        environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
        line = next(x for x in (HOME / "Procfile").read_text().splitlines() if x.startswith("web: "))
        command = [expand(word, environ) for word in shlex.split(line.removeprefix("web: "))]
        command = [sys.executable, *command[1:]]
        command[command.index("factory.wsgi:application")] = application
        self.process = subprocess.Popen(command, cwd=HOME, env=environ)

    def __enter__(self) -> "Web":
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise SystemExit("the web server ended at once")
            with suppress(OSError), urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                if answer.status == 200:
                    return self
            time.sleep(0.1)
        self.__exit__()
        raise SystemExit("the web server does not answer")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def memory(self) -> float:
        """Return the resident memory of the largest worker, in MiB (Linux)."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return max(_resident(int(pid)) for pid in listed.split())


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
