"""`plumbline-witness` as a program: keys, plain errors, killing, stopping, bad connections."""

import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from governance.audit.tlog.checkpoint import Checkpoint
from governance.audit.tlog.notes import Algorithm, Ed25519Signer, Note, VerifierKey
from governance.audit.witness import serve
from governance.audit.witness.__main__ import main
from governance.audit.witness.ask import Ahead, Inconsistent, add_checkpoint, bring_up_to, newest
from governance.audit.witness.exchange import Unreachable, exchange
from governance.audit.witness.messages import LARGEST_REQUEST, origin_hash
from tests.governance.audit.tlog.logs import ORIGIN, log_of, signer
from tests.governance.audit.witness.witnesses import HOME, WITNESS, Program, forged, note_at, request, served

LOG = log_of(600)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    program = Program(tmp_path, signer().key)
    yield program
    program.kill()


def grow(program: Program, old: int, size: int) -> None:
    proof = LOG.tree().consistency(old, size) if 0 < old < size else ()
    add_checkpoint(program.witness, old, proof, note_at(LOG, size))


def size_shown(program: Program) -> int:
    shown = newest(program.witness, ORIGIN)
    return Checkpoint.parse(shown.text).size if shown else 0


def test_it_knows_no_django() -> None:
    script = "import sys, governance.audit.witness.__main__; print('django' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=HOME, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_a_log_and_a_witness_end_to_end(program: Program) -> None:
    grow(program, 0, 100)
    grow(program, 100, 600)
    assert size_shown(program) == 600
    other = forged(600, 3)
    with pytest.raises(Inconsistent):
        bring_up_to(program.witness, note_at(other, 600), lambda old: other.tree().consistency(old), 600)
    code, said = program.stop()
    assert code == 0
    assert f"cosigned {ORIGIN} at 600 entries" in said
    assert "another tree of 600 entries was cosigned" in said
    assert "Traceback" not in said
    program.start()
    with pytest.raises(Ahead):
        bring_up_to(program.witness, note_at(LOG, 300), lambda old: LOG.tree().consistency(old, 300), 300)


def test_killed_at_any_moment_it_keeps_what_it_cosigned(program: Program) -> None:
    cosigned = 0
    for turn in range(6):
        ended = threading.Event()

        def kill(program: Program = program, ended: threading.Event = ended, turn: int = turn) -> None:
            time.sleep(random.Random(turn).uniform(0.01, 0.15))
            program.process.kill()
            ended.set()

        thread = threading.Thread(target=kill)
        thread.start()
        while not ended.is_set() and cosigned < 590:
            try:
                given = bring_up_to(
                    program.witness,
                    note_at(LOG, cosigned + 1),
                    partial(LOG.tree().consistency, size=cosigned + 1),
                    cosigned,
                )
            except Unreachable:
                break
            assert given.cosignature.key == WITNESS.key
            cosigned += 1
        thread.join()
        program.process.communicate()
        program.start()
        # One more where it was killed between keeping and answering.
        assert size_shown(program) in (cosigned, cosigned + 1)
        cosigned = size_shown(program)
        with pytest.raises(Inconsistent):
            other = forged(cosigned)
            bring_up_to(program.witness, note_at(other, cosigned), lambda old: (), cosigned)
    assert cosigned > 0


def test_a_stop_lets_an_answer_end(program: Program) -> None:
    address = urlsplit(program.witness.url)
    body = request(LOG, 0, 600)
    with socket.create_connection((address.hostname, address.port)) as connection:
        head = f"POST /add-checkpoint HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body[:50])
        time.sleep(0.3)
        program.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        connection.sendall(body[50:])
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")
    program.process.communicate(timeout=10)
    assert program.process.returncode == 0


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_a_new_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--new-key", "witness.example/w1", "--key", tmp_path / "key") == 0
    public = VerifierKey.parse(capsys.readouterr().out)
    assert (public.name, public.algorithm) == ("witness.example/w1", Algorithm.COSIGNATURE)
    assert Ed25519Signer.parse((tmp_path / "key").read_text()).key == public
    assert os.stat(tmp_path / "key").st_mode & 0o777 == 0o600
    before = (tmp_path / "key").read_bytes()
    assert run("--new-key", "witness.example/w2", "--key", tmp_path / "key") == 2
    assert "never overwritten" in capsys.readouterr().err
    assert (tmp_path / "key").read_bytes() == before
    assert run("--new-key", "a name", "--key", tmp_path / "other") == 2
    assert not (tmp_path / "other").exists()


