"""The whole plant under its supervisor: started, asked, killed, started again, stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from django.conf import settings

from tests.factory.ports import free_port

RUN = [sys.executable, "-m", "factory.run"]
PATIENCE = 90


class Plant:
    """One run of `python -m factory.run`."""

    def __init__(self, folder: Path, **environ: str) -> None:
        self.var = folder / "var"
        self.port = int(environ.get("PORT") or free_port())
        own = {"PORT": str(self.port), "PLUMBLINE_VAR": str(self.var), "SAMPLE": "0"}
        left_out = ("DATABASE_URL", "CELERY_BROKER_URL", "HOST", "PUBLIC_URL")
        kept = {name: value for name, value in os.environ.items() if name not in left_out}
        self.environ = kept | own | environ
        self.output = folder / f"output-{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Plant":
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                RUN, cwd=settings.BASE_DIR, env=self.environ, stdout=output, stderr=subprocess.STDOUT
            )
        return self

    def wait_until_said(self, words: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while words not in self.said():
            assert self.process is not None and self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)

    def end(self, sign: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(sign)
        return self.process.wait(PATIENCE)

    def said(self) -> str:
        return self.output.read_text()

    def answers(self, path: str = "/readyz") -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def children(self, words: str) -> list[int]:
        """The numbers of the supervisor's own children whose command line holds `words`."""
        assert self.process is not None
        own = self.process.pid
        numbers = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        lines = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in numbers}
        return [pid for pid, line in lines.items() if words in line.replace("\0", " ")]


def refused(**environ: str) -> list[str]:
    """Start with `environ`, expect exit code 1, and return the lines that were said."""
    done = subprocess.run(
        RUN,
        cwd=settings.BASE_DIR,
        env=os.environ | {"SAMPLE": "0"} | environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    plant = Plant(tmp_path)
    yield plant
    if plant.process and plant.process.poll() is None:
        plant.end(signal.SIGTERM)


def test_a_day_in_the_life_of_the_plant(plant: Plant) -> None:
    plant.start().wait_until_said("Stop: Ctrl-C")
    assert plant.answers()
    assert plant.answers("/metrics")
    for name in ("granian", "postgres", "celery --quiet --app factory worker", "factory beat"):
        assert plant.children(name), name

    # The second of the same folder, and another at the same port, are refused in one line.
    (line,) = refused(PORT=str(free_port()), PLUMBLINE_VAR=str(plant.var), DATABASE_URL="")
    assert "already runs" in line
    (line,) = refused(PORT=str(plant.port), PLUMBLINE_VAR=str(plant.var.parent / "other"), DATABASE_URL="")
    assert f"port {plant.port} is in use" in line

    # Whoever dies is started again.
    for victim in ("granian", "postgres"):
        os.kill(plant.children(victim)[0], signal.SIGKILL)
        time.sleep(1)
        deadline = time.monotonic() + PATIENCE
        while not plant.answers():
            assert time.monotonic() < deadline, plant.said()
            time.sleep(0.2)
    assert "the database ended" in plant.said()
    assert "web ended" in plant.said()

    # A kill of the supervisor leaves nothing in the way of the next start.
    plant.end(signal.SIGKILL)
    plant.start().wait_until_said("Stop: Ctrl-C")
    assert plant.answers()

    assert plant.end(signal.SIGINT) == 0
    assert plant.said().endswith("plumbline: stopped\n")
    assert not plant.answers()
    assert not (plant.var / "postgresql" / "postmaster.pid").exists()

    plant.start().wait_until_said("Stop: Ctrl-C")
    stopped = subprocess.run([sys.executable, "-m", "factory.stop"], cwd=settings.BASE_DIR, env=plant.environ)
    assert stopped.returncode == 0
    assert plant.process is not None and plant.process.wait(PATIENCE) == 0


def test_it_may_be_stopped_while_it_starts(plant: Plant) -> None:
    plant.start().wait_until_said("Applying")
    assert plant.end(signal.SIGTERM) == 0
    plant.start().wait_until_said("Stop: Ctrl-C")
    assert plant.answers()


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"PORT": "http"}, "PORT is a number"),
        ({"PORT": "99999"}, "PORT is a number"),
        ({"PLUMBLINE_MODE": "test"}, "PLUMBLINE_MODE is `trial` or `production`"),
        ({"PLUMBLINE_MODE": "production"}, "SECRET_KEY"),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, "doesn't answer"),
        ({"CELERY_BROKER_URL": "redis://127.0.0.1:1/0"}, "CELERY_BROKER_URL doesn't answer"),
        ({"PLUMBLINE_VAR": "/proc/plumbline"}, "can't be written"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(environ: dict[str, str], words: str, tmp_path: Path) -> None:
    defaults = {"PORT": str(free_port()), "PLUMBLINE_VAR": str(tmp_path), "DATABASE_URL": ""}
    (line,) = refused(**defaults | environ)
    assert line.startswith("plumbline: ")
    assert words in line
