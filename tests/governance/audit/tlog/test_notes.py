import hashlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from governance.audit.tlog import notes
from governance.audit.tlog.checkpoint import Checkpoint, open_checkpoint
from governance.audit.tlog.cosignature import cosign, cosignatures, message
from governance.audit.tlog.merkle import EMPTY_ROOT
from governance.audit.tlog.notes import Algorithm, Ed25519Signer, Note, NoteError, Signature, VerifierKey
from tests.governance.audit.tlog.logs import ORIGIN, signer

#: The example of c2sp.org/signed-note.
THEIR_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
THEIR_NOTE = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""
ROOT = hashlib.sha256(b"x").digest()


def test_the_example_of_the_standard() -> None:
    key = VerifierKey.parse(THEIR_KEY)
    assert str(key) == THEIR_KEY
    note = Note.parse(THEIR_NOTE.encode())
    assert note.signed_by([key]) == (key,)
    assert note.encode() == THEIR_NOTE.encode()


def test_keys_there_and_back() -> None:
    mine = Ed25519Signer.generate("plumbline.example/log")
    assert VerifierKey.parse(str(mine.key)) == mine.key
    assert Ed25519Signer.parse(mine.encode()).key == mine.key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com/foo",
        THEIR_KEY.replace("530d903a", "530d903b"),
        THEIR_KEY.replace("530d903a", "530D903A"),
        THEIR_KEY.replace("foo", "fo o"),
        THEIR_KEY[:-1],
        THEIR_KEY[:-4] + "AAAA",
        "example.com/foo+530d903a+",
        "example.com/foo+530d903a+" + notes.encode_base64(b"\x02" + bytes(32)),
    ],
)
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(NoteError):
        VerifierKey.parse(text)


@given(st.data())
def test_no_byte_of_a_signed_note_can_be_changed(data: st.DataObject) -> None:
    signed = notes.sign("a\n\nb\nc\n", signer()).encode()
    at = data.draw(st.integers(0, len(signed) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != signed[at]))
    changed = signed[:at] + bytes([other]) + signed[at + 1 :]
    try:
        assert Note.parse(changed).signed_by([signer().key]) == ()
    except NoteError:
        pass


@given(st.binary())
@example(b"\n\n")
@example("a\n\n— b \n".encode())
@example("a\n\n— b AAAA\n".encode())
def test_what_is_no_note(data: bytes) -> None:
    with pytest.raises(NoteError):
        Note.parse(data)


def test_unknown_signatures_are_passed_over_and_false_ones_are_not() -> None:
    text, mine, other = "text\n", signer(), signer("other.example")
    note = notes.sign(text, other, mine)
    assert note.signed_by([mine.key]) == (mine.key,)
    assert note.signed_by([signer("third.example").key]) == ()
    false = Signature(mine.key.name, mine.key.key_id, other.sign(text.encode()))
    with pytest.raises(NoteError, match="not valid"):
        note.with_signatures(false).signed_by([mine.key])
    assert note.with_signatures(*note.signatures) == note


def test_notes_have_an_end() -> None:
    line = str(notes.sign("text\n", signer()).signatures[0])
    assert len(Note.parse(("text\n\n" + line * 16).encode()).signatures) == 16
    with pytest.raises(NoteError, match="more than"):
        Note.parse(("text\n\n" + line * 101).encode())
    with pytest.raises(NoteError, match="at most"):
        Note.parse(b"x" * 1_000_001)


# --- checkpoints ---------------------------------------------------------------------------------------
def test_a_checkpoint_there_and_back() -> None:
    head = Checkpoint(ORIGIN, 17, ROOT, ("more",))
    assert Checkpoint.parse(head.text) == head
    assert open_checkpoint(head.sign(signer()).encode(), [signer().key])[0] == head
    assert head.text == f"{ORIGIN}\n17\n{notes.encode_base64(ROOT)}\nmore\n"


