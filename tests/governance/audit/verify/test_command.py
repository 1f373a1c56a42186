"""The command line, as an auditor runs it."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from governance.audit.tlog import leaf
from governance.audit.tlog.export import write_archive, write_directory
from governance.audit.tlog.proof import Proof
from governance.audit.verify.__main__ import main
from tests.governance.audit.tlog.logs import ORIGIN, entry, log_of, signer

HOME = Path(__file__).parents[4]
KEY = str(signer().key)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    write_directory(tmp_path / "log", log_of(700).export().items())
    return tmp_path / "log"


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_a_log_that_holds(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {
        "seen": log_of(300).files["checkpoint"],
        "receipt": Proof(5, log_of(300).tree().inclusion(5), log_of(300).files["checkpoint"]).encode(),
        "entry": entry(600),
        "key": f"# of the log\n{KEY}\n".encode(),
        "policy": f"log {KEY}\nquorum none\n".encode(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    write_archive(tmp_path / "log.zip", log_of(700).export().items())
    asked = ["--checkpoint", tmp_path / "seen", "--receipt", tmp_path / "receipt"]
    asked += ["--entry", tmp_path / "entry", "--id", "id-3"]
    assert run(log, "--key", KEY, *asked) == 0
    words = capsys.readouterr().out
    assert words.startswith(f"log {ORIGIN}: 700 entries")
    assert "id id-3 is entry 3: thing.happened\n" in words
    assert words.endswith("GOOD: everything that was asked holds\n")
    assert run(tmp_path / "log.zip", "--key", tmp_path / "key", *asked, "--quiet") == 0
    assert run(tmp_path / "log.zip", "--policy", tmp_path / "policy", "--json", "-") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["ok"], report["size"], report["entries_checked"]) == (True, 700, 700)
    assert run("--key", KEY, "--receipt", tmp_path / "receipt", "--entry", tmp_path / "entry", "--quiet") == 1
    (tmp_path / "entry").write_bytes(json.dumps(json.loads(entry(5)), indent=1).encode())
    assert run("--key", KEY, "--receipt", tmp_path / "receipt", "--entry", tmp_path / "entry", "--quiet") == 0


def test_a_log_that_does_not(log: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bundle = log / "tile/entries/001"
    bundle.write_bytes(bundle.read_bytes().replace(b"id-300", b"id-3OO"))
    (log / "tile/0/002.p/188").unlink()
    assert run(log, "--key", KEY, "--json", tmp_path / "report.json") == 1
    words = capsys.readouterr().out
    assert (
        "BAD: the first bad place is entry 300 (in tile/entries/001): it does not hash to what the tree says"
        in words
    )
    assert "also tile/0/002.p/188: the file is missing" in words
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["first_bad_place"] == "entry 300"
    assert report["findings"][0] == {
        "place": "entry 300",
        "problem": "it does not hash to what the tree says",
        "path": "tile/entries/001",
        "index": 300,
    }
    assert run(log, "--key", KEY, "--most", "1", "--quiet") == 1


def test_a_range(tmp_path: Path) -> None:
    write_directory(tmp_path / "log", log_of(1000).export(300, 400).items())
    assert run(tmp_path / "log", "--key", KEY, "--range", "300:400", "--quiet") == 0
    assert run(tmp_path / "log", "--key", KEY, "--quiet") == 1


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--key", KEY],
        ["{log}"],
        ["{log}", "--key", "nonsense"],
        ["{log}", "--key", "a+b+c"],
        ["{log}", "--key", KEY, "--range", "5"],
        ["{log}", "--key", KEY, "--range", "7:5"],
        ["{log}", "--key", KEY, "--checkpoint", "/nonexistent"],
        ["{log}", "--key", KEY, "--json", "/nonexistent/report"],
        ["{log}", "--policy", "{log}/checkpoint"],
        ["/nonexistent", "--key", KEY],
        ["{log}/checkpoint", "--key", KEY],
        ["http://", "--key", KEY],
        ["--key", KEY, "--receipt", "{log}/checkpoint"],
    ],
)
def test_questions_that_can_not_be_answered(
    words: list[str], log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word.replace("{log}", str(log)) for word in words]) == 2
    captured = capsys.readouterr().err
    assert captured.startswith("plumbline-verify: ")
    assert captured.count("\n") == 1


@pytest.mark.parametrize("words", [["--nonsense"], ["log", "--most", "0"], ["log", "--timeout", "nan"]])
def test_words_that_are_none(words: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(words)
    assert raised.value.code == 2


def test_what_can_not_be_checked_is_told_apart(log: Path, tmp_path: Path) -> None:
    """Status 2, and a report in JSON that says so, for whatever reason."""
    report = tmp_path / "report.json"
    unreadable = tmp_path / "nothing.zip"
    unreadable.write_bytes(b"")
    for words in (
        [unreadable],
        [tmp_path / "absent"],
        [log, "--range", "600:900"],
        [log, "--range", "5000:5001"],
        [log, "--range", "0:256", "--id", "id-300"],
        [log, "--policy", log / "checkpoint"],
    ):
        report.unlink(missing_ok=True)
        assert run(*words, "--key", KEY, "--quiet", "--json", report) == 2
        told = json.loads(report.read_text())
        assert (told["ok"], told["verdict"], len(told["unchecked"])) == (False, "unchecked", 1)


def test_a_receipt_is_for_an_event(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    event = b'{"specversion": "1.0"}'
    digest = hashlib.sha256(event).hexdigest()
    stored = leaf.encode({"action": "submission.received", "detail": {"sha256": digest}, "id": "e"})
    log = log_of(9).grow(stored)
    (tmp_path / "event").write_bytes(event)
    (tmp_path / "entry").write_bytes(stored)
    (tmp_path / "r").write_bytes(Proof(9, log.tree().inclusion(9), log.files["checkpoint"]).encode())
    asked = ["--key", KEY, "--receipt", tmp_path / "r", "--entry", tmp_path / "entry"]
    assert run(*asked, "--event", tmp_path / "event", "--id", "e") == 0
    assert "r is entry 9: submission.received" in capsys.readouterr().out
    assert run(*asked, "--event", tmp_path / "entry", "--quiet") == 1
    assert run(*asked, "--id", "f", "--quiet") == 1


def test_progress_is_shown_on_a_terminal_only(tmp_path: Path) -> None:
    """Also to somebody who sends the report elsewhere."""
    write_directory(tmp_path / "log", log_of(700).export().items())
    command = [sys.executable, "-m", "governance.audit.verify", str(tmp_path / "log"), "--key", KEY]

    def errors(*more: str) -> str:
        terminal, end = os.openpty()
        try:
            ran = subprocess.run([*command, *more], cwd=HOME, stdout=subprocess.PIPE, stderr=end)
            assert ran.returncode == 0
            os.set_blocking(terminal, False)
            try:
                return os.read(terminal, 1 << 16).decode()
            except BlockingIOError:
                return ""
        finally:
            os.close(end)
            os.close(terminal)

    assert "700/700" in errors()
    assert errors("--quiet") == ""
    ran = subprocess.run(command, cwd=HOME, capture_output=True)
    assert ran.stderr == b""


def test_names_that_others_gave_do_no_harm(tmp_path: Path) -> None:
    """A terminal acts upon some characters, and some can't be written at all."""
    loud = leaf.encode({"action": "a\x1b[2Jb\u202ec", "id": "loud"})
    write_directory(tmp_path / "log", log_of(3).grow(loud).export().items())
    (tmp_path / "log/\x1b[31mred").write_bytes(b"")
    Path(os.fsdecode(os.fsencode(tmp_path / "log") + b"/\xff")).write_bytes(b"")
    for environment in ({}, {"PYTHONIOENCODING": "ascii"}):
        ran = subprocess.run(
            [sys.executable, "-m", "governance.audit.verify", tmp_path / "log", "--key", KEY, "--id", "loud"],
            cwd=HOME,
            env=environment,
            capture_output=True,
        )
        assert (ran.returncode, ran.stderr) == (0, b"")
        assert b"id loud is entry 3: a\\x1b[2Jb\\u202ec\n" in ran.stdout
        assert b"\\udcff" in ran.stdout
        assert b"\x1b" not in ran.stdout


