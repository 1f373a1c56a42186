"""The disk fills up: said on every page well before, and nothing half-written when it is full."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from factory.kit import disk
from lineage.intake.models import Submission
from tests import personas
from tests.lineage.stories import ran

pytestmark = pytest.mark.django_db
MORE_THAN_ANY_DISK = 1 << 60
EVENT = ran("night", 1, reads=["applicants"])


@pytest.fixture(autouse=True)
def _look_anew(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(disk, "LOOK_SECONDS", -1)
    settings.VAR = tmp_path
    yield
    monkeypatch.undo()
    disk._looked = None


@pytest.fixture
def client() -> Client:
    """A source with a token for everything."""
    return Client(headers=personas.bearer(personas.everything()))


def push(client: Client) -> Any:
    return client.post("/api/v1/lineage", EVENT.body, content_type="application/json")


def refused(answer: Any) -> None:
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) >= 30
    assert answer["Content-Type"] == "application/problem+json"
    assert json.loads(answer.content)["code"] == "disk_full"
    assert not Submission.objects.exists()


def test_enough_room_is_not_worth_a_word(client: Client, settings: Any) -> None:
    settings.DISK_WARNING_BYTES = settings.DISK_FULL_BYTES = 0
    assert disk.space().state == "enough"
    assert push(client).status_code == 201
    client.force_login(personas.alice())
    assert b'aria-label="Disk"' not in client.get("/").content


def test_little_room_is_said_on_every_page_and_all_goes_on(client: Client, settings: Any) -> None:
    settings.DISK_WARNING_BYTES, settings.DISK_FULL_BYTES = MORE_THAN_ANY_DISK, 0
    assert push(client).status_code == 201
    assert client.get("/readyz").status_code == 200
    assert "filling up" in client.get("/accounts/login/").text
    client.force_login(personas.alice())
    for page in ("/", "/audit/", "/intake/"):
        assert f"filling up: {disk.space().free / 1e6:,.0f} MB" in client.get(page).text


def test_no_room_and_nothing_is_taken(client: Client, settings: Any) -> None:
    settings.DISK_FULL_BYTES = MORE_THAN_ANY_DISK
    refused(push(client))
    assert client.get("/readyz").json()["code"] == "disk_full"
    client.force_login(personas.alice())
    page = client.get("/").text
    assert "The disk is full" in page and 'role="alert"' in page
    settings.DISK_WARNING_BYTES = settings.DISK_FULL_BYTES = 0
    assert push(client).status_code == 201


def test_the_body_is_not_even_read(client: Client, settings: Any) -> None:
    """Ten megabytes that there is no room for are refused by their first line."""
    settings.DISK_FULL_BYTES = MORE_THAN_ANY_DISK
    packed = {"Content-Encoding": "gzip"}
    refused(client.post("/api/v1/events", b"\0" * 1000, "application/cloudevents+json", headers=packed))


def test_a_stranger_learns_nothing_of_the_disk(settings: Any) -> None:
    settings.DISK_FULL_BYTES = MORE_THAN_ANY_DISK
    assert Client().post("/api/v1/lineage", EVENT.body, content_type="application/json").status_code == 401


@pytest.mark.django_db(transaction=True)
def test_the_database_says_that_its_disk_is_full(client: Client, settings: Any) -> None:
    """The database may be elsewhere, so that only it knows. It is asked again after a while."""
    with connection.cursor() as cursor:
        cursor.execute(
            """CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                   RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
               END $$;
               CREATE TRIGGER disk_is_full BEFORE INSERT ON lineage_bodykey
               FOR EACH STATEMENT EXECUTE FUNCTION disk_is_full()"""
        )
    try:
        refused(push(client))
        assert disk.space() == ("none", 0, "")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION disk_is_full CASCADE")
    client.force_login(personas.alice())
    assert "The database says that its disk is full" in client.get("/").text
    refused(push(client))  # for a while without asking it
    mark = settings.VAR / "run" / "database-disk-full"
    os.utime(mark, (1, 1))
    assert push(client).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_out_of_memory_is_not_now_and_not_a_full_disk(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """CREATE FUNCTION no_memory() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                   RAISE EXCEPTION 'out of memory' USING ERRCODE = '53200';
               END $$;
               CREATE TRIGGER no_memory BEFORE INSERT ON lineage_bodykey
               FOR EACH STATEMENT EXECUTE FUNCTION no_memory()"""
        )
    try:
        answer = push(client)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION no_memory CASCADE")
    assert (answer.status_code, answer.json()["code"]) == (503, "cannot_commit")
    assert disk.space().state != "none"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of eight megabytes."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small file system can't be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_real_disk_that_fills_up_and_is_cleared(client: Client, settings: Any, small_disk: Path) -> None:
    settings.VAR = small_disk
    settings.DISK_WARNING_BYTES, settings.DISK_FULL_BYTES = 6_000_000, 2_000_000
    assert disk.space().state == "enough"
    (small_disk / "ballast").write_bytes(b"\0" * 4_000_000)
    assert disk.space().state == "little"
    assert push(client).status_code == 201
    (small_disk / "more").write_bytes(b"\0" * 3_000_000)
    assert disk.space() == ("none", disk.space().free, str(small_disk))
    assert push(client).status_code == 503
    (small_disk / "more").unlink()
    assert push(client).status_code == 200  # a repeat of what was taken
