"""Logs whose beginning was pruned (c2sp.org/tlog-tiles, pruning): what may be missing, and what may not."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.audit.tlog import leaf
from governance.audit.tlog.proof import Proof
from governance.audit.tlog.tiles import WIDTH, Tile, parse_path, right_edge
from governance.audit.verify.asked import Trust, Wanted
from governance.audit.verify.check import verify
from governance.audit.verify.report import Report, Verdict
from tests.governance.audit.tlog.logs import Files, Log, entry, log_of, signer

TRUST = Trust((signer().key,))


def pruned_entry(minimum: object, **more: object) -> bytes:
    detail = {"minimum_index": minimum}
    return leaf.encode({"action": "log.pruned", "id": "pruned", "detail": detail, **more})


@cache
def log(size: int, minimum: int, said: bytes | None = None) -> Log:
    """A log of `size` entries in which, in the middle of the rest, stands that it is pruned."""
    entries = [entry(number) for number in range(size)]
    entries[(minimum + size) // 2] = said or pruned_entry(minimum)
    return Log().grow(*entries)


def may_go(path: str, minimum: int) -> bool:
    if path == "checkpoint":
        return False
    tile = parse_path(path)
    return tile.width == WIDTH and tile.end <= minimum


def kept(log: Log, minimum: int) -> dict[str, bytes]:
    return {path: content for path, content in log.export().items() if not may_go(path, minimum)}


def checked(files: dict[str, bytes], **asked: object) -> Report:
    return verify(Files(files), TRUST, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "minimum"),
    [(700, 0), (700, 100), (700, 256), (700, 600), (1000, 999), (70_000, 1000), (70_000, 66_000)],
)
def test_what_the_log_says_is_pruned_may_be_missing(size: int, minimum: int) -> None:
    files = kept(log(size, minimum), minimum)
    report = checked(files)
    assert report.verdict is Verdict.GOOD, report.findings
    absent = minimum // WIDTH * WIDTH
    assert report.entries_checked == size - absent
    if minimum:
        assert report.pruned is not None
        assert report.pruned.minimum_index == minimum
        assert report.pruned.entry == (minimum + size) // 2
        assert report.pruned.absent == absent
    # Nothing has to be gone.
    assert checked(log(size, minimum).export()).entries_checked == size


def test_what_was_never_said_may_not() -> None:
    files = kept(log_of(1000), 600)
    report = checked(files)
    assert report.verdict is Verdict.BAD
    assert report.first is not None
    assert report.first.place == "tile/0/000"
    assert {finding.place for finding in report.findings} == {
        f"tile/{level}/{index}" for level in ("0", "entries") for index in ("000", "001")
    }


def test_nor_what_lies_above_the_minimum_index() -> None:
    files = kept(log(1000, 300), 600)
    report = checked(files)
    assert [finding.place for finding in report.findings] == ["tile/0/001", "tile/entries/001"]


@pytest.mark.parametrize(
    "said",
    [
        pruned_entry(600, outcome="denied"),
        pruned_entry(600, action="log.considered"),
        pruned_entry("600"),
        pruned_entry(-1),
        pruned_entry(100_000),
        leaf.encode({"action": "log.pruned"}),
        leaf.encode({"action": "log.pruned", "detail": 600}),
        leaf.encode({"detail": {"action": "log.pruned", "minimum_index": 600}}),
    ],
)
def test_what_does_not_say_it(said: bytes) -> None:
    report = checked(kept(log(1000, 600, said), 600))
    assert "tile/0/000" in {finding.place for finding in report.findings}


def test_a_statement_that_was_slipped_in_counts_for_nothing() -> None:
    """Who changes an export can't make it say that something was pruned."""
    files = kept(log_of(1000), 600)
    forged = log(1000, 600)
    changed = {path: forged.files[path] for path in files if files[path] != forged.files[path]}
    report = checked(files | {path: content for path, content in changed.items() if path != "checkpoint"})
    assert "tile/0/000" in {finding.place for finding in report.findings}


