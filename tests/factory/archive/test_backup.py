"""Backup, destroy, restore: everything is there, or nothing is."""

import json
import os
import shutil
import signal
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import CommandError
from django.db.migrations.loader import MigrationLoader

from factory.archive import contents, keys, log
from factory.archive.container import BadArchive, Reader, Writer
from governance.audit.models import Entry, SubjectKey
from governance.audit.subjects import seal, unseal
from lineage.entities.keys import NodeKey
from lineage.graph.trace import trace
from lineage.intake.models import BodyKey, Submission
from lineage.intake.vault import BodyDestroyed, open_body
from tests import personas
from tests.factory.archive.houses import House
from tests.lineage.stories import dataset


def traces() -> list[Any]:
    found = [trace(NodeKey.parse(dataset(name)), direction="both") for name in ("raw", "clean")]
    return [(one.root, one.nodes, one.edges) for one in found]


def test_everything_comes_back(old: House, new: House, archive: Path, tmp_path: Path) -> None:
    digests, form = old.digests(), old.form()
    with old.inside():
        traced = traces()
        bodies = {one.pk: open_body(one) for one in Submission.objects.all()}
    old.pull_down()
    assert "rows of" in new.manage("restore", archive, "--continue", "here")
    assert {name: rows for name, rows in new.digests().items() if rows != digests[name]} == {
        name: new.digests()[name] for name in ("governance_entry", "governance_waiting")
    }  # the restore and how it goes on are on record
    with new.inside():
        assert traces() == traced
        assert {one.pk: open_body(one) for one in Submission.objects.all()} == bodies
    assert new.form() == form
    new.live(morning=1)
    report = new.verified(tmp_path)
    assert report.ok, report.findings
    assert report.size > 600


def test_what_is_left_out_has_a_reason_and_nothing_else_is(old: House, archive: Path) -> None:
    with Reader(archive) as reader:
        assert set(old.tables()) == reader.tables.keys() | contents.LEFT_OUT.keys()
        assert reader.manifest["left_out"] == contents.LEFT_OUT and all(contents.LEFT_OUT.values())


def test_no_key_and_nothing_that_lets_anybody_in_is_in_it(old: House, tmp_path: Path) -> None:
    with old.inside():
        get_user_model().objects.create_user("alice@bank.example", personas.PASSWORD, name="Alice")
        session = SessionStore()
        session["of"] = "alice"
        session.save()
        token = personas.airflow().secret
        from django.conf import settings

        secrets = [settings.BODY_KEY, settings.SECRET_KEY, settings.LOG_KEY.rpartition("+")[2]]
    file = tmp_path / "archive.zip"
    old.manage("backup", file)
    assert oct(file.stat().st_mode)[-3:] == "600"
    with zipfile.ZipFile(file) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"alice@bank.example" in everything
    for secret in (*secrets, session.session_key, token, personas.PASSWORD):
        assert secret and secret.encode() not in everything


def test_what_was_erased_is_in_no_later_archive(old: House, new: House, tmp_path: Path) -> None:
    with old.inside():
        first, second = Submission.objects.order_by("number")
        wrapped = bytes(BodyKey.objects.get(submission=first).wrapped)
        sealed = seal("user:1", {"address": "203.0.113.9"})
        SubjectKey.objects.all().delete()
        BodyKey.objects.filter(submission=first).delete()
        clear = open_body(second)
    file = tmp_path / "archive.zip"
    old.manage("backup", file)
    with zipfile.ZipFile(file) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert wrapped.hex().encode() not in everything
    new.manage("restore", file)
    with new.inside():
        with pytest.raises(BodyDestroyed):
            open_body(first)
        assert open_body(second) == clear
        assert unseal(sealed) is None


