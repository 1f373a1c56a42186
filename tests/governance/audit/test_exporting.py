"""Exports of the real log with its timestamps, checked as an auditor does."""

import itertools
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from factory.kit.recording import SYSTEM, record
from governance.audit import stamps
from governance.audit.exporting import export
from governance.audit.models import Checkpoint, Timestamp
from governance.audit.sequencer import Sequencer
from governance.audit.signing.keys import verifier_keys
from governance.audit.tlog.export import write_directory
from governance.audit.verify.asked import Trust
from governance.audit.verify.check import verify
from governance.audit.verify.report import Report
from governance.audit.verify.stores import Archive, Directory
from tests import personas
from tests.governance.audit.witness.authority import Authority

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to stamp with"),
]
_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def grown(count: int) -> Checkpoint:
    for number in range(count):
        record("page.read", actor=SYSTEM, detail={"number": number})
    Sequencer().round()
    return Checkpoint.objects.latest("size")


def stamped(checkpoint: Checkpoint, authority: Authority, at: datetime | None = None) -> Timestamp:
    query = TimestampRequestBuilder().data(checkpoint.note.encode()).hash_algorithm(HashAlgorithm.SHA256)
    return Timestamp.objects.create(
        checkpoint=checkpoint,
        authority=f"CN=Test Authority {next(_NUMBERS)}",
        token=authority.answer(query.build().as_bytes()),
        at=at or datetime.now(UTC),
    )


def verified(
    folder: Path, authority: Authority, head: Checkpoint, start: int = 0, end: int | None = None
) -> Report:
    shutil.rmtree(folder, ignore_errors=True)
    write_directory(folder, export(head.log, head, start=start, end=head.size if end is None else end))
    trust = Trust(tuple(verifier_keys(head.log)))
    return verify(Directory(folder), trust, authorities=[authority.root], start=start, end=end)


def test_the_whole_log_comes_with_its_timestamps(authority: Authority, tmp_path: Path) -> None:
    first = grown(300)
    stamped(first, authority)
    stamped(first, authority)
    second = grown(300)
    stamped(second, authority)
    report = verified(tmp_path / "log", authority, grown(1))
    assert (report.ok, report.warnings) == (True, [])
    assert [(each.timestamp, each.checkpoint, each.size) for each in report.timestamps] == [
        (f"timestamps/{first.size}.1.tsr", f"timestamps/{first.size}.checkpoint", first.size),
        (f"timestamps/{first.size}.2.tsr", f"timestamps/{first.size}.checkpoint", first.size),
        (f"timestamps/{second.size}.1.tsr", f"timestamps/{second.size}.checkpoint", second.size),
    ]
    assert (tmp_path / f"log/timestamps/{second.size}.checkpoint").read_text() == second.note
    assert {each.authority for each in report.timestamps} == {"CN=Test Authority"}


def test_a_range_comes_with_the_first_timestamp_over_all_of_it(authority: Authority, tmp_path: Path) -> None:
    """And with the tiles that show that the log continues what was stamped."""
    sizes = []
    for _ in range(4):
        checkpoint = grown(300)
        stamped(checkpoint, authority)
        sizes.append(checkpoint.size)
    head = grown(300)
    for start, end, covering in [
        (0, 10, sizes[0]),
        (256, 300, sizes[0]),
        (300, sizes[1], sizes[1]),
        (300, sizes[1] + 1, sizes[2]),
        (1000, 1001, sizes[3]),
    ]:
        report = verified(tmp_path / "log", authority, head, start, end)
        assert (report.ok, [each.size for each in report.timestamps]) == (True, [covering]), (start, end)
    report = verified(tmp_path / "log", authority, head, 0, sizes[3] + 1)
    assert [finding.problem for finding in report.unchecked] == ["there are none to check"]


def test_old_timestamps_are_one_a_month(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamps, "NEWEST", 3)
    head = grown(3)
    made = [
        stamped(head, authority, datetime(2026, 6, 30, 22, tzinfo=UTC) + timedelta(hours=hours))
        for hours in (0, 1, 2, 3, 800, 801, 802, 803)
    ]
    chosen = stamps.to_export(head.log, head, start=0, end=head.size, whole=True)
    assert chosen == [made[0], made[2], made[4], *made[5:]], "June, July, August, and the newest three"
    assert len(verified(tmp_path / "log", authority, head).timestamps) == 6


def test_what_was_stamped_after_the_checkpoint_stays_out(authority: Authority, tmp_path: Path) -> None:
    """As where witnesses have not cosigned the newest yet: no more comes out than is published."""
    head = grown(3)
    stamped(grown(3), authority)
    report = verified(tmp_path / "log", authority, head)
    assert [finding.place for finding in report.unchecked] == ["timestamps"]
    assert not report.findings


def test_a_log_with_a_pruned_beginning(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was stamped below the minimum index can't be compared any more, and stays out."""
    stamped(grown(200), authority)
    kept = grown(200)
    stamped(kept, authority)
    head = grown(200)
    monkeypatch.setattr("governance.audit.exporting.minimum_index", lambda log: 256)
    report = verified(tmp_path / "log", authority, head, 256)
    assert (report.findings, report.unchecked) == ([], [])
    assert [each.size for each in report.timestamps] == [kept.size]


def test_the_page_exports_them_and_names_the_newest(
    client: Client, authority: Authority, tmp_path: Path, django_assert_max_num_queries
) -> None:
    client.force_login(personas.alice())
    stamped(grown(3), authority)
    newest = stamped(grown(3), authority)
    with django_assert_max_num_queries(20):
        shown = client.get("/log/").content.decode()
    assert f"the checkpoint of {newest.checkpoint.size:,} entries existed at" in shown
    assert f"/tlog/timestamps/{newest.pk}.tsr" in shown
    file = tmp_path / "log.zip"
    file.write_bytes(client.get("/log/export/").getvalue())
    trust = Trust(tuple(verifier_keys(newest.checkpoint.log)))
    report = verify(Archive(file), trust, authorities=[authority.root])
    assert (report.ok, len(report.timestamps)) == (True, 2)
