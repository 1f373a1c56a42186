"""Timestamps (RFC 3161) by a real authority, `openssl ts`: held against the log, and each way to be wrong."""

import json
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from governance.audit.tlog.export import stamp_files, write_archive, write_directory
from governance.audit.verify.__main__ import main
from governance.audit.verify.asked import Trust
from governance.audit.verify.check import verify
from governance.audit.verify.report import Report, Verdict
from governance.audit.verify.words import in_words
from tests.governance.audit.tlog.logs import Files, Log, log_of, signer
from tests.governance.audit.verify.test_history import forged
from tests.governance.audit.verify.test_stores import reply, served
from tests.governance.audit.witness.authority import Authority

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to stamp with")
HOME = Path(__file__).parents[4]
KEY = str(signer().key)
TRUST = Trust((signer().key,))
LOG = log_of(700, 300)
NOTE = log_of(300).files["checkpoint"]
TOKEN, CHECKPOINT = "timestamps/300.1.tsr", "timestamps/300.checkpoint"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("other"))


def over(authority: Authority, content: bytes) -> bytes:
    query = TimestampRequestBuilder().data(content).hash_algorithm(HashAlgorithm.SHA256).build()
    return authority.answer(query.as_bytes())


@pytest.fixture(scope="module")
def token(authority: Authority) -> bytes:
    return over(authority, NOTE)


def exported(token: bytes, note: bytes = NOTE, log: Log = LOG) -> dict[str, bytes]:
    return log.export() | dict(stamp_files([(300, note, token)]))


def checked(files: dict[str, bytes], *authorities: Authority, **asked: object) -> Report:
    return verify(Files(files), TRUST, authorities=[each.root for each in authorities], **asked)  # type: ignore[arg-type]


def found(report: Report) -> list[tuple[str, str]]:
    return [(finding.place, finding.problem) for finding in report.findings]


def test_one_that_holds(authority: Authority, other: Authority, token: bytes) -> None:
    report = checked(exported(token), authority)
    assert report.ok
    (stamp,) = report.timestamps
    assert (stamp.timestamp, stamp.checkpoint, stamp.size) == (TOKEN, CHECKPOINT, 300)
    assert stamp.authority == "CN=Test Authority"
    assert report.as_json()["timestamps"] == [
        {
            "timestamp": TOKEN,
            "checkpoint": CHECKPOINT,
            "size": 300,
            "at": stamp.at,
            "authority": stamp.authority,
        }
    ]
    said = in_words(report, 1)
    assert f"the first 300 entries existed at {stamp.at[:10]} {stamp.at[11:19]} UTC" in said
    assert "by the word of CN=Test Authority (timestamps/300.1.tsr)" in said
    assert "beside the timestamps, only the log's own key vouches" in said
    two = exported(token) | {"timestamps/300.2.tsr": over(other, NOTE)}
    assert [each.timestamp[-5:] for each in checked(two, authority, other).timestamps] == ["1.tsr", "2.tsr"]


def test_without_an_authority_they_are_not_checked(token: bytes) -> None:
    report = checked(exported(token[:-1]))
    assert report.ok and not report.timestamps
    assert any("timestamps were not checked, and there are 1" in warning for warning in report.warnings)


def test_over_another_checkpoint(authority: Authority, token: bytes) -> None:
    later = log_of(301).files["checkpoint"]
    files = LOG.export() | dict(stamp_files([(301, later, token)]))
    ((place, problem),) = found(checked(files, authority))
    assert place == "timestamps/301.1.tsr"
    assert "Mismatch between messages" in problem and problem.endswith("over timestamps/301.checkpoint")


def test_by_another_authority(authority: Authority, other: Authority, token: bytes) -> None:
    ((place, problem),) = found(checked(exported(token), other))
    assert (place, "unable to get local issuer certificate" in problem) == (TOKEN, True)
    both = exported(token) | {"timestamps/300.2.tsr": over(other, NOTE)}
    report = checked(both, authority)
    assert [place for place, _ in found(report)] == ["timestamps/300.2.tsr"]
    assert [each.timestamp for each in report.timestamps] == [TOKEN], "the others still count"


def test_a_flipped_byte_of_what_was_stamped(authority: Authority, token: bytes) -> None:
    for at in range(0, len(NOTE), 7):
        changed = NOTE[:at] + bytes([NOTE[at] ^ 1]) + NOTE[at + 1 :]
        report = checked(exported(token, changed), authority)
        assert not report.timestamps
        assert report.first is not None and report.first.place in (CHECKPOINT, TOKEN)


def test_a_flipped_byte_of_the_token(authority: Authority, token: bytes) -> None:
    """Or one that nobody reads and nothing vouches for; see test_timestamp.py for every byte."""
    genuine = checked(exported(token), authority).timestamps
    refused = 0
    for at in range(0, len(token), 41):
        report = checked(exported(token[:at] + bytes([token[at] ^ 1]) + token[at + 1 :]), authority)
        assert report.timestamps in ([], genuine)
        refused += [place for place, _ in found(report)] == [TOKEN]
    assert refused > len(token) / 41 * 0.9


def test_over_a_history_that_is_another(authority: Authority) -> None:
    """The key's holder rewrote the log, and what was stamped before betrays it."""
    ((place, problem),) = found(checked(exported(over(authority, NOTE), log=forged(700, 17)), authority))
    assert (place, "not its continuation" in problem) == (CHECKPOINT, True)