def test_what_nothing_vouches_for_is_not_checked() -> None:
    """Bundles may lie there still while the tiles over them are gone: then anybody may have written them."""
    files = kept(log(70_000, 66_000), 66_000)
    forged = Log().grow(*(leaf.encode({"id": f"forged-{number}"}) for number in range(512)))
    for path in ("tile/entries/000", "tile/0/000", "tile/entries/001", "tile/0/001"):
        files[path] = forged.files[path]
    report = checked(files, wanted=[Wanted.by_id("forged-300")])
    assert report.verdict is Verdict.UNCHECKED
    assert report.included == {"id forged-300": []}
    assert report.entries_checked == 70_000 - 65_536 - (66_000 - 65_536) // WIDTH * WIDTH
    assert any("not checked" in warning for warning in report.warnings)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([(700, 300), (1000, 999), (70_000, 66_000)]), st.data())
def test_a_byte_changed_in_what_is_left(case: tuple[int, int], data: st.DataObject) -> None:
    size, minimum = case
    files = kept(log(size, minimum), minimum)
    path = data.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[path])
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    report = checked(files | {path: bytes(content)})
    assert report.verdict is Verdict.BAD
    # Which of the few tiles of the right edge it is can't be told where what lies below them was pruned.
    edge = {each.path for each in right_edge(size)}
    assert any(path == each.path or (path in edge and path in each.problem) for each in report.findings)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from([(700, 300), (1000, 999), (70_000, 66_000)]), st.data())
def test_a_file_deleted_of_what_is_left(case: tuple[int, int], data: st.DataObject) -> None:
    size, minimum = case
    files = kept(log(size, minimum), minimum)
    path = data.draw(st.sampled_from(sorted(files)))
    report = checked({name: content for name, content in files.items() if name != path})
    assert report.verdict is Verdict.BAD
    assert path in {finding.path for finding in report.findings}


# --- what can still be asked ----------------------------------------------------------------------------
def test_older_checkpoints_of_a_pruned_log() -> None:
    whole = log(70_000, 1000)
    older = [(str(size), Log().grow(*whole.entries[:size]).files["checkpoint"]) for size in (5, 1000, 66_000)]
    report = checked(kept(whole, 1000), older=older)
    assert report.verdict is Verdict.UNCHECKED
    assert report.consistent_with == {"1000": 1000, "66000": 66_000}
    assert [each.place for each in report.unchecked] == ["5"]
    forged = log_of(66_000).files["checkpoint"]
    assert checked(kept(whole, 1000), older=[("seen", forged)]).verdict is Verdict.BAD


def test_entries_and_receipts_of_a_pruned_log() -> None:
    whole = log(1000, 600)
    files = kept(whole, 600)
    report = checked(files, wanted=[Wanted.by_id("id-3"), Wanted.by_id("id-999")])
    assert report.verdict is Verdict.UNCHECKED
    assert report.included == {"id id-3": [], "id id-999": [999]}
    for index, verdict in ((3, Verdict.UNCHECKED), (999, Verdict.GOOD)):
        receipt = Proof(index, whole.tree().inclusion(index), whole.files["checkpoint"]).encode()
        assert checked(files, receipts=[("r", receipt)]).verdict is verdict


def test_nobody_looks_for_each_part_of_what_is_gone() -> None:
    whole, asked = log(70_000, 66_000), []

    class Counted(Files):
        def read(self, path: str, most: int) -> bytes:
            asked.append(path)
            return super().read(path, most)

    assert verify(Counted(kept(whole, 66_000)), TRUST).verdict is Verdict.GOOD
    missing = [path for path in asked if path not in whole.files or parse_or_none(path, 66_000)]
    assert len(missing) < 20


def parse_or_none(path: str, minimum: int) -> Tile | None:
    return parse_path(path) if may_go(path, minimum) else None
