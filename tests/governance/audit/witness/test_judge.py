"""What the bundled witness cosigns and what it refuses: the cases of c2sp.org/tlog-witness."""

import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.audit.tlog.checkpoint import Checkpoint
from governance.audit.tlog.cosignature import cosign, cosignatures
from governance.audit.tlog.merkle import EMPTY_ROOT
from governance.audit.tlog.notes import Note, Signature, encode_base64
from governance.audit.tlog.notes import sign as sign_note
from governance.audit.witness.judge import Judge, OtherSize, Refusal
from governance.audit.witness.messages import AddCheckpoint, origin_hash, parse_signatures
from governance.audit.witness.state import State, StateError
from tests.governance.audit.tlog.logs import ORIGIN, Log, entry, log_of, signer
from tests.governance.audit.witness.witnesses import NOW, WITNESS, forged, judge, note_at, request

LOG = log_of(300)


def refused(witness: Judge, body: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        witness.add_checkpoint(body)
    return caught.value


def raw(old: int, text: str, *proof: bytes) -> bytes:
    """A request whose checkpoint the log signed, whatever it says."""
    return AddCheckpoint(old, proof, sign_note(text, signer()).encode()).encode()


def test_growth_is_cosigned_and_served(tmp_path: Path) -> None:
    witness = judge(tmp_path)
    assert witness.newest(origin_hash(ORIGIN)) is None
    for old, size in [(0, 0), (0, 1), (1, 255), (255, 256), (256, 257), (257, 300), (300, 300)]:
        cosigned = witness.add_checkpoint(request(LOG, old, size))
        note = note_at(LOG, size)
        (line,) = parse_signatures(cosigned.line)
        (found,) = cosignatures(note.with_signatures(line), [WITNESS.key])
        assert (found.key, found.timestamp) == (WITNESS.key, NOW)
        assert witness.newest(origin_hash(ORIGIN)) == note.with_signatures(line).encode()


def test_the_first_checkpoint_may_have_any_size(tmp_path: Path) -> None:
    assert judge(tmp_path).add_checkpoint(request(LOG, 0)).checkpoint.size == 300


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"old 00\n\n" + note_at(LOG, 5).encode(),
        b"old +1\n\n" + note_at(LOG, 5).encode(),
        b"old  1\n\n" + note_at(LOG, 5).encode(),
        b"new 0\n\n" + note_at(LOG, 5).encode(),
        b"old 0\r\n\r\n" + note_at(LOG, 5).encode(),
        b"old 0\n" + note_at(LOG, 5).encode(),
        b"old 1\nAAAA\n\n" + note_at(LOG, 5).encode(),
        b"old 1\n" + b"A" * 43 + b"\n\n" + note_at(LOG, 5).encode(),
        b"old 1\n" + (encode_base64(bytes(32)) + "\n").encode() * 64 + b"\n" + note_at(LOG, 5).encode(),
        b"old 0\n\n" + note_at(LOG, 5).text.encode(),
        request(LOG, 0, 5)[:-1],
        raw(0, f"{ORIGIN}\n5\n"),
        raw(0, f"{ORIGIN}\n05\n{encode_base64(bytes(32))}\n"),
        raw(0, f"{ORIGIN}\n-5\n{encode_base64(bytes(32))}\n"),
        raw(0, f"{ORIGIN}\n{1 << 63}\n{encode_base64(bytes(32))}\n"),
        raw(0, f"{ORIGIN}\n5\nAAAA\n"),
        raw(6, note_at(LOG, 5).text),
    ],
)
def test_what_is_no_request_is_400(tmp_path: Path, body: bytes) -> None:
    assert refused(judge(tmp_path), body).status == 400


def test_an_unknown_log_is_404(tmp_path: Path) -> None:
    assert refused(judge(tmp_path, signer("other.test/log").key), request(LOG, 0)).status == 404


def test_signatures(tmp_path: Path) -> None:
    witness, note = judge(tmp_path), note_at(LOG, 5)
    (genuine,) = note.signatures
    stranger = Signature("stranger.test", b"abcd", b"whatever this is")
    namesake = Signature(ORIGIN, b"abcd", bytes(64))
    broken = Signature(ORIGIN, genuine.key_id, bytes(64))
    for lines in [(stranger,), (namesake,), (broken,), (genuine, broken), (broken, genuine)]:
        body = AddCheckpoint(0, (), Note(note.text, lines).encode()).encode()
        assert refused(witness, body).status == 403
    body = AddCheckpoint(0, (), Note(note.text, (stranger, namesake, genuine, genuine)).encode()).encode()
    witness.add_checkpoint(body)
    kept = Note.parse(witness.newest(origin_hash(ORIGIN)) or b"")
    assert kept.signatures[0] == genuine
    assert len(kept.signatures) == 2, "what nobody verified isn't passed on"


