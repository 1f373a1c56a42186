"""A restored older database never signs a fork of what the world knows; and both ways on from there."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import transaction

from factory.kit.recording import SYSTEM, record
from governance.audit import published
from governance.audit.models import Entry, Log
from governance.audit.published import Behind, Seen, check_not_behind, may_go_on, note, note_stop
from governance.audit.sequencer import Sequencer
from governance.audit.signing.private_keys import new_key
from governance.audit.store import current_log, head_of
from governance.audit.subjects import seal
from lineage.intake.models import Submission
from tests.factory.archive.houses import House


@pytest.fixture(autouse=True)
def _every_note_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(published, "_SYNC_EVERY", -1)
    yield


def sequencer() -> Sequencer:
    """As `manage.py sequencer` makes it."""
    return Sequencer(checks=[may_go_on], signed=[note])


def written(house: House, entries: int = 3) -> None:
    with house.inside(), transaction.atomic():
        for number in range(entries):
            record("page.read", actor=SYSTEM, detail={"number": number})


def signs(house: House, **changed: Any) -> int:
    """Start a sequencer; return how large the log is after its first round."""
    with house.inside(**changed):
        sequencer().round()
        log = current_log()
        head = head_of(log) if log else None
        return head.size if head else 0


def size(house: House) -> int:
    with house.inside():
        log = current_log()
        head = head_of(log) if log else None
        return head.size if head else 0


def stays_as_it_is(house: House, words: str, **changed: Any) -> None:
    """Nothing is signed, and what is written meanwhile waits."""
    before, waiting = size(house), house.rows("SELECT count(*) FROM governance_waiting")[0][0]
    written(house)
    with pytest.raises(Behind, match=words):
        signs(house, **changed)
    assert size(house) == before
    assert house.rows("SELECT count(*) FROM governance_waiting") == [(waiting + 3,)]


def test_the_newest_checkpoint_is_noted_outside_the_database(old: House) -> None:
    written(old)
    at = signs(old)
    said = json.loads((old.var / "log" / "published").read_text())
    assert said["size"] == at and said["note"].startswith(f"{said['origin']}\n{at}\n")
    with old.inside():
        note_stop()
        found = published.noted()
        assert found is not None and found.stopped and found.seen.size == at
    assert [path.name for path in (old.var / "log").iterdir()] == ["published"]
    written(old)
    assert signs(old) == at + 3


def test_an_older_backup_in_the_same_place_is_not_signed(old: House, archive: Path) -> None:
    written(old)
    at = signs(old)
    old.make_empty()
    told = old.manage("restore", archive)
    assert "does not go on yet" in told and f"knows {at:,}" in told
    stays_as_it_is(old, rf"published knows {at:,}: the database is older .*restore --continue")
    # not even where somebody says that all is well
    old.manage("restore", "--continue", "here")
    stays_as_it_is(old, "the database is older than what is published")


def test_an_older_backup_that_went_another_way_is_not_signed(old: House, archive: Path) -> None:
    """The same size, another root: entries that only the lost database had, and as many that it never had."""
    written(old)
    at = signs(old)
    (old.var / "log" / "published").rename(old.var / "published")
    old.make_empty()
    old.manage("restore", archive, "--continue", "here")
    written(old, 3)
    signs(old)
    (old.var / "published").rename(old.var / "log" / "published")
    assert size(old) > at
    stays_as_it_is(old, f"another root of the first {at:,} entries")


def test_witnesses_know_more(old: House, new: House, archive: Path) -> None:
    new.manage("restore", archive, "--continue", "here")
    with new.inside():
        log = current_log()
        assert log is not None
        head = head_of(log)
        assert head is not None
        more = Seen("the witness in Turku", log.origin, head.size + 1)
        with pytest.raises(Behind, match="the witness in Turku knows"):
            check_not_behind(log, head, [more])
        with pytest.raises(Behind, match="another root"):
            check_not_behind(log, head, [Seen("the witness in Turku", log.origin, 5, b"\1" * 32)])
        with pytest.raises(Behind, match=r"of a log elsewhere\.example, which this database does not have"):
            check_not_behind(log, head, [Seen("the witness in Turku", "elsewhere.example", 5)])
        check_not_behind(log, head, [Seen("the witness in Turku", log.origin, head.size, bytes(head.root))])


def test_on_another_machine_somebody_has_to_say_how_it_goes_on(new: House, archive: Path) -> None:
    """Nothing is known there of what was signed after the backup."""
    told = new.manage("restore", archive)
    assert "does not go on yet" in told and "--continue here" in told
    stays_as_it_is(new, "the database was restored from a backup")
    at = size(new)
    assert f"after its {at:,} entries" in new.manage(
        "restore", "--continue", "here", "--reason", "it was stopped"
    )
    assert signs(new) > at
    with new.inside():
        said = Entry.objects.get(action="log.continued")
        assert (said.reason, said.detail["how"], said.detail["size"]) == ("it was stopped", "here", at)
    written(new)
    signs(new)


def test_the_embedded_database_that_was_stopped_first_goes_on_by_itself(old: House, tmp_path: Path) -> None:
    """As for a new major version: stop, backup, restore in the same place."""
    written(old)
    signs(old)
    with old.inside():
        note_stop()
    file = tmp_path / "upgrade.zip"
    old.manage("backup", file)
    old.make_empty()
    told = old.manage("restore", file, EMBEDDED_DATABASE=True)
    assert "does not go on" not in told
    before = size(old)
    assert signs(old, EMBEDDED_DATABASE=True) > before


def test_a_database_that_other_tools_put_back(old: House, new: House) -> None:
    """A copy of an older state, made by PostgreSQL itself, on a machine that knows nothing else."""
    new.become_as(old)
    assert "Noted" in new.manage("restore", "--by-other-means", "--reason", "the disk was lost")
    stays_as_it_is(new, "restored from a backup")
    new.manage("restore", "--continue", "here")
    assert signs(new) > size(old)


def test_a_note_that_can_not_be_read_stops_it(old: House) -> None:
    written(old)
    signs(old)
    (old.var / "log" / "published").write_text("{")
    stays_as_it_is(old, "can't be read")


# --- the ways on ----------------------------------------------------------------------------------
def lived_on(house: House) -> None:
    """After the backup: a submission, entries, and a submission that is stored but not in the log yet."""
    house.live(morning=1, entries=600)
    written(house)
    signs(house)


@pytest.mark.parametrize("form", ["zip", "folder"])
def test_an_export_brings_the_missing_entries(
    old: House, new: House, archive: Path, tmp_path: Path, form: str
) -> None:
    lived_on(old)
    at, export = size(old), old.export(tmp_path / "export.zip")
    if form == "folder":
        with zipfile.ZipFile(export) as packed:
            packed.extractall(tmp_path / "export")
        export = tmp_path / "export"
    with old.inside():
        leaves = {each.pk: bytes(each.leaf) for each in Entry.objects.all()}
    keep_the_folder(old, new)
    told = new.manage("restore", archive, "--continue", export)
    assert f"has {at:,} entries again" in told and "does not go on" not in told
    assert "2 submissions came after the backup" in told
    assert size(new) == at
    written(new)
    assert signs(new) > at
    report = new.verified(tmp_path)
    assert report.ok, report.findings
    with new.inside():
        assert all(bytes(each.leaf) == leaves[each.pk] for each in Entry.objects.filter(pk__in=leaves))
        assert Entry.objects.filter(pk__in=leaves).count() >= at
        said = Entry.objects.get(action="log.continued").detail
        assert (said["bodies"], said["after"]) == (2, at)
        assert Submission.objects.count() == 2
    # what came back is searched by its columns again
    for column in ("occurred_at", "recorded_at", "actor_type", "actor_id", "action", "targets", "outcome"):
        asked = (
            f"SELECT id, {column} FROM governance_entry WHERE action IN ('page.read', 'submission.received')"
            " ORDER BY id LIMIT 900"
        )
        assert new.rows(asked) == old.rows(asked)
    new.live(morning=2)
    assert new.verified(tmp_path).ok


def keep_the_folder(old: House, new: House) -> None:
    """Bring over from the old machine what it noted last."""
    (new.var / "log" / "published").write_bytes((old.var / "log" / "published").read_bytes())


def test_submissions_that_the_log_had_pulled_are_not_pulled_twice(
    old: House, new: House, tmp_path: Path
) -> None:
    """The backup has the submission, the log of the backup doesn't yet, the export does."""
    from tests.lineage.stories import declared, send

    with old.inside():
        send(declared("raw", "late", 5))
    file = tmp_path / "archive.zip"
    written(old, 2)
    old.manage("backup", file)
    lived_on(old)
    export = old.export(tmp_path / "export.zip")
    new.manage("restore", file, "--continue", export)
    assert signs(new) > size(old)
    with new.inside():
        assert Submission.objects.count() == 3
    assert new.rows("SELECT count(*) FROM governance_waiting") == [(0,)]
    assert new.verified(tmp_path).ok


