"""Forged histories, cosignatures, receipts, and looking for entries."""

import hashlib
import json

import pytest

from governance.audit.tlog import leaf
from governance.audit.tlog.checkpoint import Checkpoint
from governance.audit.tlog.cosignature import cosign
from governance.audit.tlog.merkle import EMPTY_ROOT, leaf_hash
from governance.audit.tlog.notes import Note, Signature
from governance.audit.tlog.policy import Policy
from governance.audit.tlog.proof import Proof
from governance.audit.verify.asked import Trust, Wanted
from governance.audit.verify.check import verify, verify_receipt
from governance.audit.verify.report import Report
from tests.governance.audit.tlog.logs import ORIGIN, Files, Log, entry, log_of, signer

TRUST = Trust((signer().key,))
WITNESS = signer("witness.test/1", cosigner=True)
POLICY = Policy.parse(f"log {signer().key}\nwitness one {WITNESS.key}\nquorum one\n".encode())
WITNESSED = Trust(policy=POLICY)


def places(report: Report) -> list[str]:
    return [finding.place for finding in report.findings]


def forged(size: int, index: int) -> Log:
    """The key holder writes the history anew, with another entry at `index`, and signs it."""
    entries = [entry(number) for number in range(size)]
    entries[index] = leaf.encode({"id": f"id-{index}", "action": "nothing.happened"})
    return Log().grow(*entries)


def cosigned(log: Log) -> bytes:
    note = Note.parse(log.files["checkpoint"])
    return note.with_signatures(cosign(note.text, WITNESS, 1_700_000_000)).encode()


@pytest.mark.parametrize(
    ("size", "index", "seen"), [(300, 0, 1), (300, 17, 18), (700, 255, 256), (700, 600, 650)]
)
def test_a_forged_history_is_caught_by_an_older_checkpoint(size: int, index: int, seen: int) -> None:
    log, older = forged(size, index), log_of(seen).files["checkpoint"]
    assert verify(Files(log.files), TRUST).ok, "by itself it holds: that is why checkpoints are kept"
    report = verify(Files(log.files), TRUST, older=[("seen.txt", older)])
    assert places(report) == ["seen.txt"]
    assert report.first is not None
    assert "not its continuation" in report.first.problem
    before = log_of(index).files["checkpoint"]
    assert verify(Files(log.files), TRUST, older=[("before.txt", before)]).consistent_with == {
        "before.txt": index
    }


def test_a_forged_history_is_caught_by_a_cosignature() -> None:
    honest = log_of(300)
    report = verify(Files(honest.files | {"checkpoint": cosigned(honest)}), WITNESSED)
    assert report.ok
    assert report.quorum_met
    assert report.cosigned_by == {"one": "2023-11-14T22:13:20+00:00"}
    log = forged(300, 17)
    report = verify(Files(log.files), WITNESSED)
    assert places(report) == ["checkpoint"]
    assert report.quorum_met is False
    # With the witness's signature under the honest checkpoint copied over.
    copied = Note.parse(log.files["checkpoint"]).with_signatures(Note.parse(cosigned(honest)).signatures[1])
    report = verify(Files(log.files | {"checkpoint": copied.encode()}), WITNESSED)
    assert report.first is not None
    assert "witness.test/1 is not valid" in report.first.problem
    # With the honest checkpoint itself.
    report = verify(Files(log.files | {"checkpoint": cosigned(honest)}), WITNESSED)
    assert not report.ok


def test_a_signature_of_an_unknown_key_is_named() -> None:
    report = verify(Files(log_of(3).files | {"checkpoint": cosigned(log_of(3))}), TRUST)
    assert report.ok
    assert report.warnings == [
        "checkpoint: the signature by witness.test/1 is of an unknown key, not checked"
    ]


def test_a_log_that_was_cut_off() -> None:
    report = verify(Files(log_of(300).files), TRUST, older=[("seen", log_of(301).files["checkpoint"])])
    assert report.first is not None
    assert "has 301 entries, the log only 300" in report.first.problem


def test_older_checkpoints_of_all_sizes() -> None:
    older = [
        (str(size), log_of(size).files["checkpoint"]) for size in (0, 1, 2, 255, 256, 257, 512, 699, 700)
    ]
    report = verify(Files(log_of(700).files), TRUST, older=older)
    assert report.ok, report.findings
    assert report.consistent_with == {name: int(name) for name, _ in older}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense",
        Checkpoint(ORIGIN, 0, EMPTY_ROOT).sign(signer("other.test")).encode(),
        Checkpoint("other.test", 0, EMPTY_ROOT).sign(signer("other.test")).encode(),
    ],
)
def test_older_checkpoints_that_are_none(data: bytes) -> None:
    assert places(verify(Files(log_of(7).files), TRUST, older=[("seen", data)])) == ["seen"]