def test_a_checkpoint_full_of_signatures_can_be_kept(tmp_path: Path) -> None:
    witness, note = judge(tmp_path), note_at(LOG, 5)
    body = AddCheckpoint(0, (), Note(note.text, note.signatures * 100).encode()).encode()
    witness.add_checkpoint(body)
    long = Checkpoint(ORIGIN, 6, note_at_root(6), ("x" * 999_800,)).sign(signer())
    assert len(long.encode()) <= 1_000_000
    proof = LOG.tree().consistency(5, 6)
    assert refused(witness, AddCheckpoint(5, proof, long.encode()).encode()).status == 400
    State.close(witness._state)
    assert judge(tmp_path).add_checkpoint(request(LOG, 5)).checkpoint.size == 300


def note_at_root(size: int) -> bytes:
    return Checkpoint.parse(note_at(LOG, size).text).root


def test_a_log_of_several_keys_and_a_log_that_is_not_named_as_its_key(tmp_path: Path) -> None:
    new, named = signer("plumbline.test/key-of-2027"), Checkpoint(ORIGIN, 5, note_at_root(5))
    logs = [(ORIGIN, signer().key), (ORIGIN, new.key)]
    witness = Judge(WITNESS, logs, State(tmp_path, WITNESS.key), lambda: NOW)
    witness.add_checkpoint(AddCheckpoint(0, (), named.sign(new).encode()).encode())
    witness.add_checkpoint(AddCheckpoint(5, (), named.sign(signer(), new).encode()).encode())
    kept = Note.parse(witness.newest(origin_hash(ORIGIN)) or b"")
    assert len(kept.signed_by([signer().key, new.key])) == 2


def test_another_size_is_409_and_says_which(tmp_path: Path) -> None:
    witness = judge(tmp_path)
    assert isinstance(refused(witness, request(LOG, 200)), OtherSize)
    witness.add_checkpoint(request(LOG, 0, 250))
    for old, size in [(0, 300), (249, 300), (251, 300), (0, 250), (0, 0), (100, 200)]:
        refusal = refused(witness, request(LOG, old, size))
        assert isinstance(refusal, OtherSize)
        assert (refusal.status, refusal.size) == (409, 250)


def test_what_is_not_shown_is_422(tmp_path: Path) -> None:
    witness, note = judge(tmp_path), note_at(LOG, 300).encode()
    other = f"{ORIGIN}\n0\n{encode_base64(bytes(32))}\n"
    assert refused(witness, raw(0, other)).status == 422
    assert refused(witness, AddCheckpoint(0, (bytes(32),), note).encode()).status == 422
    witness.add_checkpoint(request(LOG, 0, 200))
    proof = LOG.tree().consistency(200)
    for bad in [(), proof[:-1], (*proof, bytes(32)), proof[::-1], LOG.tree().consistency(199)]:
        assert refused(witness, AddCheckpoint(200, tuple(bad), note).encode()).status == 422
    same = note_at(LOG, 200).encode()
    assert refused(witness, AddCheckpoint(200, (bytes(32),), same).encode()).status == 422
    assert witness.add_checkpoint(request(LOG, 200)).checkpoint.size == 300


def test_a_forged_history_by_the_key_holder_is_refused(tmp_path: Path) -> None:
    """The same key, another tree: by itself it verifies, and only memory tells."""
    witness = judge(tmp_path)
    witness.add_checkpoint(request(LOG, 0, 200))
    before = witness.newest(origin_hash(ORIGIN))
    for size, index in [(200, 199), (200, 0), (201, 0), (300, 150)]:
        body = request(forged(size, index), 200)
        assert refused(witness, body).status == 422
        # Neither an honest proof for a forged head, nor none.
        head = note_at(forged(size, index), size).encode()
        assert refused(witness, AddCheckpoint(200, LOG.tree().consistency(200), head).encode()).status == 422
    assert refused(witness, request(forged(100), 0)).status == 409
    assert witness.newest(origin_hash(ORIGIN)) == before
    evidence = Note.parse((tmp_path / f"{origin_hash(ORIGIN)}.contradiction").read_bytes())
    assert evidence.text == note_at(forged(200, 199), 200).text, "signed by the log: proof that it forked"
    assert evidence.signed_by([signer().key])
    # What was rewritten after the newest that was cosigned is news to the witness, and no forgery to it.
    assert witness.add_checkpoint(request(forged(300, 250), 200)).checkpoint.size == 300


def test_it_remembers(tmp_path: Path) -> None:
    witness = judge(tmp_path)
    witness.add_checkpoint(request(LOG, 0, 200))
    with pytest.raises(StateError, match="in use by another witness"):
        judge(tmp_path)
    witness._state.close()
    (tmp_path / f"{origin_hash(ORIGIN)}.new").write_bytes(b"half a checkp")
    again = judge(tmp_path)
    assert refused(again, request(forged(200), 200)).status == 422
    assert again.add_checkpoint(request(LOG, 200)).checkpoint.size == 300