def test_an_export_that_does_not_verify_brings_nothing(
    old: House, new: House, archive: Path, tmp_path: Path
) -> None:
    lived_on(old)
    export = old.export(tmp_path / "export.zip")
    with zipfile.ZipFile(export) as packed:
        packed.extractall(tmp_path / "export")
    bundle = tmp_path / "export" / "tile" / "entries" / "002"
    content = bundle.read_bytes()
    bundle.write_bytes(content.replace(b'"number":2', b'"number":3', 1))
    assert bundle.read_bytes() != content
    with pytest.raises(CommandError, match="does not verify, so nothing is taken from it"):
        new.manage("restore", archive, "--continue", tmp_path / "export")
    at = size(new)
    stays_as_it_is(new, "restored from a backup")
    # a fork of the same log, signed with its own key, is no export of it either
    new.manage("restore", "--continue", "here")
    written(new)
    signs(new)
    with pytest.raises(CommandError, match="does not verify"):
        new.manage("restore", "--continue", export)
    assert size(new) > at


def test_an_export_that_is_not_ahead_is_said(old: House, archive: Path, new: House, tmp_path: Path) -> None:
    export = old.export(tmp_path / "export.zip")
    with pytest.raises(CommandError, match="nothing in it to go on with"):
        new.manage("restore", archive, "--continue", export)


