"""The log's side, against the bundled witness over HTTP and against others that answer badly."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from governance.audit.tlog.checkpoint import Checkpoint
from governance.audit.tlog.cosignature import cosign
from governance.audit.tlog.notes import Note
from governance.audit.witness.ask import (
    Ahead,
    Conflict,
    Inconsistent,
    Refused,
    Witness,
    add_checkpoint,
    bring_up_to,
    newest,
)
from governance.audit.witness.exchange import Unreachable, exchange
from governance.audit.witness.messages import AddCheckpoint
from tests.governance.audit.tlog.logs import ORIGIN, Log, log_of, signer
from tests.governance.audit.witness.witnesses import (
    WITNESS,
    answering,
    forged,
    http,
    note_at,
    request,
    served,
)

LOG = log_of(300)


def prover(log: Log, size: int) -> Callable[[int], tuple[bytes, ...]]:
    return lambda old: log.tree().consistency(old, size) if old else ()


def test_a_log_grows_and_a_witness_cosigns(tmp_path: Path) -> None:
    with served(tmp_path) as witness:
        assert newest(witness, ORIGIN) is None
        for seen, size in [(0, 0), (0, 10), (10, 256), (256, 256), (256, 300)]:
            given = bring_up_to(witness, note_at(LOG, size), prover(LOG, size), seen)
            assert given.cosignature.key == WITNESS.key
            assert abs(given.cosignature.timestamp - time.time()) < 60
            shown = newest(witness, ORIGIN)
            assert shown is not None
            assert shown.signed_by([signer().key])
            assert shown.signatures[-1] == given.line


def test_the_log_need_not_know_what_the_witness_knows(tmp_path: Path) -> None:
    with served(tmp_path) as witness:
        add_checkpoint(witness, 0, (), note_at(LOG, 100))
        with pytest.raises(Conflict) as conflict:
            add_checkpoint(witness, 0, (), note_at(LOG, 300))
        assert conflict.value.size == 100
        bring_up_to(witness, note_at(LOG, 200), prover(LOG, 200), 0)
        bring_up_to(witness, note_at(LOG, 300), prover(LOG, 300), 10**6)
        with pytest.raises(Ahead) as ahead:
            bring_up_to(witness, note_at(LOG, 200), prover(LOG, 200), 200)
        assert ahead.value.size == 300


def test_a_forged_history_is_refused(tmp_path: Path) -> None:
    other = forged(300, 20)
    with served(tmp_path) as witness:
        bring_up_to(witness, note_at(LOG, 200), prover(LOG, 200), 0)
        for size in (200, 300):
            with pytest.raises(Inconsistent) as refusal:
                bring_up_to(witness, note_at(other, size), prover(other, size), 200)
            assert refusal.value.size == 200
        shown = newest(witness, ORIGIN)
        assert shown is not None
        assert shown.text == note_at(LOG, 200).text


def test_a_witness_that_does_not_know_the_log(tmp_path: Path) -> None:
    with (
        served(tmp_path, signer("other.test/log").key) as witness,
        pytest.raises(Refused, match=r"404: the log plumbline\.test/log is not known here"),
    ):
        add_checkpoint(witness, 0, (), note_at(LOG, 300))


def test_https_is_checked(tmp_path: Path) -> None:
    with served(tmp_path) as witness, pytest.raises(Unreachable, match=r"(?i)ssl|wrong version"):
        address = witness.url.replace("http:", "https:")
        add_checkpoint(Witness("one", WITNESS.key, address), 0, (), note_at(LOG, 300))


@pytest.mark.parametrize(
    "url", ["", "ftp://a/", "http://", "http://a:b/", "http://a/?b", "/etc/passwd", "http://a b/"]
)
def test_no_address(url: str) -> None:
    with pytest.raises(Unreachable):
        exchange("GET", url, most=10, timeout=1)


NOTE = note_at(LOG, 300)
NOW = int(time.time())
GOOD = str(cosign(NOTE.text, WITNESS, NOW)).encode()
STRANGER = str(cosign(NOTE.text, signer("stranger.test", cosigner=True), NOW)).encode()


def test_lines_of_others_are_passed_over() -> None:
    with answering(http(200, STRANGER + GOOD)) as witness:
        assert str(add_checkpoint(witness, 0, (), NOTE).line).encode() == GOOD


@pytest.mark.parametrize(
    "answer",
    [
        http(200, b""),
        http(200, STRANGER),
        http(200, b"\xff\n"),
        http(200, b"<html>" * 100),
        http(200, str(cosign(note_at(LOG, 299).text, WITNESS, NOW)).encode()),
        http(200, str(cosign(NOTE.text, WITNESS, 0)).encode()),
        http(200, str(cosign(NOTE.text, WITNESS, NOW + 10**6)).encode()),
        http(200, GOOD[:-5] + b"AAA=\n"),
        http(200, b"x" * 1_000_001),
        http(409, b"12\n"),
        http(409, b"012\n", "text/x.tlog.size"),
        http(409, b"-1\n", "text/x.tlog.size"),
        http(409, b"twelve", "text/x.tlog.size"),
        http(500, b"oh"),
        http(503, b""),
        http(429, b"slowly"),
        http(302, b""),
        http(200, GOOD)[:-20],
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ],
)
def test_what_means_nothing_is_no_answer(answer: bytes) -> None:
    with answering(answer) as witness, pytest.raises((Unreachable, Refused)) as caught:
        add_checkpoint(witness, 0, (), NOTE, timeout=5)
    # 409 without its media type isn't the protocol's; nothing follows from it.
    assert isinstance(caught.value, Unreachable) or "409" in str(caught.value)


def test_the_size_may_have_parameters_and_no_newline() -> None:
    with (
        answering(http(409, b"7", "Text/X.Tlog.Size; charset=utf-8")) as witness,
        pytest.raises(Conflict) as conflict,
    ):
        add_checkpoint(witness, 0, (), NOTE)
    assert conflict.value.size == 7


def test_a_witness_that_never_agrees_with_itself() -> None:
    with (
        answering(http(409, b"7\n", "text/x.tlog.size")) as witness,
        pytest.raises(Unreachable, match="each"),
    ):
        bring_up_to(witness, NOTE, prover(LOG, 300), 0)


def test_a_slow_answer_ends_in_time() -> None:
    began = time.monotonic()
    with answering(http(200, GOOD), pause=0.1) as witness, pytest.raises(Unreachable, match=r"within 0\.5 s"):
        add_checkpoint(witness, 0, (), NOTE, timeout=0.5)
    assert time.monotonic() - began < 3


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable, match="refused"):
        add_checkpoint(Witness("one", WITNESS.key, f"http://127.0.0.1:{port}"), 0, (), NOTE)


def test_the_request_is_as_the_standard_has_it() -> None:
    proof = LOG.tree().consistency(200)
    body = request(LOG, 200)
    lines = body.split(b"\n")
    assert lines[0] == b"old 200"
    assert lines[1 + len(proof)] == b""
    assert b"\n".join(lines[2 + len(proof) :]) == NOTE.encode()
    assert AddCheckpoint.parse(body) == AddCheckpoint(200, proof, NOTE.encode())
    assert Checkpoint.parse(Note.parse(NOTE.encode()).text).size == 300