@pytest.mark.parametrize(
    ("note", "problem"),
    [
        (log_of(701).files["checkpoint"], "the log only 700"),
        (log_of(299).files["checkpoint"], "it is of 299 entries, not of 300"),
        (log_of(300).checkpoint().sign(signer("somebody.test/else")).encode(), ""),
        (Log(signer("plumbline.test/other")).grow(b"{}").files["checkpoint"], ""),
        (b"nonsense", ""),
        (b"x" * (1 << 21), "more than"),
    ],
)
def test_over_what_is_no_checkpoint_of_the_log(authority: Authority, note: bytes, problem: str) -> None:
    report = checked(exported(over(authority, note), note), authority)
    assert [place for place, _ in found(report)] == [CHECKPOINT]
    assert problem in found(report)[0][1] and not report.timestamps


def test_files_that_are_missing_or_belong_to_none(authority: Authority, token: bytes) -> None:
    files = exported(token)
    del files[CHECKPOINT]
    assert found(checked(files, authority)) == [(CHECKPOINT, "the file is missing")]
    files = exported(token) | {"timestamps/7.checkpoint": b"", "timestamps/x.tsr": b"", "timestamps/": b""}
    report = checked(files, authority)
    assert report.ok and any("timestamps/7.checkpoint, timestamps/x.tsr" in each for each in report.warnings)
    report = checked(LOG.export(), authority)
    assert (report.verdict, report.unchecked[0].problem) == (Verdict.UNCHECKED, "there are none to check")


def test_given_with_a_checkpoint_that_was_kept(authority: Authority, other: Authority, token: bytes) -> None:
    later = log_of(400).files["checkpoint"]
    kept = [("june", NOTE), ("july", later)]
    stamps = [("june.tsr", token), ("july.tsr", over(authority, later))]
    report = checked(LOG.export(), authority, older=kept, timestamps=stamps)
    assert report.ok and [(each.checkpoint, each.size) for each in report.timestamps] == kept_sizes()
    report = checked(LOG.export(), authority, older=kept[::-1], timestamps=stamps)
    assert [place for place, _ in found(report)] == ["june.tsr", "july.tsr"]
    report = checked(forged(700, 17).export(), authority, older=kept, timestamps=stamps)
    assert [place for place, _ in found(report)] == ["june", "july"] and not report.timestamps


def kept_sizes() -> list[tuple[str, int]]:
    return [("june", 300), ("july", 400)]


def test_the_command(
    authority: Authority, token: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_archive(tmp_path / "log.zip", exported(token).items())
    (tmp_path / "note").write_bytes(NOTE)
    (tmp_path / "note.tsr").write_bytes(token)
    ca = str(authority.folder / "root.pem")
    words = [str(tmp_path / "log.zip"), "--key", KEY]
    given = ["--checkpoint", str(tmp_path / "note"), "--timestamp", str(tmp_path / "note.tsr")]
    assert main([*words, "--timestamp-ca", ca, *given, "--json", "-"]) == 0
    assert len(json.loads(capsys.readouterr().out)["timestamps"]) == 2
    for wrong in (
        ["--timestamp-ca", str(tmp_path / "note")],
        ["--timestamp-ca", "/nonexistent"],
        given,
        [*given, *given[2:], "--timestamp-ca", ca],
    ):
        assert main([*words, *wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert main(["--key", KEY, "--receipt", str(tmp_path / "note"), "--timestamp-ca", ca]) == 2


def test_the_package_is_asked_for_only_where_it_is_needed(token: bytes, tmp_path: Path) -> None:
    write_directory(tmp_path / "log", exported(token).items())
    script = (
        "import sys; sys.modules['rfc3161_client'] = None; "
        "from governance.audit.verify.__main__ import main; sys.exit(main())"
    )

    def run(*more: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", script, str(tmp_path / "log"), "--key", KEY, "--quiet", *more]
        return subprocess.run(command, cwd=HOME, capture_output=True, text=True)

    assert run().returncode == 0
    ran = run("--timestamp-ca", "ca.pem")
    assert ran.returncode == 2
    assert "rfc3161-client" in ran.stderr and ran.stderr.count("\n") == 1


def test_of_a_log_at_an_address(authority: Authority, token: bytes, tmp_path: Path) -> None:
    """By the numbers in its list; addresses in it are not followed."""
    listed = {"results": [{"id": 5, "size": 300, "address": "http://127.0.0.1:1/"}], "next": None}
    files = LOG.export() | {"checkpoints/300": NOTE, "timestamps/5.tsr": token}
    files["timestamps"] = json.dumps(listed).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        content = files.get(handler.path.removeprefix("/"))
        reply(handler, 404 if content is None else 200, content or b"")

    report = tmp_path / "report.json"
    asked = [
        "--key",
        KEY,
        "--timestamp-ca",
        str(authority.folder / "root.pem"),
        "--quiet",
        "--json",
        str(report),
    ]
    with served(answer) as url:
        assert main([url, *asked]) == 0
        (stamp,) = json.loads(report.read_text())["timestamps"]
        assert (stamp["timestamp"], stamp["checkpoint"]) == ("timestamps/5.tsr", "checkpoints/300")
        files["timestamps/5.tsr"] = token[:-1]
        assert main([url, *asked]) == 1
        for nonsense in (
            b"[]",
            b"{",
            b'{"results": [{"id": "../x", "size": 1}]}',
            b'{"results": 5}',
            b"\xff",
        ):
            files["timestamps"] = nonsense
            assert main([url, *asked]) == 1
            assert json.loads(report.read_text())["first_bad_place"] == "timestamps"
        del files["timestamps"]
        assert main([url, *asked]) == 2