def test_every_damage_is_found_before_anything_is_written(new: House, archive: Path, tmp_path: Path) -> None:
    whole = archive.read_bytes()
    step = max(1, len(whole) // 200)
    places = {*range(0, len(whole), step), *range(len(whole) - 200, len(whole), 7)}
    bad = tmp_path / "bad.zip"
    for place in sorted(places):
        bad.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        with pytest.raises(BadArchive), Reader(bad) as reader, new.inside():
            if not reader.is_sealed_by(reader.check(lambda count: None), keys.seal_key()):
                raise BadArchive("another seal")
    for size in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        bad.write_bytes(whole[:size])
        with pytest.raises(CommandError, match=r"damaged|cut off"):
            new.manage("restore", bad)
    bad.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    with pytest.raises(CommandError, match="damaged"):
        new.manage("restore", bad)
    assert new.is_empty


def written_anew(archive: Path, file: Path, changed: dict[str, bytes], key: bytes) -> Path:
    """Write the archive again with other rows, its digests and counts in order."""
    with Reader(archive) as reader, Writer(file) as writer:
        manifest = reader.manifest
        for name in reader.tables:
            rows = changed.get(name, b"".join(reader.pieces(name)))
            manifest["tables"][name] = writer.add(name, [rows], lambda count: None)._asdict()
        writer.seal(manifest, key)
        writer.publish()
    return file


def test_whoever_stores_it_can_not_change_it(new: House, archive: Path, tmp_path: Path) -> None:
    changed = written_anew(archive, tmp_path / "changed.zip", {"lineage_source": b""}, b"guessed")
    with pytest.raises(CommandError, match="somebody has changed it"):
        new.manage("restore", changed)
    assert new.is_empty


def test_a_log_that_does_not_hold_is_found(new: House, archive: Path, tmp_path: Path) -> None:
    """As though the database itself had been changed before the backup."""
    with Reader(archive) as reader, new.inside():
        key = keys.seal_key()
        tiles = b"".join(reader.pieces("governance_tile"))
        entries = b"".join(reader.pieces("governance_entry"))
    at = tiles.index(b"\\\\x") + 10  # a hash in the first tile
    bent = tiles[:at] + (b"0" if tiles[at : at + 1] != b"0" else b"1") + tiles[at + 1 :]
    leaf, another = b'"number":7'.hex().encode(), b'"number":8'.hex().encode()
    for number, (table, rows, words) in enumerate(
        [
            ("governance_tile", bent, "does not hold the roots of the tiles below it|do not give the root"),
            ("governance_tile", b"", "tiles of the log .* are missing"),
            ("governance_entry", entries.replace(leaf, another, 1), "not those that tile/0/000 of the log"),
        ]
    ):
        file = written_anew(archive, tmp_path / f"{number}.zip", {table: rows}, key)
        with pytest.raises(CommandError, match=words):
            new.manage("restore", file)
        assert new.is_empty


def test_it_goes_into_an_empty_database_only(old: House, archive: Path) -> None:
    before = old.digests()
    with pytest.raises(CommandError, match="not empty"):
        old.manage("restore", archive)
    assert old.digests() == before


def test_an_archive_is_never_written_over(old: House, archive: Path) -> None:
    before = archive.read_bytes()
    with pytest.raises(CommandError, match="exists"):
        old.manage("backup", archive)
    assert archive.read_bytes() == before


def test_another_body_key_is_said_at_once(old: House, new: House, archive: Path) -> None:
    with pytest.raises(CommandError, match="BODY_KEY here is not what the archive was made with"):
        new.manage("restore", archive, BODY_KEY="another one")
    assert new.is_empty
    new.manage("restore", archive, "--other-keys", BODY_KEY="another one")
    with new.inside(BODY_KEY="another one"):
        for submission in Submission.objects.all():
            with pytest.raises(BodyDestroyed):
                open_body(submission)
        given_up = Entry.objects.get(action="archive.restored").detail["given_up"]
        assert given_up["bodies"] == Submission.objects.count() == 2


def test_another_log_key_is_said_at_once(new: House, archive: Path) -> None:
    from governance.audit.signing.private_keys import new_key

    with pytest.raises(CommandError, match="LOG_KEY here is not"):
        new.manage("restore", archive, LOG_KEY=new_key("log.example/other"), LOG_ORIGIN="log.example/other")
    assert new.is_empty


def test_an_older_form_is_brought_forward(old: House, new: House, tmp_path: Path) -> None:
    with old.inside():
        from django.db import connection

        nodes = sorted(n for a, n in MigrationLoader(connection).graph.nodes if a == "account")
    old.manage("migrate", "account", nodes[-2], "-v0")
    file = tmp_path / "archive.zip"
    old.manage("backup", file)
    old.manage("migrate", "-v0")
    new.manage("restore", file)
    assert new.rows("SELECT count(*) FROM django_migrations") == old.rows(
        "SELECT count(*) FROM django_migrations"
    )
    assert [row for row in new.form() if "seq" not in row[0]] == [
        row for row in old.form() if "seq" not in row[0]
    ]


def test_a_newer_form_is_refused(old: House, new: House, tmp_path: Path) -> None:
    old.rows("INSERT INTO django_migrations (app, name, applied) VALUES ('lineage', '0999_later', now())")
    file = tmp_path / "archive.zip"
    old.manage("backup", file)
    with pytest.raises(CommandError, match=r"lineage\.0999_later this one doesn't have"):
        new.manage("restore", file)
    assert new.is_empty


def test_a_crash_amid_a_restore_leaves_nothing(new: House, archive: Path) -> None:
    process = new.process("restore", archive)
    assert process.stderr is not None
    for line in process.stderr:
        if "Recomputing" in line:  # all is loaded, and the indexes are made
            process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert new.is_empty
    done = new.process("restore", archive)
    assert done.communicate()[0].endswith("are back.\n") or done.returncode == 0
    assert not new.is_empty
    assert (new.var / "run" / "sample-sent").exists()


def test_the_database_may_be_written_to_meanwhile(old: House, new: House, tmp_path: Path) -> None:
    """One snapshot: what another connection commits in the middle is in no table."""
    file = tmp_path / "archive.zip"
    with psycopg.connect(old.url, autocommit=True) as other, old.inside():
        from factory.archive import save

        usual, seen = save.copy_out, []

        def copy_out(table: contents.Table) -> Any:
            seen.append(table.name)
            if table.name == "lineage_node":
                other.execute("DELETE FROM lineage_source")
            return usual(table)

        save.copy_out = copy_out  # between two tables, as it may happen
        try:
            save.save(file, print)
        finally:
            save.copy_out = usual
    assert seen.index("lineage_node") < seen.index("lineage_source")
    with Reader(file) as reader:
        assert reader.tables["lineage_source"].rows == 2


def test_a_full_disk_leaves_no_half_archive(old: House, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small file system can't be mounted here: {mounted.stderr.decode().strip()}")
    try:
        with pytest.raises(CommandError, match="can't be written: No space left"):
            old.manage("backup", folder / "archive.zip")
        assert list(folder.iterdir()) == []
    finally:
        subprocess.run(["umount", folder], check=True)


def test_any_unzip_reads_it(archive: Path) -> None:
    if shutil.which("unzip"):
        assert subprocess.run(["unzip", "-tq", archive], check=False).returncode == 0
    with zipfile.ZipFile(archive) as plain:
        assert plain.testzip() is None
        manifest = json.loads(plain.read("manifest.json"))
    assert [head["size"] for head in manifest["logs"]] == [log_size(archive)]


def log_size(archive: Path) -> int:
    with Reader(archive) as reader:
        log.check_tiles(reader, lambda count: None)
        return reader.tables["governance_place"].rows
