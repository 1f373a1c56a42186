"""Whatever is done to an export is reported, with its place and with no other."""

from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.audit.tlog.checkpoint import Checkpoint
from governance.audit.tlog.tiles import parse_path
from governance.audit.verify.asked import Trust
from governance.audit.verify.check import verify
from governance.audit.verify.report import Report
from tests.governance.audit.tlog.logs import Files, Log, bounds, log_of, signer

TRUST = Trust((signer().key,))


def checked(files: dict[str, bytes]) -> Report:
    return verify(Files(files), TRUST)


@cache
def log(size: int) -> Log:
    return log_of(size, *(step for step in (3, 200, 300, 40_000) if step < size))


SIZES = [1, 2, 7, 255, 256, 257, 700]


@pytest.mark.parametrize("size", [0, *SIZES, 66_000])
def test_a_log_as_it_was_written_holds(size: int) -> None:
    """Partial tiles that were superseded may still lie there, or be gone."""
    report = checked(log(size).files)
    assert report.ok, report.findings
    assert (report.entries_checked, report.size) == (size, size)
    assert not report.warnings
    assert checked(log(size).export()).ok


def blamed(report: Report, *paths: str) -> None:
    """Check that of all files these and no others are blamed, the one that comes first as the first."""
    assert not report.ok
    assert {finding.path for finding in report.findings} == set(paths)
    assert report.first is not None
    starts = {path: -1 if path == "checkpoint" else parse_path(path).start for path in paths}
    assert starts[report.first.path or ""] == min(starts.values())


def changes(size: int) -> Iterator[tuple[str, int]]:
    for path, content in log(size).files.items():
        for at in range(len(content)):
            yield path, at


@pytest.mark.parametrize("bit", [0x01, 0x80, 0x20])
def test_every_byte_of_a_small_log(bit: int) -> None:
    files = log(7).files
    entries = log(7).entries
    for path, at in changes(7):
        content = bytearray(files[path])
        content[at] ^= bit
        report = checked(files | {path: bytes(content)})
        blamed(report, path)
        assert report.first is not None
        if path == "tile/entries/000.p/7":
            assert report.first.index == next(
                index for index, (start, end) in enumerate(bounds(entries)) if start <= at < end
            )


@st.composite
def logs(draw: st.DrawFn) -> Log:
    return log(draw(st.sampled_from(SIZES)))


@settings(max_examples=150, deadline=None)
@given(logs(), st.data())
def test_a_byte_changed(log: Log, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(log.files)))
    content = bytearray(log.files[path])
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    blamed(checked(log.files | {path: bytes(content)}), path)


@settings(max_examples=100, deadline=None)
@given(logs(), st.data())
def test_a_file_cut_or_lengthened(log: Log, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(log.files)))
    content = log.files[path]
    other = data.draw(
        st.one_of(
            st.integers(0, len(content) - 1).map(lambda length: content[:length]),
            st.binary(min_size=1, max_size=70).map(lambda more: content + more),
        )
    )
    blamed(checked(log.files | {path: other}), path)


@pytest.mark.parametrize("size", SIZES)
def test_a_file_deleted(size: int) -> None:
    files = log(size).export()
    for path in files:
        blamed(checked({name: content for name, content in files.items() if name != path}), path)


@settings(max_examples=200, deadline=None)
@given(logs(), st.data())
def test_two_files_swapped(log: Log, data: st.DataObject) -> None:
    tiles = sorted(log.files.keys() - {"checkpoint"})
    one, other = data.draw(st.sampled_from(tiles)), data.draw(st.sampled_from(tiles))
    if log.files[one] == log.files[other]:
        return
    contents = {one: log.files[other], other: log.files[one]}
    report = checked(log.files | contents)
    found = {finding.path for finding in report.findings}
    # A partial tile and its bundle, both gone, leave nothing that leads to the signed root.
    assert {one, other} <= found <= {one, other, "checkpoint"}
    assert report.first is not None
    assert report.first.path in (one, other)


def bundles_of(entries: list[bytes]) -> dict[str, bytes]:
    files = Log().grow(*entries).files
    return {path: content for path, content in files.items() if "entries" in path}


@settings(max_examples=60, deadline=None)
@given(logs(), st.data())
def test_two_entries_swapped(log: Log, data: st.DataObject) -> None:
    index = st.integers(0, len(log.entries) - 1)
    one, other = sorted((data.draw(index), data.draw(index)))
    if one == other:
        return
    entries = list(log.entries)
    entries[one], entries[other] = entries[other], entries[one]
    report = checked(log.export() | bundles_of(entries))
    assert report.first is not None
    assert report.first.index == one


@pytest.mark.parametrize(
    "path",
    ["tile/0/999", "tile/entries/x001/000", "tile/5/000.p/1", "tile/0/0", "tile/x", "tile/0/002.p/255"],
)
def test_a_file_that_does_not_belong_there(path: str) -> None:
    report = checked(log(700).files | {path: b"x"})
    assert [finding.path for finding in report.findings] == [path]


def test_other_files_are_named_but_do_no_harm() -> None:
    report = checked(log(7).files | {"README.txt": b"hello"})
    assert report.ok
    assert report.warnings == ["not part of the log and not checked: README.txt"]


# --- three levels, several at once ----------------------------------------------------------------------
@pytest.mark.parametrize(
    "path",
    ["tile/2/000.p/1", "tile/1/000", "tile/1/001.p/1", "tile/0/007", "tile/0/257.p/208", "tile/entries/100"],
)
def test_levels_of_a_large_log(path: str) -> None:
    files = log(66_000).export()
    changed = bytearray(files[path])
    changed[17] ^= 1
    blamed(checked(files | {path: bytes(changed)}), path)
    if path != "tile/entries/100":
        blamed(checked({name: content for name, content in files.items() if name != path}), path)


def test_several_places_at_once() -> None:
    files = log(700).export()
    paths = ["tile/0/001", "tile/1/000.p/2", "tile/entries/002.p/188"]
    for path in paths:
        changed = bytearray(files[path])
        changed[40] ^= 1
        files[path] = bytes(changed)
    report = checked(files)
    assert set(paths) <= {finding.path for finding in report.findings}


def test_an_entry_changed_together_with_its_tile() -> None:
    """The tile above tells, and blames both, for it can't know which of the 256 entries it was."""
    files = log(700).export()
    entries = list(log(700).entries)
    entries[300] = b"{}"
    forged = Log().grow(*entries)
    for path in ("tile/entries/001", "tile/0/001"):
        files[path] = forged.files[path]
    report = checked(files)
    assert report.first is not None
    assert report.first.place == "tile/0/001"


def test_a_tree_that_agrees_with_itself_only() -> None:
    forged = Log().grow(*log(6).entries, b"{}")
    report = checked(forged.files | {"checkpoint": log(7).files["checkpoint"]})
    assert report.first is not None
    assert report.first.place == "checkpoint"
    assert "does not lead to the root hash" in report.first.problem


def test_the_search_ends() -> None:
    """A log that claims to be huge, and has nothing."""
    head = Checkpoint(signer().key.name, (1 << 62) + 12_345, bytes(32))
    report = checked({"checkpoint": head.sign(signer()).encode()})
    assert report.stopped
    assert len(report.findings) == 20
