"""A log that follows upon an older one says so in its first entry."""

from typing import Any

import pytest

from governance.audit.tlog import leaf
from governance.audit.tlog.checkpoint import Checkpoint
from governance.audit.tlog.notes import Ed25519Signer, encode_base64
from governance.audit.verify.asked import Trust
from governance.audit.verify.check import verify
from governance.audit.verify.report import Report, Verdict
from governance.audit.verify.words import in_words
from tests.governance.audit.tlog.logs import Files, Log, entry, log_of, signer

OLD = signer("plumbline.test/old")
TRUST = Trust((signer().key,))
BOTH = Trust((signer().key, OLD.key))


def old_log(size: int, first: bytes = entry(0)) -> Log:
    return Log(OLD).grow(first, *map(entry, range(1, size)))


def begun(cites: Any) -> Log:
    first = leaf.encode({"action": "log.begun", "id": "begun", "detail": {"cites": cites}})
    return Log().grow(first, *map(entry, range(1, 300)))


def citing(old: Checkpoint) -> Log:
    return begun({"origin": old.origin, "size": old.size, "root": encode_base64(old.root)})


def checked(old: bytes, trust: Trust = BOTH, log: Log | None = None, **asked: Any) -> Report:
    files = (log or citing(old_log(500).checkpoint())).files
    return verify(Files(files), trust, older=[("old.txt", old)], **asked)


def signed(log: Log, key: Ed25519Signer = OLD) -> bytes:
    return log.checkpoint().sign(key).encode()


def test_the_checkpoint_that_is_cited() -> None:
    report = checked(signed(old_log(500)))
    assert report.verdict is Verdict.GOOD, report.findings
    assert report.cited == ["old.txt"]
    assert report.cites is not None
    assert (report.cites.origin, report.cites.size) == ("plumbline.test/old", 500)
    assert not report.warnings
    assert "old.txt is the checkpoint of that log" in in_words(report, 1)


def test_without_a_key_of_the_older_log_only_what_it_says_is_compared() -> None:
    report = checked(signed(old_log(500)), TRUST)
    assert (report.verdict, report.cited) == (Verdict.GOOD, ["old.txt"])
    assert "not who signed it" in report.warnings[0]


@pytest.mark.parametrize(
    ("old", "problem"),
    [
        (signed(old_log(500, first=b"{}")), "another history"),
        (signed(old_log(600)), "left behind"),
        (signed(old_log(500), signer("plumbline.test/nobody")), "no known key"),
        (signed(log_of(500)), "no known key"),
        (Checkpoint("else.test", 5, bytes(32)).sign(OLD).encode(), "cites plumbline.test/old"),
    ],
)
def test_another_checkpoint(old: bytes, problem: str) -> None:
    report = checked(old)
    assert [finding.place for finding in report.findings] == ["old.txt"]
    assert report.cited == []
    assert problem in report.findings[0].problem


def test_every_byte_of_the_checkpoint_that_is_cited() -> None:
    old = signed(old_log(500))
    for at in range(len(old)):
        changed = bytearray(old)
        changed[at] ^= 1 << at % 8
        report = checked(bytes(changed))
        assert [finding.place for finding in report.findings] == ["old.txt"]


def test_one_that_is_older_than_what_is_cited_has_to_be_held_against_the_older_log() -> None:
    report = checked(signed(old_log(400)))
    assert report.verdict is Verdict.UNCHECKED
    assert "older than the one cited" in report.unchecked[0].problem


def test_a_log_that_cites_none() -> None:
    report = checked(signed(old_log(500)), log=log_of(300))
    assert report.verdict is Verdict.BAD
    assert "cites no other" in report.findings[0].problem


@pytest.mark.parametrize(
    "cites", ["plumbline.test/old", {"origin": "x"}, {"origin": 1, "size": 2, "root": 3}]
)
def test_a_citation_that_is_none(cites: Any) -> None:
    report = verify(Files(begun(cites).files), TRUST)
    assert [finding.place for finding in report.findings] == ["entry 0"]


def test_what_begins_without_citing() -> None:
    assert verify(Files(begun(None).files), TRUST).verdict is Verdict.GOOD


def test_whoever_looks_at_a_range_does_not_know() -> None:
    log = citing(old_log(500).checkpoint())
    report = checked(signed(old_log(500)), log=log, start=260, end=300)
    assert report.verdict is Verdict.UNCHECKED
    assert "entry 0" in report.unchecked[0].problem