def test_a_damaged_memory_is_no_empty_memory(tmp_path: Path) -> None:
    witness, file = judge(tmp_path), tmp_path / origin_hash(ORIGIN)
    witness.add_checkpoint(request(LOG, 0, 200))
    witness._state.close()
    good = file.read_bytes()
    for bad in [b"", good[:-1], good.replace(b"\n200\n", b"\n100\n"), good.replace(b"plumb", b"blumb", 1)]:
        file.write_bytes(bad)
        state = State(tmp_path, WITNESS.key)
        with pytest.raises(StateError, match="is damaged"):
            Judge(WITNESS, [(ORIGIN, signer().key)], state)
        state.close()


def test_what_can_not_be_kept_is_not_cosigned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    witness = judge(tmp_path / "state")
    witness.add_checkpoint(request(LOG, 0, 200))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            witness.add_checkpoint(request(LOG, 200))
    assert isinstance(refused(witness, request(LOG, 300)), OtherSize)
    assert witness.add_checkpoint(request(LOG, 200)).checkpoint.size == 300


def test_requests_that_race(tmp_path: Path) -> None:
    """Of any number at once from one size, those that don't continue the winner are refused."""
    for turn in range(10):
        witness = judge(tmp_path / str(turn))
        witness.add_checkpoint(request(LOG, 0, 100))
        bodies = [request(forged(size, 150), 100) for size in (200, 250, 299)]
        bodies += [request(LOG, 100, size) for size in (200, 201, 250, 299, 300)] * 2
        barrier = threading.Barrier(len(bodies))
        cosigned: list[Checkpoint] = []

        def ask(body: bytes, witness=witness, barrier=barrier, cosigned=cosigned) -> None:
            barrier.wait()
            try:
                cosigned.append(witness.add_checkpoint(body).checkpoint)
            except Refusal as refusal:
                assert refusal.status in (409, 422)

        threads = [threading.Thread(target=ask, args=(body,)) for body in bodies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({each.root for each in cosigned}) == 1, "one request won, others may only repeat it"
        kept = Note.parse(witness.newest(origin_hash(ORIGIN)) or b"")
        assert Checkpoint.parse(kept.text) == cosigned[0]


#: Three histories of one key that part at different places; the honest one first.
HISTORIES = [log_of(40), forged(40, 7), forged(40, 30)]
STEP = st.tuples(st.sampled_from([0, 0, 0, 1, 2]), st.integers(0, 40), st.integers(0, 40), st.booleans())


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, max_size=30))
def test_whatever_is_asked_the_cosigned_trees_are_one_history(tmp_path_factory, steps) -> None:
    folder = tmp_path_factory.mktemp("state")
    witness = judge(folder)
    seen: list[tuple[int, bytes, int]] = []
    for which, old, size, restart in steps:
        log = HISTORIES[which]
        if restart:
            witness._state.close()
            witness = judge(folder)
        # Half of the time from the size that the witness knows, as an honest log would ask.
        old = seen[-1][0] if seen and (old + size) % 2 else min(old, size)
        if old > size:
            continue
        try:
            cosigned = witness.add_checkpoint(request(log, old, size)).checkpoint
        except Refusal as refusal:
            assert refusal.status in (409, 422)
            if which == 0 and old == (seen[-1][0] if seen else 0) and all(each[2] == 0 for each in seen):
                raise AssertionError("an honest log was refused") from refusal
            continue
        assert old == (seen[-1][0] if seen else 0)
        seen.append((cosigned.size, cosigned.root, which))
    witness._state.close()
    assert [size for size, _, _ in seen] == sorted(size for size, _, _ in seen), "it never goes back"
    agreeing = [
        log
        for log in HISTORIES
        if all(root == (log.tree().root(size) if size else EMPTY_ROOT) for size, root, _ in seen)
    ]
    assert agreeing, "all that it cosigned is the beginning of one history"


def test_several_logs_are_kept_apart(tmp_path: Path) -> None:
    other = Log(signer("other.test/log")).grow(*map(entry, range(9)))
    witness = judge(tmp_path, signer().key, other.key.key)
    witness.add_checkpoint(request(LOG, 0))
    witness.add_checkpoint(request(other, 0))
    assert {log.newest[0].size for log in witness.logs if log.newest} == {300, 9}
    assert witness.newest("0" * 64) is None


def test_the_cosignature_of_a_witness_is_read_by_others(tmp_path: Path) -> None:
    """The bytes of the standard's own layout, put together by hand."""
    line = Signature.parse(judge(tmp_path).add_checkpoint(request(LOG, 0, 5)).line.decode())
    text = note_at(LOG, 5).text
    assert line.value[:8] == NOW.to_bytes(8)
    assert WITNESS.key.verify(f"cosignature/v1\ntime {NOW}\n{text}".encode(), line.value[8:])
    assert line == cosign(text, WITNESS, NOW)
