"""Checkpoints of the real log before real witnesses: what is collected, published, and refused."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from factory.kit.recording import SYSTEM, record
from governance.audit import witnessed, witnessing
from governance.audit.models import Checkpoint, Cosignature, Log
from governance.audit.sequencer import Refused, Sequencer
from governance.audit.signing.keys import signers
from governance.audit.store import NotYet, current_log, head_of, published, reader, receipt, signed_note
from governance.audit.tlog.checkpoint import Checkpoint as Head
from governance.audit.tlog.checkpoint import open_checkpoint
from governance.audit.tlog.edge import Edge
from governance.audit.tlog.merkle import EMPTY_ROOT
from governance.audit.tlog.notes import Ed25519Signer, Signer, VerifierKey
from governance.audit.tlog.policy import Policy
from governance.audit.tlog.tiles import Tile
from governance.audit.tlog.tree import TiledTree
from governance.audit.witness import ask
from governance.audit.witness.ask import Witness
from governance.audit.witnessing import Witnessing
from tests.governance.audit.tlog.logs import Log as OtherLog
from tests.governance.audit.tlog.logs import entry, signer
from tests.governance.audit.witness.witnesses import (
    WITNESS,
    Program,
    answering,
    http,
    served,
)

SECOND = signer("witness.test/2", cosigner=True)
THIRD = signer("witness.test/3", cosigner=True)


@pytest.fixture(autouse=True)
def nothing_is_remembered() -> Iterator[None]:
    witnessed._known.clear()
    yield
    witnessed._known.clear()


@pytest.fixture
def one(tmp_path: Path, settings: Settings) -> Iterator[Witness]:
    """A witness, and a policy that takes it."""
    with served(tmp_path / "one", signers()[0].key) as witness:
        settings.WITNESS_POLICY = policy(("one", witness.key, witness.url), quorum="one")
        yield witness


def policy(*witnesses: tuple[str, VerifierKey, str], quorum: str, group: str = "") -> Policy:
    lines = [f"witness {name} {key} {url}" for name, key, url in witnesses]
    return Policy.parse("\n".join([*lines, group, f"quorum {quorum}", ""]).encode())


def grown(count: int = 1) -> tuple[Log, Checkpoint]:
    """Put `count` entries into the log."""
    for number in range(count):
        record("page.read", actor=SYSTEM, detail={"number": number})
    Sequencer().round()
    current = current_log()
    assert current is not None
    head = head_of(current)
    assert head is not None
    return current, head


def held() -> Ed25519Signer:
    """The key of the log, in the hands of somebody who writes another history."""
    key = signers()[0]
    assert isinstance(key, Ed25519Signer)
    return key


def here() -> Witnessing:
    found = witnessing.from_settings()
    assert found is not None
    return found


def wait_until(true: Callable[[], object]) -> None:
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.05)


@pytest.mark.django_db
def test_what_enough_witnesses_have_cosigned_is_published(one: Witness) -> None:
    asking = here()
    current, first = grown(3)
    assert published(current) is None
    assert not asking.collect(current, first)
    assert published(current) == first
    _, second = grown(300)
    assert published(current) == first, "the newest that meets the policy"
    assert (witnessed.is_witnessed(first), witnessed.is_witnessed(second)) == (True, False)
    asking.collect(current, second)
    assert published(current) == second
    note = open_checkpoint(signed_note(second), [signers()[0].key])[1]
    assert "one" in here()._policy.cosigned(note), "the cosignature stands under the checkpoint as served"
    asking.collect(current, second)
    assert Cosignature.objects.count() == 2


@pytest.mark.django_db
def test_without_a_policy_the_newest_is_published(settings: Settings) -> None:
    settings.WITNESS_POLICY = None
    current, head = grown()
    assert published(current) == head
    assert witnessing.from_settings() is None
    assert witnessed.is_witnessed(head)


@pytest.mark.django_db
def test_receipts_wait_for_the_witness(one: Witness) -> None:
    known = record("page.read", actor=SYSTEM)
    current, head = grown()
    with pytest.raises(NotYet):
        receipt(known)
    here().collect(current, head)
    assert here()._policy.cosigned(open_checkpoint(receipt(known).checkpoint, [signers()[0].key])[1])


@pytest.mark.django_db
def test_a_quorum_of_several(tmp_path: Path, settings: Settings) -> None:
    """One is down, one does not know the log, one is slow to begin: two of the four are enough."""
    key = signers()[0].key
    with ExitStack() as stack:
        first = stack.enter_context(served(tmp_path / "1", key))
        second = stack.enter_context(served(tmp_path / "2", key, by=SECOND))
        third = stack.enter_context(served(tmp_path / "3", by=THIRD))
        settings.WITNESS_POLICY = policy(
            ("one", WITNESS.key, first.url),
            ("two", SECOND.key, second.url),
            ("three", THIRD.key, third.url),
            ("down", signer("witness.test/4", cosigner=True).key, "http://127.0.0.1:1"),
            group="group enough 2 one two three down",
            quorum="enough",
        )
        asking = here()
        for size in (1, 2, 300):
            current, head = grown(size)
            began = time.monotonic()
            assert not asking.collect(current, head)
            assert time.monotonic() - began < 5
            assert published(current) == head
            assert set(head.cosignatures.values_list("name", flat=True)) == {
                "witness.test/1",
                "witness.test/2",
            }
        known = asking.what_they_know(current, head)
        assert (known["one"].size, known["two"].size) == (head.size, head.size)
        assert "404" in known["three"].problem
        assert "refused" in known["down"].problem.lower()
        asking.check(current, head)  # those that say nothing hold nothing against the log


@pytest.mark.django_db
def test_a_slow_witness_holds_up_nobody_who_can_do_without(tmp_path: Path, settings: Settings) -> None:
    with (
        served(tmp_path / "1", signers()[0].key) as first,
        answering(http(200, b"x" * 50), pause=0.2) as slow,
    ):
        settings.WITNESS_POLICY = policy(
            ("one", WITNESS.key, first.url), ("slow", SECOND.key, slow.url), quorum="one"
        )
        asking = here()
        for _ in range(3):
            current, head = grown()
            began = time.monotonic()
            asking.collect(current, head)
            assert time.monotonic() - began < 2
            assert published(current) == head


@pytest.mark.django_db
def test_a_witness_that_was_away_is_caught_up(one: Witness) -> None:
    current, head = grown(10)
    here().collect(current, head)
    grown(500)
    current, head = grown(500)
    # Another process asks, which reads in the database what the witness cosigned last.
    asking = here()
    asking.collect(current, head)
    assert asking.what_they_know(current, head)["one"].size == 1010
    Cosignature.objects.all().delete()
    current, head = grown()
    asking = here()
    asking.collect(current, head)  # and even without that the witness says what it knows
    assert published(current) == head


@pytest.mark.django_db
def test_an_older_database_is_refused(one: Witness) -> None:
    current, head = grown(10)
    asking = here()
    asking.collect(current, head)
    before = note_of(head)
    _, later = grown(10)
    asking.collect(current, later)
    # A restore brings back the database as it was at 10 entries; the new process knows no more.
    Cosignature.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM governance_checkpoint WHERE size > 10")
    assert note_of(head) == before
    with pytest.raises(Refused) as refusal:
        here().check(current, head)
    said = str(refusal.value)
    assert f"the witness one has cosigned 20 entries of the log {current.origin}" in said
    assert "this database has 10" in said
    assert "It shows a checkpoint of 20 entries, signed with our key" in said
    sequencer = Sequencer(checks=[here().check])
    record("page.read", actor=SYSTEM)
    with pytest.raises(Refused):
        sequencer.round()
    assert head_of(current) == head, "nothing was signed"


def note_of(checkpoint: Checkpoint) -> str:
    return Checkpoint.objects.get(pk=checkpoint.pk).note


@pytest.mark.django_db
def test_a_lost_database_is_refused(one: Witness) -> None:
    key = held()
    ask.add_checkpoint(one, 0, (), OtherLog(key).grow(*map(entry, range(5))).checkpoint().sign(key))
    with pytest.raises(Refused, match="has cosigned 5 entries"):
        Sequencer(checks=[here().check]).round()
    assert not Checkpoint.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("size", [5, 10])
def test_a_forged_history_is_refused(one: Witness, size: int) -> None:
    """The witness saw another beginning of the log, signed with the same key."""
    key = held()
    other = OtherLog(key).grow(*map(entry, range(size)))
    ask.add_checkpoint(one, 0, (), other.checkpoint().sign(key))
    current, head = grown(10)
    with pytest.raises(Refused, match=f"has cosigned other {size} entries") as refusal:
        here().check(current, head)
    assert f"It shows a checkpoint of {size} entries, signed with our key" in str(refusal.value)
    assert here().collect(current, head), "and the loop beside the sequencer notices, too"
    assert published(current) is None


@pytest.mark.django_db
def test_a_fork_is_not_forgotten_because_the_witness_falls_silent(tmp_path: Path, settings: Settings) -> None:
    with served(tmp_path, signers()[0].key) as witness:
        settings.WITNESS_POLICY = policy(("one", witness.key, witness.url), quorum="one")
        other = OtherLog(held()).grow(*map(entry, range(20)))
        ask.add_checkpoint(witness, 0, (), other.checkpoint().sign(held()))
        current, head = grown(10)
        asking = here()
        assert asking.collect(current, head)
    with pytest.raises(Refused, match="has cosigned 20 entries"):
        asking.check(current, head)


@pytest.mark.django_db
def test_a_new_log_before_a_witness_that_has_seen_nothing(one: Witness) -> None:
    assert Sequencer(checks=[here().check]).round() == 0
    current, head = grown(3)
    asking = here()
    asking.check(current, head)
    assert published(current) == head, "the check has it cosigned"
    shown = ask.newest(one, current.origin)
    assert shown is not None
    assert Head.parse(shown.text).size == 3


@pytest.mark.django_db
def test_a_witness_that_claims_what_it_can_not_show(settings: Settings) -> None:
    with answering(http(409, b"1000000\n", "text/x.tlog.size")) as liar:
        settings.WITNESS_POLICY = policy(("liar", WITNESS.key, liar.url), quorum="liar")
        current, head = grown()
        with pytest.raises(Refused, match=r"It shows no checkpoint.* take it out of WITNESS_POLICY"):
            here().check(current, head)


@pytest.mark.django_db
def test_tiles_that_are_gone_stop_neither_the_others_nor_the_sequencer(one: Witness) -> None:
    current, head = grown(10)
    here().collect(current, head)
    current, head = grown(10)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM governance_tile")
    asking = here()
    asking.check(current, head)
    assert "no proof can be made from the 10 entries" in asking.what_they_know(current, head)["one"].problem


@pytest.mark.django_db
def test_who_has_cosigned_what(one: Witness, settings: Settings) -> None:
    current, head = grown(3)
    here().collect(current, head)
    settings.WITNESS_POLICY = policy(
        ("one", one.key, one.url), ("absent", SECOND.key, "http://127.0.0.1:1"), quorum="one"
    )
    present, absent = witnessed.attendance(current)
    assert (present.name, present.size, present.url) == ("one", 3, one.url)
    assert present.at is not None
    assert (absent.size, absent.at) == (None, None)


@pytest.mark.django_db
def test_what_was_published_stays_published_however_long_a_witness_is_away(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries
) -> None:
    """Many checkpoints with one of the two cosignatures that it takes."""
    monkeypatch.setattr(witnessed, "_WINDOW", 500)
    monkeypatch.setattr(witnessed, "_OVERLAP", 200)
    settings.WITNESS_POLICY = policy(
        ("one", WITNESS.key, "http://one"),
        ("two", SECOND.key, "http://two"),
        group="group both all one two",
        quorum="both",
    )
    current, head = grown()
    cosign_all([head], WITNESS.key, SECOND.key)
    fake = [
        Checkpoint(log=current, size=size, root=EMPTY_ROOT, note="", signed_at=head.signed_at)
        for size in range(2, 2_500)
    ]
    cosign_all(Checkpoint.objects.bulk_create(fake), WITNESS.key)
    assert published(current) == head
    with django_assert_max_num_queries(2):
        began = time.monotonic()
        assert published(current) == head
    assert time.monotonic() - began < 0.1
    # The other cosignature for a recent one comes late, and is seen.
    late = Checkpoint.objects.get(size=2_400)
    cosign_all([late], SECOND.key)
    assert published(current) == late
    witnessed._known.clear()
    with django_assert_max_num_queries(3):
        assert published(current) == late, "as a new process sees it, which doesn't read all of them"


def cosign_all(checkpoints: list[Checkpoint], *keys: VerifierKey) -> None:
    Cosignature.objects.bulk_create(
        Cosignature(checkpoint=each, name=key.name, key_id=key.key_id, line="", at=each.signed_at)
        for each in checkpoints
        for key in keys
    )


@pytest.mark.django_db(transaction=True)
def test_the_sequencer_and_a_witness_of_its_own(tmp_path: Path, settings: Settings) -> None:
    """All of it: two threads, a program, a kill, and a forged history that the witness has seen."""
    program = Program(tmp_path, signers()[0].key)
    settings.WITNESS_POLICY = policy(("one", WITNESS.key, program.witness.url), quorum="one")
    asking, stop = here(), Event()
    sequencer = Sequencer(checks=[asking.check], signed=[asking.signed])
    rung: list[bool] = []

    def alarm() -> None:
        rung.append(True)
        sequencer.check_again()

    def sequence() -> None:
        sequencer.run(stop)
        connection.close()

    threads = [Thread(target=sequence), Thread(target=asking.run, args=(stop, alarm))]
    for thread in threads:
        thread.start()
    try:
        wait_until(is_begun)
        current = current_log()
        assert current is not None
        record_committed(5)
        wait_until(lambda: size_published(current) == 5)
        program.kill()
        record_committed(5)
        wait_until(lambda: size_signed(current) == 10)
        assert size_published(current) == 5, "signing goes on, publishing waits"
        program.start()
        wait_until(lambda: size_published(current) == 10)
        # Somebody who holds the key shows the witness another continuation.
        key = signers()[0]
        record_committed(1)
        wait_until(lambda: size_published(current) == 11)
        forge(program.witness, current, key)
        record_committed(1)
        wait_until(lambda: rung)
        size = size_signed(current)
        record_committed(1)
        time.sleep(1)
        assert size_signed(current) == size, "nothing more is signed"
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=30)
        program.kill()


def is_begun() -> bool:
    current = current_log()
    return current is not None and published(current) is not None


def forge(witness: Witness, current: Log, key: Signer) -> None:
    """Have the witness cosign five entries that this database doesn't have, after those that it has."""
    size = size_signed(current)
    forged, tiles = Edge.read(size, reader(current)).grown([bytes(32)] * 5)

    def read(tile: Tile) -> bytes:
        return tiles.get(tile) or reader(current)(tile)

    note = Head(current.origin, forged.size, forged.root()).sign(key)
    ask.add_checkpoint(witness, size, TiledTree(forged.size, read).consistency(size), note)


def record_committed(count: int) -> None:
    with transaction.atomic():
        for number in range(count):
            record("page.read", actor=SYSTEM, detail={"number": number})


def size_published(current: Log) -> int:
    found = published(current)
    return found.size if found else 0


def size_signed(current: Log) -> int:
    found = head_of(current)
    return found.size if found else 0
