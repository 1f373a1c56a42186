"""Logs of any entries, in a directory or an archive: whatever is done to them is found, and where."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from governance.audit.tlog.cosignature import cosign
from governance.audit.tlog.export import write_archive
from governance.audit.tlog.merkle import leaf_hash
from governance.audit.tlog.notes import Note
from governance.audit.tlog.proof import Proof
from governance.audit.verify.asked import Trust
from governance.audit.verify.check import verify, verify_receipt
from governance.audit.verify.report import Report, Verdict
from governance.audit.verify.stores import Archive, Unreadable
from tests.governance.audit.tlog.logs import Files, Log, bounds, entry, log_of, signer

TRUST = Trust((signer().key,))
#: Few different entries, so that equal ones come up, empty ones among them.
ENTRIES = st.one_of(st.binary(max_size=4), st.sampled_from([b"", b"{}", b"x" * 300]))
LOGS = st.one_of(
    st.lists(ENTRIES, min_size=1, max_size=20),
    st.integers(200, 600).flatmap(
        lambda size: st.lists(ENTRIES, min_size=1, max_size=9).map(lambda e: e * size)
    ),
).map(lambda entries: Log().grow(*entries[:600]))
slow = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


def checked(files: dict[str, bytes]) -> Report:
    return verify(Files(files), TRUST)


@slow
@given(LOGS, st.data())
def test_one_byte(log: Log, data: st.DataObject) -> None:
    files = log.export()
    path = data.draw(st.sampled_from(sorted(files)))
    assume(files[path])
    content = bytearray(files[path])
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    report = checked(files | {path: bytes(content)})
    assert {finding.path for finding in report.findings} == {path}
    if "entries" in path and report.first and report.first.index is not None:
        # Nothing before that entry is blamed: it is the one that the byte is in.
        start = int(path.split("/")[2][:3]) * 256
        spans = list(bounds(log.entries[start : start + 256]))
        assert report.first.index == start + next(n for n, (a, b) in enumerate(spans) if a <= at < b)


@slow
@given(LOGS, st.data())
def test_one_entry_taken_out_put_in_or_moved(log: Log, data: st.DataObject) -> None:
    """With every tile as it should be for what is left; only the checkpoint can't be forged."""
    entries = list(log.entries)
    index = data.draw(st.integers(0, len(entries) - 1))
    match data.draw(st.sampled_from(["out", "in", "moved"])):
        case "out":
            del entries[index]
        case "in":
            entries.insert(index, data.draw(ENTRIES))
        case "moved":
            entries.insert(data.draw(st.integers(0, len(entries) - 1)), entries.pop(index))
    assume(entries != log.entries)
    forged = Log().grow(*entries).export() if entries else {}
    assert checked(forged | {"checkpoint": log.files["checkpoint"]}).verdict is Verdict.BAD
    bundles = {path: content for path, content in forged.items() if "entries" in path}
    report = checked({path: each for path, each in log.export().items() if "entries" not in path} | bundles)
    assert report.verdict is Verdict.BAD
    first = next(
        (n for n, (a, b) in enumerate(zip(entries, log.entries, strict=False)) if a != b),
        min(len(entries), len(log.entries)),
    )
    assert report.first is not None
    # The first entry that differs, or the bundle that isn't there in its width.
    assert report.first.index == first or first // 256 * 256 <= report.first.position <= first


@slow
@given(LOGS, st.data())
def test_an_older_checkpoint_put_in_place_of_the_newest(log: Log, data: st.DataObject) -> None:
    assume(len(log.entries) > 1)
    size = data.draw(st.integers(0, len(log.entries) - 1))
    older = Log().grow(*log.entries[:size]) if size else log_of(0)
    report = checked(log.export() | {"checkpoint": older.files["checkpoint"]})
    assert report.verdict is Verdict.BAD
    assert report.first is not None
    assert report.first.path and report.first.path.startswith("tile/")
    # Cut off to the last file it is a log, and only what was kept from later tells.
    cut = older.export() if size else {"checkpoint": older.files["checkpoint"]}
    assert checked(cut).ok
    kept = verify(Files(cut), TRUST, older=[("kept", log.files["checkpoint"])])
    assert [finding.place for finding in kept.findings] == ["kept"]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(LOGS, st.data())
def test_one_byte_of_an_archive(tmp_path: Path, log: Log, data: st.DataObject) -> None:
    """Where the byte is inside of a file, that file or the entry is named; else the archive."""
    file = tmp_path / "export.zip"
    write_archive(file, log.export().items())
    content = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        spans = {
            (each.header_offset + 30 + len(each.filename), each.compress_size): each.filename
            for each in archive.infolist()
        }
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    file.write_bytes(content)
    try:
        report = verify(Archive(file), TRUST)
    except Unreadable:
        return
    assert report.verdict is Verdict.BAD
    places = {finding.path or finding.place for finding in report.findings}
    for path in [path for (start, size), path in spans.items() if start <= at < start + size]:
        # A bit that packing leaves unused changes the archive and not the file.
        assert path in places or Archive(file).read(path, 1 << 20) == log.files[path]


# --- receipts -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("size", "index"), [(1, 0), (7, 4), (700, 511)])
def test_every_byte_of_a_receipt(size: int, index: int) -> None:
    log = log_of(size)
    whole = Proof(index, log.tree().inclusion(index), log.files["checkpoint"]).encode()
    for at in range(len(whole)):
        for bit in (0x01, 0x20, 0x80):
            content = bytearray(whole)
            content[at] ^= bit
            alone = verify_receipt("r", bytes(content), entry(index), TRUST)
            with_log = (
                verify(Files(log.files), TRUST, receipts=[("r", bytes(content))]) if bit == 1 else alone
            )
            for report in (alone, with_log):
                assert [finding.place for finding in report.findings] == ["r"], (at, bit)


def test_a_receipt_cut_off_or_put_together() -> None:
    log, other = log_of(700), log_of(400)
    whole = Proof(5, log.tree().inclusion(5), log.files["checkpoint"]).encode()
    for length in range(len(whole)):
        assert not verify_receipt("r", whole[:length], entry(5), TRUST).ok
    for proof in (
        Proof(5, log.tree().inclusion(5), other.files["checkpoint"]),
        Proof(5, other.tree().inclusion(5), log.files["checkpoint"]),
        Proof(6, log.tree().inclusion(5), log.files["checkpoint"]),
        Proof(5, log.tree().inclusion(5)[:-1], log.files["checkpoint"]),
        Proof(5, (*log.tree().inclusion(5), leaf_hash(b"")), log.files["checkpoint"]),
        Proof(5, log.tree().inclusion(5)[::-1], log.files["checkpoint"]),
    ):
        assert not verify_receipt("r", proof.encode(), entry(5), TRUST).ok


def test_what_the_standard_passes_over_in_a_receipt() -> None:
    """Further data, which nobody signed, and signatures of keys that nobody named."""
    log = log_of(7)
    note = Note.parse(log.files["checkpoint"])
    cosigned = note.with_signatures(cosign(note.text, signer("w.test", cosigner=True), 1)).encode()
    receipt = Proof(3, log.tree().inclusion(3), cosigned, extra=b"anything").encode()
    report = verify_receipt("r", receipt, entry(3), TRUST)
    assert report.ok
    assert report.warnings == ["r: the signature by w.test is of an unknown key, not checked"]
