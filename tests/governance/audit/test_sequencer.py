"""The sequencer over real PostgreSQL: what it puts where, and what it refuses."""

import hashlib
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction

from factory.kit.bulk import fetch
from factory.kit.ids import new_id
from factory.kit.recording import SYSTEM, record
from governance.audit.models import Checkpoint, Entry, Log, Place, Tile
from governance.audit.sequencer import Refused, Sequencer
from governance.audit.signing.keys import signers
from governance.audit.store import Missing, NotYet, current_log, head_of, reader, receipt, signed_note
from governance.audit.tlog.checkpoint import open_checkpoint
from governance.audit.tlog.export import files_of, write_directory
from governance.audit.tlog.merkle import leaf_hash
from governance.audit.verify.asked import Trust
from governance.audit.verify.check import verify
from governance.audit.verify.stores import Directory
from lineage.intake.models import Submission
from tests.lineage.stories import declared, send


def act(count: int = 1) -> list[UUID]:
    return [record("page.read", actor=SYSTEM, detail={"number": number}) for number in range(count)]


def head() -> tuple[Log, Checkpoint]:
    log = current_log()
    assert log is not None
    newest = head_of(log)
    assert newest is not None
    return log, newest


def places() -> list[tuple[int, UUID]]:
    return list(Place.objects.order_by("index").values_list("index", "entry_id"))


@pytest.mark.django_db
def test_entries_get_contiguous_places_in_their_order() -> None:
    sequencer = Sequencer()
    first = act(3)
    assert sequencer.round() == 3
    second = act(300)
    assert sequencer.round() == 300 and sequencer.round() == 0
    assert places() == list(enumerate([*first, *second]))
    log, newest = head()
    checkpoint, note = open_checkpoint(signed_note(newest), [signers()[0].key])
    assert (checkpoint.origin, checkpoint.size) == (log.origin, 303) and note.signatures
    assert not fetch("SELECT 1 FROM governance_waiting")


@pytest.mark.django_db
def test_an_empty_log_is_signed_too() -> None:
    assert Sequencer().round() == 0
    assert head()[1].size == 0


@pytest.mark.django_db
def test_every_submission_is_in_the_log_by_its_digest() -> None:
    send(declared("applicants", "1", 0))
    sequencer = Sequencer()
    sequencer.round()
    send(declared("applicants", "2", 1))
    sequencer.round()
    sequencer.round()
    for submission in Submission.objects.all():
        entry = Entry.objects.get(pk=submission.pk)
        assert entry.action == "submission.received" and entry.actor_id == submission.source
        assert entry.detail["sha256"] == bytes(submission.sha256).hex()
        assert entry.targets == [f"submission:{submission.pk}"]
    assert len(places()) == 2


@pytest.mark.django_db
def test_the_log_verifies_and_gives_receipts(tmp_path: Path) -> None:
    sequencer = Sequencer()
    written = []
    for count in (1, 255, 1, 257, 90):
        written += act(count)
        sequencer.round()
    log, newest = head()
    write_directory(tmp_path, files_of(signed_note(newest), newest.size, reader(log)))
    key = signers()[0].key
    report = verify(Directory(tmp_path), Trust((key,)))
    assert report.ok, report.findings
    for index in (0, 255, 256, 600, 603):
        proof = receipt(written[index])
        entry = Entry.objects.get(pk=written[index])
        assert proof.index == index
        assert proof.verify(leaf_hash(bytes(entry.leaf)), [key]).size == 604


@pytest.mark.django_db
def test_a_receipt_may_not_be_there_yet_or_never() -> None:
    [entry] = act()
    with pytest.raises(NotYet):
        receipt(entry)
    with pytest.raises(Missing):
        receipt(new_id())


@pytest.mark.django_db
def test_a_place_that_is_given_meanwhile_is_no_pruning() -> None:
    """The sequencer commits between any two of the receipt's questions."""
    for before in range(4):
        send(declared("applicants", str(before), before))
        submission = Submission.objects.latest("number").pk
        asked = 0

        def ask(execute: Any, *arguments: Any, before: int = before) -> Any:
            nonlocal asked
            asked += 1
            if asked == before + 1:
                Sequencer().round()
            return execute(*arguments)

        with connection.execute_wrapper(ask), suppress(NotYet):
            assert receipt(submission).index == before