def test_errors_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key, state, policy = tmp_path / "key", tmp_path / "state", tmp_path / "policy"
    key.write_text(WITNESS.encode())
    (tmp_path / "log").write_text(signer().encode())
    policy.write_text("quorum none\n")
    log, listen = ("--log", signer().key), ("--listen", "127.0.0.1:0")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for words, said in [
            ((), "which logs are to be watched?"),
            (("--policy", policy), "which logs are to be watched?"),
            (("--policy", tmp_path / "none"), "No such file"),
            (("--log", "nonsense"), "a verifier key looks like name+hash+base64"),
            (("--log", signer().key, "a", "b"), "--log has a key and perhaps an origin"),
            (("--log", WITNESS.key), "is not the key of a log"),
            ((*log, "--listen", "8040"), "8040 is not HOST:PORT"),
            ((*log, "--listen", "127.0.0.1:99999"), "is not HOST:PORT"),
            ((*log, "--listen", f"127.0.0.1:{port}"), "Address already in use"),
            ((*log, *listen, "--state", key), "File exists"),
            ((*log, *listen, "--key", tmp_path / "log"), "is not the key of a witness"),
            ((*log, *listen, "--key", tmp_path / "none"), "No such file"),
        ]:
            assert run("--key", key, "--state", state, *words) == 2
            printed = capsys.readouterr().err
            assert printed.count("\n") == 1, printed
            assert printed.startswith("plumbline-witness: ")
            assert said in printed
    state.mkdir(exist_ok=True)
    (state / origin_hash(ORIGIN)).write_text("nonsense")
    assert run("--key", key, "--state", state, *log, *listen) == 2
    assert "is damaged" in capsys.readouterr().err


def test_what_is_no_question(tmp_path: Path) -> None:
    with served(tmp_path) as witness:

        def status(
            method: str, path: str, body: bytes | None = None, length: str = "", chunked: bool = False
        ) -> int:
            url, headers = witness.url + path, {"Content-Length": length} if length else {}
            headers |= {"Transfer-Encoding": "chunked"} if chunked else {}
            return exchange(method, url, body=body, headers=headers, most=10**6, timeout=5).status

        assert status("GET", "/") == 404
        assert status("GET", "/add-checkpoint") == 404
        assert status("GET", f"/{origin_hash(ORIGIN)}/checkpoint/") == 404
        assert status("POST", "/sign-subtree", b"subtree 0 1\n") == 404
        assert status("POST", "/add-checkpoint", b"") == 400
        large = LARGEST_REQUEST + 1
        for length, expected in [(large, 413), (10**30, 413), (-1, 411), ("1_0", 411), ("²", 411)]:
            # Answered before the body comes.
            assert status("POST", "/add-checkpoint", length=str(length)) == expected
        assert status("POST", "/add-checkpoint", b"x", chunked=True) == 411
        assert status("PUT", "/add-checkpoint", b"x") == 501
        answer = exchange("POST", witness.url + "/add-checkpoint", body=request(LOG, 9), most=99, timeout=5)
        assert (answer.status, answer.media_type, answer.body) == (409, "text/x.tlog.size", b"0\n")


def test_one_connection_serves_many_requests(tmp_path: Path) -> None:
    with served(tmp_path) as witness:
        address = urlsplit(witness.url)
        assert address.hostname
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=5)
        statuses = []
        for old, size in [(0, 1), (0, 2), (1, 2), (2, 9)]:
            connection.request("POST", "/add-checkpoint", request(LOG, old, size))
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)
            assert connection.sock is not None
        connection.close()
        assert statuses == [200, 409, 200, 200]


def test_slow_and_many_connections_do_not_stop_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "MOST_SECONDS", 1)
    monkeypatch.setattr(serve, "MOST_CONNECTIONS", 8)
    with served(tmp_path) as witness:
        address = urlsplit(witness.url)
        idle = [socket.create_connection((address.hostname, address.port)) for _ in range(8)]
        for connection in idle:
            connection.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 9")
        time.sleep(0.2)
        with pytest.raises(Unreachable):
            newest(witness, ORIGIN)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            # A byte now and then doesn't help.
            for connection in idle:
                try:
                    connection.sendall(b"9")
                except OSError:
                    continue
            try:
                assert newest(witness, ORIGIN) is None
                break
            except Unreachable:
                time.sleep(0.1)
        else:
            raise AssertionError("it never let go of them")
        for connection in idle:
            connection.close()
        add_checkpoint(witness, 0, (), note_at(LOG, 600))
        shown = newest(witness, ORIGIN)
        assert isinstance(shown, Note)
