"""Who signs the log when: the record and LOG_KEY must agree, and a rotation can be followed."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from factory.kit.recording import SYSTEM, record
from governance.audit.models import Checkpoint, Entry, Log, LogKey, Place
from governance.audit.sequencer import Sequencer
from governance.audit.signing.begin_log import CanNotBegin, follow
from governance.audit.signing.keys import published_keys, signers, verifier_keys
from governance.audit.signing.private_keys import BadKey, new_key
from governance.audit.signing.rotate_key import CanNotRotate, rotate
from governance.audit.store import current_log, head_of, reader, receipt
from governance.audit.tlog.checkpoint import open_checkpoint
from governance.audit.tlog.export import files_of, write_directory
from governance.audit.tlog.merkle import leaf_hash
from governance.audit.tlog.notes import Ed25519Signer, NoteError, VerifierKey
from governance.audit.verify.asked import Trust
from governance.audit.verify.check import verify
from governance.audit.verify.stores import Directory
from tests.governance.audit.tokens import PIN, SoftToken, needs_token

pytestmark = pytest.mark.django_db
ORIGIN = "log.bank.example"
Held = Callable[..., None]


@pytest.fixture
def held(settings: Any) -> Held:
    """Put private keys into LOG_KEY, as a start with that setting does."""

    def hold(*private: str) -> None:
        settings.LOG_KEY = "\n".join(private)
        settings.LOG_ORIGIN = ORIGIN

    return hold


@pytest.fixture
def old(held: Held) -> str:
    """The key that the log begins with; it is in LOG_KEY."""
    private = new_key(ORIGIN)
    held(private)
    return private


def public(private: str) -> VerifierKey:
    return Ed25519Signer.parse(private).key


def sequenced(count: int = 1) -> Checkpoint:
    """Write entries, have the sequencer take them, and return the newest checkpoint."""
    for _ in range(count):
        record("page.read", actor=SYSTEM)
    Sequencer().round()
    log = current_log()
    head = head_of(log) if log else None
    assert head is not None
    return head


def signed_by(head: Checkpoint, *private: str) -> bool:
    """Whether the checkpoint is signed by these keys, and by no other."""
    _, note = open_checkpoint(head.note.encode(), [public(each) for each in private])
    return len(note.signatures) == len(private) == len(note.signed_by(map(public, private)))


def test_the_first_log_records_the_key_that_it_begins_with(old: str) -> None:
    assert [signer.key for signer in signers()] == [public(old)]
    head = sequenced()
    assert head.log.origin == ORIGIN and signed_by(head, old)
    assert verifier_keys(head.log) == (public(old),)
    [published] = published_keys(head.log)
    assert published.current and published.until is None


def test_a_rotation_can_be_followed_by_who_knows_the_old_key_alone(
    held: Held, old: str, tmp_path: Path
) -> None:
    sequenced(3)
    new = new_key(ORIGIN)
    held(old, new)
    assert signed_by(sequenced(), old)  # a key in LOG_KEY is not in use yet
    rotate(timedelta())
    both = sequenced()
    assert signed_by(both, new, old)

    # The entry of the act is in the log under the old key's signature, and names the new one.
    [entry] = Entry.objects.filter(action="log.key_rotated")
    proof = receipt(entry.pk)
    assert proof.verify(leaf_hash(bytes(entry.leaf)), [public(old)]).size == both.size
    detail = json.loads(bytes(entry.leaf))["detail"]
    assert (detail["former_key"], detail["key"]) == (str(public(old)), str(public(new)))
    told = VerifierKey.parse(detail["key"])

    # With that key the checkpoints after the overlap are verified.
    alone = sequenced()
    assert signed_by(alone, new)
    with pytest.raises(NoteError, match="no known key"):
        open_checkpoint(alone.note.encode(), [public(old)])
    write_directory(tmp_path, files_of(alone.note.encode(), alone.size, reader(alone.log)))
    older = [("kept by an auditor", both.note.encode())]
    report = verify(Directory(tmp_path), Trust((told,)), older=older)
    assert report.ok, report.findings
    assert verifier_keys(alone.log) == (public(new), public(old))
    held(new)
    assert signed_by(sequenced(), new)


def test_both_sign_to_the_end_of_the_overlap(held: Held, old: str) -> None:
    sequenced()
    new = new_key(ORIGIN)
    held(new, old)  # the order says nothing
    row = rotate(timedelta(days=2))
    assert [signed_by(sequenced(), new, old) for _ in range(3)] == [True] * 3
    current, former = published_keys(row.log)
    assert current.current and current.key == public(new) and current.until is None
    assert former.key == public(old) and former.until == row.former_until
    assert former.until == current.since + timedelta(days=2)
    # Who takes the former key away early cuts the overlap short, and stops nothing.
    held(new)
    assert signed_by(sequenced(), new)


def test_until_it_has_handed_over_the_former_key_must_be_there(held: Held, old: str) -> None:
    sequenced()
    new = new_key(ORIGIN)
    held(old, new)
    rotate(timedelta())
    held(new)
    before = Checkpoint.objects.count()
    with pytest.raises(BadKey, match="has not handed over"):
        sequenced()
    assert Checkpoint.objects.count() == before
    held(new, old)
    assert signed_by(sequenced(), new, old)


def test_a_key_that_was_changed_without_the_act_signs_nothing(held: Held, old: str) -> None:
    head = sequenced()
    held(new_key(ORIGIN))
    with pytest.raises(BadKey, match=r"which LOG_KEY doesn't hold: .* `manage\.py log_key rotate`") as caught:
        sequenced()
    assert public(old).key_id.hex() in str(caught.value) and "\n" not in str(caught.value)
    assert head_of(head.log) == head
    # What was done meanwhile waits, and is signed once the key is back.
    held(old)
    assert sequenced().size == head.size + 2


def test_another_origin_signs_nothing(held: Held, old: str, settings: Any) -> None:
    sequenced()
    settings.LOG_ORIGIN = "other.example"
    with pytest.raises(BadKey, match=r"LOG_ORIGIN is other\.example, but the log is log\.bank\.example"):
        sequenced()


def test_a_log_begins_with_one_key(held: Held) -> None:
    held(new_key(ORIGIN), new_key(ORIGIN))
    with pytest.raises(BadKey, match="begins with one key"):
        sequenced()
    assert not Log.objects.exists()


def test_what_can_not_be_rotated_is_refused(held: Held, old: str) -> None:
    with pytest.raises(CanNotRotate, match="no log yet"):
        rotate()
    sequenced()
    with pytest.raises(CanNotRotate, match="no key that the log has not had"):
        rotate()
    first, second = new_key(ORIGIN), new_key(ORIGIN)
    held(old, first, second)
    with pytest.raises(CanNotRotate, match="more than one key"):
        rotate()
    held(first)
    with pytest.raises(BadKey, match="which LOG_KEY doesn't hold"):
        rotate()
    held(old, first)
    with pytest.raises(CanNotRotate, match="from 0"):
        rotate(timedelta(days=-1))
    assert LogKey.objects.count() == 1 and not Entry.objects.filter(action="log.key_rotated")
    rotate()
    held(old, first, second)
    with pytest.raises(CanNotRotate, match="is the sequencer running"):
        rotate()
    sequenced()
    # Back to a key that was given up, it does not go.
    held(old, first)
    with pytest.raises(CanNotRotate, match="no key that the log has not had"):
        rotate()


def test_rotated_again_and_again(held: Held, old: str) -> None:
    sequenced()
    chain = [old, new_key(ORIGIN), new_key(ORIGIN)]
    for former, new in pairwise(chain):
        held(former, new)
        rotate()
        assert signed_by(sequenced(), new, former)
    log = current_log()
    assert log is not None
    assert verifier_keys(log) == tuple(public(each) for each in reversed(chain))


def test_the_record_of_keys_stays() -> None:
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        connection.cursor().execute("UPDATE governance_logkey SET key = ''")


def test_a_new_log_follows_upon_one_whose_key_is_lost(
    held: Held, old: str, settings: Any, tmp_path: Path
) -> None:
    with pytest.raises(CanNotBegin, match="no log to follow"):
        follow("nothing there", SYSTEM)
    last = sequenced(4)
    with pytest.raises(CanNotBegin, match="LOG_ORIGIN and LOG_KEY of its own"):
        follow("the same key", SYSTEM)
    waiting = record("page.read", actor=SYSTEM)
    private = new_key("log.bank.example/2")
    held(private)
    settings.LOG_ORIGIN = "log.bank.example/2"
    log = follow("the token was lost", SYSTEM)
    assert current_log() == log
    Sequencer().round()
    head = head_of(log)
    assert head is not None and head.size == 2 and head.pulled == last.pulled
    assert Place.objects.get(entry_id=waiting).log == log
    write_directory(tmp_path, files_of(head.note.encode(), head.size, reader(log)))
    report = verify(
        Directory(tmp_path), Trust((public(private),)), older=[("the last of the old", last.note.encode())]
    )
    assert report.ok, report.findings
    assert report.cites and (report.cites.origin, report.cites.size) == (ORIGIN, last.size)


@needs_token
def test_from_a_file_to_a_token(held: Held, old: str, tmp_path: Path, settings: Any) -> None:
    token = SoftToken(tmp_path)
    sequenced()
    settings.LOG_KEY_PIN = PIN
    held(old, token.make_key("log", 1))
    row = rotate(timedelta())
    head = sequenced()
    _, note = open_checkpoint(head.note.encode(), [VerifierKey.parse(row.key), public(old)])
    assert note.signed_by([VerifierKey.parse(row.key), public(old)]) == (
        VerifierKey.parse(row.key),
        public(old),
    )
    alone = sequenced()
    assert open_checkpoint(alone.note.encode(), [VerifierKey.parse(row.key)])
    # Without its token the log waits, and goes on when it is back.
    with token.pulled(), pytest.raises(BadKey, match="no such token"):
        sequenced()
    assert sequenced().size == alone.size + 2


def run(*arguments: str) -> tuple[str, str]:
    output, errors = StringIO(), StringIO()
    call_command("log_key", *arguments, stdout=output, stderr=errors)
    return output.getvalue(), errors.getvalue()


def test_the_command_makes_shows_and_rotates(held: Held, old: str) -> None:
    private, told = run("new", ORIGIN)
    assert private.count("\n") == 1 and str(public(private)) in told
    assert run("new")[0].startswith(f"PRIVATE+KEY+{ORIGIN}+")
    assert "the log begins with it" in run("show")[0]
    sequenced()
    held(old, private)
    shown, _ = run("show")
    assert (
        f"{public(old)}\n  signs since" in shown and f"{public(private)}\n  in LOG_KEY, not in use" in shown
    )
    assert old not in shown and private not in shown
    assert "signs too until" in run("rotate", "--overlap", "0.5")[0]
    assert Entry.objects.get(action="log.key_rotated").actor_type == "console"
    sequenced()
    shown, _ = run("show")
    assert shown.index(str(public(private))) < shown.index(str(public(old)))
    with pytest.raises(CommandError, match="no key that the log has not had"):
        run("rotate")
    with pytest.raises(CommandError, match="LOG_ORIGIN can't be"):
        run("new", "not a name")
    held(new_key(ORIGIN))
    with pytest.raises(CommandError, match="which LOG_KEY doesn't hold"):
        run("show")


def test_a_key_that_others_may_read_is_told(
    held: Held, old: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "log_key"
    file.write_text(old)
    file.chmod(0o640)
    monkeypatch.setenv("LOG_KEY_FILE", str(file))
    assert "others than its owner may read it (mode 640)" in run("show")[1]
    file.chmod(0o600)
    assert not run("show")[1]


def test_the_sequencer_does_not_start_with_a_bad_key(settings: Any) -> None:
    settings.LOG_KEY = "pkcs11:object=log?module-path=/nowhere.so"
    with pytest.raises(CommandError, match=r"the library /nowhere\.so of the token can't be used"):
        call_command("sequencer")