def test_a_log_of_somebody_else() -> None:
    for trust in (Trust((signer("other.test").key,)), Trust((signer().key,), origin="other.test")):
        assert places(verify(Files(log_of(7).files), trust)) == ["checkpoint"]


# --- ranges ---------------------------------------------------------------------------------------------
def test_a_range_is_checked_with_what_it_takes() -> None:
    log = log_of(70_000)
    files = log.export(1000, 1030)
    assert len(files) == 9
    report = verify(Files(files), TRUST, start=1000, end=1030)
    assert report.ok, report.findings
    assert report.entries_checked == 512
    assert not verify(Files(files), TRUST).ok
    for path, content in files.items():
        changed = content[:-1] + bytes([content[-1] ^ 1])
        report = verify(Files(files | {path: changed}), TRUST, start=1000, end=1030)
        assert not report.ok
        assert path in " ".join(map(str, report.findings))
        without = {name: each for name, each in files.items() if name != path}
        report = verify(Files(without), TRUST, start=1000, end=1030)
        assert path in {finding.path for finding in report.findings}


def test_a_pruned_log() -> None:
    """Full tiles that end at or before the minimum index may be gone (c2sp.org/tlog-tiles, pruning)."""
    log = log_of(1000)
    files = log.export(600)
    assert "tile/0/001" not in files
    older = [("seen", log_of(700).files["checkpoint"])]
    assert verify(Files(files), TRUST, start=600, older=older).ok


# --- looking for entries --------------------------------------------------------------------------------
def test_entries_are_found() -> None:
    event = b'{"eventTime": "2026-01-01T00:00:00Z"}'
    digest = hashlib.sha256(event).hexdigest()
    stored = leaf.encode({"id": "the-one", "action": "submission.stored", "after": digest})
    log = log_of(300).grow(stored, *map(entry, range(300, 400)))
    pretty = json.dumps(json.loads(entry(17)), indent=2).encode()
    wanted = [
        Wanted.entry("file", pretty),
        Wanted.entry("exact", entry(18)),
        Wanted.by_id("the-one"),
        Wanted.by_id("id-399"),
        Wanted.naming("event", event),
    ]
    report = verify(Files(log.files), TRUST, wanted=wanted)
    assert report.ok
    assert report.included == {
        "file": [17],
        "exact": [18],
        "id the-one": [300],
        "id id-399": [400],
        "event": [300],
    }


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted.entry("x", b"{}"),
        Wanted.by_id("id-3"),
        Wanted.by_id("thing.happened"),
        Wanted.naming("x", b"y"),
    ],
)
def test_what_is_not_there_is_said(wanted: Wanted) -> None:
    report = verify(Files(log_of(3).files), TRUST, wanted=[wanted])
    assert places(report) == [wanted.label]
    assert report.included == {wanted.label: []}


# --- receipts -------------------------------------------------------------------------------------------
def receipt(log: Log, index: int) -> bytes:
    return Proof(index, log.tree().inclusion(index), log.files["checkpoint"]).encode()


def test_a_receipt_agrees_with_the_log_it_is_of() -> None:
    log = log_of(700)
    given = [("late", receipt(log, 3)), ("early", receipt(log_of(300), 299))]
    report = verify(Files(log.files), TRUST, receipts=given)
    assert report.ok, report.findings
    assert report.consistent_with == {"late": 700, "early": 300}
    assert report.included == {"late": [3], "early": [299]}


def test_a_receipt_of_a_forged_history() -> None:
    for index in (17, 18):
        report = verify(Files(log_of(700).files), TRUST, receipts=[("r", receipt(forged(300, 17), index))])
        assert places(report) == ["r"]
    cut_off = verify(Files(log_of(5).files), TRUST, receipts=[("r", receipt(log_of(300), 17))])
    assert places(cut_off) == ["r"]
    assert places(verify(Files(log_of(5).files), TRUST, receipts=[("r", b"?")])) == ["r"]


def test_a_receipt_alone() -> None:
    log = log_of(300)
    assert verify_receipt("r", receipt(log, 17), entry(17), TRUST).ok
    assert not verify_receipt("r", receipt(log, 17), entry(18), TRUST).ok
    assert not verify_receipt("r", receipt(log, 17), entry(17), WITNESSED).ok
    log.files["checkpoint"] = cosigned(log)
    assert verify_receipt("r", receipt(log, 17), entry(17), WITNESSED).ok
    line = Note.parse(log.files["checkpoint"]).signatures[1]
    false = str(Signature(line.name, line.key_id, line.value[:-1] + b"x"))
    broken = receipt(log, 17).replace(str(line).encode(), false.encode())
    assert places(verify_receipt("r", broken, entry(17), WITNESSED)) == ["r"]


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    verify(Files(log_of(700).files), TRUST, progress=lambda done, total: told.append((done, total)))
    assert told == [(256, 700), (512, 700), (700, 700)]
    assert leaf_hash(entry(0)) == log_of(1).edge.root()