def test_a_fault_of_the_verifier_says_nothing_about_the_log(
    log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("governance.audit.verify.walk.root_of", None)
    assert run(log, "--key", KEY, "--quiet") == 2
    assert "Traceback" in capsys.readouterr().err


def test_the_help_tells_what_statuses_mean(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["--help"])
    assert raised.value.code == 0
    told = capsys.readouterr().out
    for words in (
        "0  everything that was asked holds",
        "1  something is wrong",
        "2  nothing wrong was found",
    ):
        assert words in told


def test_two_folders_are_all_it_takes(log: Path, tmp_path: Path) -> None:
    """What an auditor is given: these, and three packages."""
    home = tmp_path / "verifier"
    for room in ("tlog", "verify"):
        shutil.copytree(HOME / "governance/audit" / room, home / "governance/audit" / room)
    ran = subprocess.run(
        [sys.executable, "-m", "governance.audit.verify", log, "--key", KEY], cwd=home, capture_output=True
    )
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_it_runs_without_django_or_a_database(log: Path) -> None:
    script = (
        "import sys; from governance.audit.verify.__main__ import main; status = main(); "
        "loaded = {name.partition('.')[0] for name in sys.modules}; "
        "assert not loaded & {'django', 'psycopg', 'factory', 'lineage'}, loaded; sys.exit(status)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, str(log), "--key", KEY, "--quiet"],
        cwd=HOME,
        env={"PATH": ""},
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