def test_a_new_log_cites_the_old_one(old: House, new: House, archive: Path, tmp_path: Path) -> None:
    lived_on(old)
    at = size(old)
    keep_the_folder(old, new)
    new.manage("restore", archive)
    stays_as_it_is(new, "the database is older")
    with pytest.raises(CommandError, match="LOG_ORIGIN"):
        new.manage("restore", "--continue", "new")
    origin = "log.example/2"
    keys = {"LOG_ORIGIN": origin, "LOG_KEY": new_key(origin)}
    assert origin in new.manage("restore", "--continue", "new", "--reason", "the disk was lost", **keys)
    assert signs(new, **keys) > 3
    with new.inside(**keys):
        older, newer = Log.objects.order_by("id")
        first = Entry.objects.get(place__log=newer, place__index=0)
        assert (first.action, first.reason) == ("log.begun", "the disk was lost")
        assert first.detail["cites"]["origin"] == older.origin
        assert first.detail["cites"]["size"] == at, "the last that is known, not the last that is left"
        assert head_of(older).size < at  # type: ignore[union-attr]
    written(new)
    signs(new, **keys)


def test_a_digest_of_a_subject_is_the_same_after_a_restore(old: House, new: House, archive: Path) -> None:
    with old.inside():
        before = seal("user:1", {})["subject"]
    new.manage("restore", archive)
    with new.inside():
        assert seal("user:1", {})["subject"] == before