@pytest.mark.django_db
def test_partial_tiles_are_prefixes_of_one_row() -> None:
    sequencer = Sequencer()
    for count in (5, 260):
        act(count)
        sequencer.round()
    assert list(Tile.objects.order_by("level", "number").values_list("level", "number")) == [
        (0, 0),
        (0, 1),
        (1, 0),
    ]
    assert len(bytes(Tile.objects.get(level=0, number=1).data)) == 9 * 32


@pytest.mark.django_db
def test_another_tree_is_never_signed_over_the_same_log() -> None:
    act(3)
    Sequencer().round()
    tile = Tile.objects.get(level=0)
    changed = hashlib.sha256(b"").digest() + bytes(tile.data)[32:]
    Tile.objects.filter(level=0).update(data=changed)
    act()
    with pytest.raises(Refused, match="were changed"):
        Sequencer().round()
    assert len(places()) == 3


@pytest.mark.django_db
def test_a_submission_whose_entry_is_there_already_is_not_taken_again() -> None:
    send(declared("applicants", "1", 0))
    Sequencer().round()
    Checkpoint.objects.update(pulled=0)
    assert Sequencer().round() == 0 and head()[1].pulled > 0
    Checkpoint.objects.update(pulled=0)
    send(declared("applicants", "2", 1))
    assert Sequencer().round() == 1
    assert [entry for _, entry in places()] == list(
        Submission.objects.order_by("number").values_list("pk", flat=True)
    )
    newest = Submission.objects.order_by("number").last()
    assert newest is not None and head()[1].pulled == newest.number


@pytest.mark.django_db
def test_a_log_without_its_tiles_is_refused_in_words() -> None:
    act(3)
    Sequencer().round()
    for damage in ("UPDATE governance_tile SET data = 'x'", "DELETE FROM governance_tile"):
        connection.cursor().execute(damage)
        with pytest.raises(Refused, match="were changed"):
            Sequencer().round()


@pytest.mark.django_db
def test_a_database_that_was_exchanged_for_an_older_one_is_checked_again() -> None:
    seen: list[int] = []
    sequencer = Sequencer(checks=[lambda log, newest: seen.append(newest.size if newest else 0)])
    act(3)
    sequencer.round()
    with transaction.atomic():
        act(2)
        sequencer.round()
        transaction.set_rollback(True)
    sequencer.round()
    assert seen == [0, 3]


@pytest.mark.django_db
def test_a_check_that_refuses_keeps_everything_waiting() -> None:
    def refuse(*_: Any) -> None:
        raise Refused("behind")

    told: list[int] = []
    act(2)
    sequencer = Sequencer(checks=[refuse], signed=[lambda log, newest: told.append(newest.size)])
    for _ in range(2):
        with pytest.raises(Refused):
            sequencer.round()
    assert fetch("SELECT count(*) FROM governance_waiting") == [(2,)] and not told
    Sequencer(signed=[lambda log, newest: told.append(newest.size)]).round()
    assert told == [2]


@pytest.mark.django_db
@pytest.mark.parametrize("table", ["entry", "place"])
def test_the_database_refuses_to_change_the_log(table: str) -> None:
    act()
    Sequencer().round()
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        connection.cursor().execute(f"DELETE FROM governance_{table}")


@pytest.mark.django_db(transaction=True)
def test_many_sequencers_and_late_commits_leave_no_gap_and_nothing_twice() -> None:
    """Writers commit in another order than they began, while three sequencers work at once."""
    stop = Event()
    written: list[UUID] = []

    def sequence() -> None:
        Sequencer().run(stop)
        connection.close()

    def write() -> None:
        for number in range(40):
            with transaction.atomic():
                mine = act(1 + number % 3)
                fetch("SELECT pg_sleep(%s)", [0.001 * (number % 7)])
                if number % 10 == 9:
                    transaction.set_rollback(True)
                else:
                    written.extend(mine)
        connection.close()

    sequencers = [Thread(target=sequence) for _ in range(3)]
    writers = [Thread(target=write) for _ in range(4)]
    for thread in sequencers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in sequencers:
        thread.join()
    Sequencer().round()
    found = places()
    assert [index for index, _ in found] == list(range(len(written)))
    assert {entry for _, entry in found} == set(written) and len(found) == len(set(written))