@pytest.mark.parametrize(
    "text",
    [
        "a\n1\n",
        f"\n1\n{notes.encode_base64(ROOT)}\n",
        f"a\n01\n{notes.encode_base64(ROOT)}\n",
        f"a\n-1\n{notes.encode_base64(ROOT)}\n",
        f"a\n1 \n{notes.encode_base64(ROOT)}\n",
        f"a\n{1 << 63}\n{notes.encode_base64(ROOT)}\n",
        f"a\n1\n{notes.encode_base64(ROOT[:31])}\n",
        f"a\n1\n{notes.encode_base64(ROOT)}\n\nb\n",
        f"a\n0\n{notes.encode_base64(ROOT)}\n",
        f"a\n1\n{notes.encode_base64(ROOT)[:-2]}3=\n",
    ],
)
def test_what_is_no_checkpoint(text: str) -> None:
    with pytest.raises(NoteError):
        Checkpoint.parse(text)


def test_the_empty_log_has_a_checkpoint() -> None:
    assert Checkpoint.parse(Checkpoint("a", 0, EMPTY_ROOT).text).size == 0


def test_a_key_speaks_for_its_own_log() -> None:
    foreign = Checkpoint("another.log", 1, ROOT).sign(signer()).encode()
    with pytest.raises(NoteError, match="no known key"):
        open_checkpoint(foreign, [signer().key])
    assert open_checkpoint(foreign, [signer().key], "another.log")[0].size == 1
    with pytest.raises(NoteError, match="not of"):
        open_checkpoint(foreign, [signer().key], ORIGIN)


def test_a_witness_does_not_sign_for_the_log() -> None:
    witness = signer(ORIGIN, cosigner=True)
    head = Checkpoint(ORIGIN, 1, ROOT)
    line = cosign(head.text, witness, 1)
    with pytest.raises(NoteError, match="no known key"):
        open_checkpoint(Note(head.text, (line,)).encode(), [witness.key])
    with pytest.raises(NoteError, match="not notes"):
        head.sign(witness)


# --- cosignatures --------------------------------------------------------------------------------------
def test_what_a_witness_signs() -> None:
    """c2sp.org/tlog-cosignature, Ed25519 signed message."""
    head = Checkpoint("example.com/behind-the-sofa", 20852163, ROOT)
    key = signer("witness.example/w1", cosigner=True).key
    assert message(head.text, key, 1679315147) == (
        b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        + notes.encode_base64(ROOT).encode()
        + b"\n"
    )


class PostQuantumSigner:
    """A witness with an ML-DSA-44 key."""

    def __init__(self, name: str) -> None:
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

        self._private = MLDSA44PrivateKey.from_seed_bytes(bytes(32))
        public = self._private.public_key().public_bytes_raw()
        self.key = VerifierKey(name, Algorithm.COSIGNATURE_ML_DSA_44, public)

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)


@pytest.mark.parametrize("witness", [signer("w.example", cosigner=True), PostQuantumSigner("w.example")])
def test_cosignatures(witness: notes.Signer) -> None:
    note = Checkpoint(ORIGIN, 5, ROOT).sign(signer())
    cosigned = note.with_signatures(cosign(note.text, witness, 1000), cosign(note.text, witness, 2000))
    cosigned = Note.parse(cosigned.encode())
    [found] = cosignatures(cosigned, [witness.key])
    assert (found.key, found.timestamp) == (witness.key, 2000)
    assert found.at is not None and found.at.isoformat() == "1970-01-01T00:33:20+00:00"
    assert cosignatures(cosigned, [signer("v.example", cosigner=True).key]) == ()
    assert VerifierKey.parse(str(witness.key)) == witness.key
    with pytest.raises(NoteError, match="not valid"):
        cosignatures(Note(Checkpoint(ORIGIN, 6, ROOT).text, cosigned.signatures), [witness.key])
    line = cosigned.signatures[1]
    other_time = Signature(line.name, line.key_id, (3000).to_bytes(8) + line.value[8:])
    with pytest.raises(NoteError, match="not valid"):
        cosignatures(Note(note.text, (other_time,)), [witness.key])
