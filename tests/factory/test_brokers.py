"""Work in the background over each kind of broker, with a real worker: files, Redis, RabbitMQ."""

import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from celery import Celery
from django.conf import settings
from django.db import connection

from factory.children import HOME
from lineage.intake.models import Replay
from lineage.intake.work import run_replay
from tests.conformance.plant import named

pytestmark = pytest.mark.django_db(transaction=True)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def redis_url() -> Iterator[str]:
    """A database of Redis that nothing else here uses, emptied before and after."""
    if not answers(6379):
        pytest.skip("no Redis answers at 127.0.0.1:6379")
    import redis

    url = "redis://127.0.0.1:6379/13"
    client = redis.Redis.from_url(url)
    client.flushdb()
    yield url
    client.flushdb()


@pytest.fixture
def rabbitmq_url() -> Iterator[str]:
    """A virtual host of RabbitMQ of this test's own."""
    control = shutil.which("rabbitmqctl")
    if control is None or not answers(5672):
        pytest.skip("no RabbitMQ answers at 127.0.0.1:5672 with rabbitmqctl beside it")
    host = f"plumbline-{uuid4().hex[:8]}"
    made = subprocess.run([control, "add_vhost", host], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"rabbitmqctl may not add a virtual host: {made.stderr.strip()[:200]}")
    try:
        subprocess.run(
            [control, "set_permissions", "-p", host, "guest", ".*", ".*", ".*"],
            capture_output=True,
            check=True,
        )
        yield f"amqp://guest:guest@127.0.0.1:5672/{host}"
    finally:
        subprocess.run([control, "delete_vhost", host], capture_output=True, check=False)


@pytest.mark.parametrize("broker", ["files", "redis_url", "rabbitmq_url"])
def test_a_replay_is_worked_off_by_a_worker(
    broker: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = "" if broker == "files" else request.getfixturevalue(broker)
    asked = Replay.objects.create(actor=["console", "", "", ""], asked_by="console")
    # Not as the current one, which tasks of later tests would be sent by.
    sender = Celery(broker=url or "filesystem://", set_as_current=False)
    if not url:
        folders = {name: str(tmp_path / "broker" / name) for name in ("messages", "control")}
        for folder in folders.values():
            Path(folder).mkdir(parents=True)
        sender.conf.broker_transport_options = {
            "data_folder_in": folders["messages"],
            "data_folder_out": folders["messages"],
            "control_folder": folders["control"],
        }
    with Worker(url, tmp_path), sender.connection_for_write() as link:
        sender.send_task(run_replay.name, (str(asked.pk),), connection=link)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not Replay.objects.exclude(finished_at=None).exists():
            time.sleep(0.2)
    asked.refresh_from_db()
    assert asked.finished_at is not None and asked.error == ""


class Worker:
    """The worker of the Procfile, on the test's database and the broker."""

    def __init__(self, broker: str, var: Path) -> None:
        line = next(x for x in (HOME / "Procfile").read_text().splitlines() if x.startswith("worker: "))
        self.command = [sys.executable, *shlex.split(line.removeprefix("worker: "))[1:]]
        self.environ = {
            **os.environ,
            "SECRET_KEY": settings.SECRET_KEY,
            "BODY_KEY": settings.BODY_KEY,
            "DATABASE_URL": named(settings.DATABASE_URL, connection.settings_dict["NAME"]),
            "CELERY_BROKER_URL": broker,
            "PLUMBLINE_VAR": str(var),
        }

    def __enter__(self) -> None:
        self.process = subprocess.Popen(self.command, cwd=HOME, env=self.environ)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
