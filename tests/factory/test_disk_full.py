"""The plant on a disk that is really full: refused, not lost, and back by itself when there is room."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest
from django.conf import settings

from tests.factory.test_run import Plant


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=420m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small file system can't be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def push(plant: Plant, token: str) -> tuple[int, str]:
    """Push 1.5 MB that don't compress; return the status and the submission's id or the problem's code."""
    event = {
        "eventType": "COMPLETE",
        "eventTime": "2026-11-01T10:00:00Z",
        "producer": "https://example.org/test",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json",
        "run": {"runId": str(uuid4())},
        "job": {"namespace": "bank", "name": "load"},
        "padding": base64.b64encode(os.urandom(1_100_000)).decode(),
    }
    request = Request(
        f"http://127.0.0.1:{plant.port}/api/v1/lineage",
        json.dumps(event).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)["submission"]
    except HTTPError as refused:
        assert int(refused.headers["Retry-After"]) > 0
        return refused.code, json.load(refused)["code"]


def manage(plant: Plant, *arguments: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=plant.environ, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_disk_that_is_full_to_the_last_byte(small_disk: Path, tmp_path: Path) -> None:
    """Without the thresholds that would have stopped it before, so that the database itself meets the end."""
    limits = {"DISK_WARNING_MB": "0", "DISK_FULL_MB": "0"}
    plant = Plant(tmp_path, PLUMBLINE_VAR=str(small_disk / "var"), **limits).start()
    try:
        plant.wait_until_said("started in")
        token = manage(plant, "token", "test", "--scope", "all")
        answers = [push(plant, token)]
        free = os.statvfs(small_disk)
        ballast = small_disk / "ballast"
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - 25_000_000)
        while len(answers) < 60 and answers[-1][0] == 201:
            answers.append(push(plant, token))
        for _ in range(40):  # whatever gives way: the database, a file of the broker, a log
            assert push(plant, token)[0] == 503 and not plant.answers()
            time.sleep(0.25)
        ballast.unlink()
        deadline = time.monotonic() + 60
        while not plant.answers():
            assert time.monotonic() < deadline, plant.said()
            time.sleep(0.5)
        answers.append(push(plant, token))
        assert answers[-1][0] == 201
        kept = manage(
            plant,
            "shell",
            "-c",
            "from lineage.intake.models import Submission\nfrom lineage.intake.vault import open_body\n"
            "print(*sorted(str(each.pk) for each in Submission.objects.all() if open_body(each)))",
        )
        taken = sorted(id_ for status, id_ in answers if status == 201)
        assert kept.splitlines()[-1].split() == taken
    finally:
        plant.end(signal.SIGTERM)
