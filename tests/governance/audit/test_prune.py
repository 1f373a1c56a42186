"""Pruning over real PostgreSQL: what goes, what stays, and in which order."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from factory.archive.standing_aside import triggers_stand_aside
from factory.kit.bulk import fetch
from factory.kit.recording import CONSOLE
from governance.audit.append import append
from governance.audit.models import Entry, Place, Tile
from governance.audit.retention import holds
from governance.audit.retention import prune as pruning_module
from governance.audit.retention.models import Pruning, Scope, Snapshot, Stage
from governance.audit.retention.plan import first_index
from governance.audit.retention.prune import NotPublished, work_on
from governance.audit.retention.snapshot import (
    BadSnapshot,
    changed_since,
    digest_of,
    load,
    make,
    open_file,
    path_of,
    take_away,
)
from governance.audit.sequencer import Sequencer
from governance.audit.signing.keys import verifier_keys
from governance.audit.store import Pruned, published, reader, receipt, signed_note
from governance.audit.tlog.export import files_of, write_directory
from governance.audit.tlog.merkle import leaf_hash
from governance.audit.tlog.tiles import ENTRIES
from governance.audit.tlog.tiles import Tile as TileAt
from governance.audit.verify.asked import Trust
from governance.audit.verify.check import verify
from governance.audit.verify.stores import Directory
from lineage.intake.models import BodyKey, Submission
from lineage.intake.rebuild import rebuild
from lineage.intake.vault import BodyDestroyed, open_body
from tests import personas
from tests.governance.audit.pruned import (
    acts,
    asked,
    empty_queue,
    kept_for,
    prune,
    submissions,
    the_log,
    verified,
)
from tests.lineage.intake.test_any_order import tables

pytestmark = pytest.mark.django_db(transaction=True)
#: All of the record, as `load` has to bring it back.
FACTS = ("submission", "reading", "node", "statement", "claimfact", "edgefact", "usage")


@pytest.fixture(autouse=True)
def _small_batches(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any
) -> Iterator[None]:
    settings.VAR = tmp_path
    monkeypatch.setattr(pruning_module, "BATCH", 256)
    with empty_queue():
        yield


def indexes() -> list[int]:
    return list(Place.objects.order_by("index").values_list("index", flat=True))


def test_the_beginning_goes_and_what_is_left_is_proved(tmp_path: Path) -> None:
    kept_for(6)
    old = acts(300)
    acts(300)
    young = acts(100, days_ago=-150)
    done = prune(asked(after=timedelta(days=200)))
    assert (done.stage, done.first_index, done.minimum_index) == (Stage.DONE, 0, 512)
    # Those of the test, of the presets, and the one that says that the log is pruned.
    assert indexes() == list(range(512, 300 + 300 + 100 + 4 + 1))
    assert not Entry.objects.filter(pk__in=[act.id for act in old]).exists()
    report = verified()
    assert report.ok, report.findings
    assert report.pruned is not None and report.pruned.minimum_index == 512
    log = the_log()
    for gone in (TileAt(0, 0), TileAt(0, 1), TileAt(ENTRIES, 1)):
        with pytest.raises(Pruned, match="pruned below index 512"):
            reader(log)(gone)
    assert not Tile.objects.filter(level=0, number__lt=2).exists()
    export = tmp_path / "export"
    files = files_of(signed_note(head), head.size, reader(log), start=512) if (head := published(log)) else ()
    write_directory(export, files)
    report = verify(Directory(export), Trust(verifier_keys(log)))
    assert report.ok and report.entries_checked == 705 - 512, report.findings
    proof = receipt(young[0].id)
    assert proof.verify(leaf_hash(bytes(Entry.objects.get(pk=young[0].id).leaf)), verifier_keys(log))


def test_nothing_goes_until_somebody_decides() -> None:
    acts(600, days_ago=3000)
    done = prune()
    assert done.stage == Stage.DONE and done.minimum_index == done.first_index == 0
    assert "for ever by the class Everything else" in done.kept_by
    assert not Snapshot.objects.exists() and not Entry.objects.filter(action="log.pruned").exists()


def test_a_trial_changes_nothing() -> None:
    kept_for(6)
    acts(600)
    before = indexes()
    done = prune(asked(trial=True))
    assert done.minimum_index == 512 and indexes() == before and not Snapshot.objects.exists()


def test_rebuilding_after_pruning_gives_the_same_state() -> None:
    kept_for(6)
    submissions(230)
    acts(60)
    before, kept = tables(), Submission.objects.count()
    done = prune()
    assert done.minimum_index == 256 and tables() == before
    rebuild()
    assert tables() == before and Submission.objects.count() == kept
    gone = Submission.objects.exclude(pk__in=Place.objects.values("entry_id"))
    assert gone.count() > 200 and {bytes(body) for body in gone.values_list("body", flat=True)} == {b""}
    assert not BodyKey.objects.filter(submission__in=gone).exists()
    with pytest.raises(BodyDestroyed):
        open_body(gone[0])
    with pytest.raises(Pruned):
        receipt(gone[0].pk)
    assert open_body(Submission.objects.latest("number"))
    submissions(20, start=230)
    after = tables()
    rebuild()
    assert tables() == after


def test_the_snapshot_is_signed_and_its_digest_is_in_the_log() -> None:
    kept_for(6)
    submissions(260)
    done = prune()
    entry = Entry.objects.get(action="log.pruned", pk=str(done.entry_id))
    assert done.snapshot is not None
    assert entry.detail["minimum_index"] == done.minimum_index
    assert entry.detail["snapshot"] == digest_of(bytes(done.snapshot.manifest))
    keys, path = verifier_keys(the_log()), path_of(done.snapshot.pk)
    manifest = open_file(path, keys)
    assert manifest.minimum_index == done.minimum_index and manifest.origin == the_log().origin
    assert changed_since(done.snapshot) == []
    with pytest.raises(BadSnapshot, match="not signed"):
        open_file(path, ())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BadSnapshot):
        open_file(path, keys)
    assert take_away(done.snapshot) and not take_away(done.snapshot)


def test_a_changed_fact_is_told_from_the_snapshot() -> None:
    kept_for(6)
    submissions(30)
    made = make(the_log(), 0)
    submissions(10, start=30)
    assert changed_since(made) == []
    with transaction.atomic(), triggers_stand_aside(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE lineage_statement SET asserter = 'eve' WHERE id = (SELECT min(id) FROM lineage_statement)"
        )
    assert changed_since(made) == ["lineage_statement"]


def test_an_empty_database_starts_from_the_snapshot() -> None:
    kept_for(6)
    submissions(60)
    before, path = tables(), path_of((made := make(the_log(), 0)).pk)
    made.save()
    with connection.cursor() as cursor:
        for name in (*FACTS, "nodestate", "edge", "retracted", "bodykey"):
            cursor.execute(f"TRUNCATE lineage_{name} CASCADE")
    keys = verifier_keys(the_log())
    assert load(path, keys) > 200 and load(path, keys) == 0
    rebuild()
    assert tables() == before
    submissions(10, start=60)
    assert Submission.objects.count() == len(set(Submission.objects.values_list("number", flat=True)))


def test_other_rows_than_the_snapshots_are_not_mixed_with_it() -> None:
    submissions(10)
    made = make(the_log(), 0)
    made.save()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE lineage_statement")
    submissions(3, start=100)
    before = fetch("SELECT count(*) FROM lineage_statement")
    with transaction.atomic(), triggers_stand_aside(), connection.cursor() as cursor:
        cursor.execute("UPDATE lineage_statement SET id = id - (SELECT min(id) - 1 FROM lineage_statement)")
    with pytest.raises(BadSnapshot, match="other rows"):
        load(path_of(made.pk), verifier_keys(the_log()))
    assert fetch("SELECT count(*) FROM lineage_statement") == before


# --- what the database lets through ---------------------------------------------------------------
def test_the_database_prunes_only_what_a_signed_entry_says() -> None:
    acts(600)
    log = the_log()

    def delete(minimum: int) -> int:
        return fetch("SELECT governance_prune(%s::smallint, %s, 1000)", [log.pk, minimum])[0][0]

    with pytest.raises(DatabaseError, match="no entry that is signed"), transaction.atomic():
        delete(256)
    with transaction.atomic():
        append("log.pruned", actor=CONSOLE, detail={"minimum_index": 256})
    with pytest.raises(DatabaseError, match="no entry that is signed"), transaction.atomic():
        delete(256)
    Sequencer().round()
    with pytest.raises(DatabaseError, match="no entry that is signed"), transaction.atomic():
        delete(512)
    with transaction.atomic():
        assert delete(256) == 256 and delete(256) == 0
        for table in ("entry", "place"):
            with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
                fetch(f"DELETE FROM governance_{table} RETURNING 1")
    assert first_index(log) == 256


def test_nothing_is_deleted_before_the_log_says_so_in_public(monkeypatch: pytest.MonkeyPatch) -> None:
    kept_for(6)
    acts(600)
    monkeypatch.setattr(pruning_module, "PATIENCE", 0.0)
    with pytest.raises(NotPublished):
        work_on(asked(), lambda done, total: None)
    assert first_index(the_log()) == 0 and Pruning.objects.get().stage == Stage.PUBLISHING


# --- holds ----------------------------------------------------------------------------------------
def test_a_hold_stops_pruning_at_the_first_entry_that_it_covers() -> None:
    kept_for(6)
    acts(300)
    submissions(1)
    acts(300)
    hold = holds.place(Scope.NODE, node="dataset:lake/raw0", reason="x")
    done = prune()
    assert done.minimum_index == 256 and f"legal hold: {hold}" in done.kept_by
    holds.lift(hold, reason="over")
    assert prune().minimum_index == 512


def test_a_hold_that_is_placed_meanwhile_stops_it_too() -> None:
    kept_for(6)
    acts(600)
    acts(200, action="release.approved", targets=("dataset:lake/raw0",))
    acts(500)

    def place_one(done: int, total: int) -> None:
        if first_index(the_log()) and not holds.standing():
            holds.place(Scope.NODE, node="dataset:lake/raw0", reason="x")

    done = prune(progress=place_one)
    assert first_index(the_log()) == 512 and "meanwhile" in done.kept_by
    assert (done.minimum_index or 0) > 1000
    report = verified()
    assert report.ok, report.findings


# --- crashes --------------------------------------------------------------------------------------
class Killed(Exception):
    pass


@pytest.mark.parametrize("point", range(0, 26, 3))
def test_whoever_is_killed_is_taken_up_where_they_stopped(point: int) -> None:
    kept_for(6)
    submissions(200)
    acts(400)
    state, left = tables(), point
    pruning = asked()

    def killed(done: int, total: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed

    try:
        prune(pruning, killed)
    except Killed:
        Sequencer().round()
        minimum = 512
        assert [index for index in indexes() if index >= minimum] == list(range(minimum, max(indexes()) + 1))
        assert (report := verified()).ok, (report.findings, report.pruned, report.unchecked, indexes()[:2])
    done = prune(Pruning.objects.get(pk=pruning.pk))
    assert done.stage == Stage.DONE and first_index(the_log()) == 512 == done.minimum_index
    assert Entry.objects.filter(action="log.pruned").count() == 1 == Snapshot.objects.count()
    assert tables() == state
    report = verified()
    assert report.ok, (report.findings, report.pruned, report.unchecked, indexes()[:2])
    assert {path.name for path in path_of(done.pk).parent.iterdir()} == {f"{done.snapshot_id}.zip"}


# --- over HTTP ------------------------------------------------------------------------------------
def test_what_is_pruned_is_gone_and_says_so(client: Client) -> None:
    kept_for(6)
    submissions(230)
    acts(60)
    prune()
    client.force_login(personas.dave())
    for address in ("/tlog/tile/0/000", "/tlog/tile/entries/000"):
        answer = client.get(address)
        assert answer.status_code == 410 and "pruned below index 256" in answer.json()["detail"]
    assert client.get("/tlog/tile/entries/999").status_code == 404
    gone = Submission.objects.exclude(pk__in=Place.objects.values("entry_id"))[0]
    assert client.get(f"/tlog/receipt/{gone.pk}").status_code == 410
    assert client.get(f"/submission/{gone.pk}/").status_code == 200
    assert client.get("/log/export/").status_code == 200
