"""Rows that are shown and searched, against the entries that the log proves."""

from collections.abc import Iterator

import pytest

from factory.kit.recording import CONSOLE, SYSTEM, Actor, record
from governance.audit.columns import differing, nowhere
from governance.audit.models import Entry, Place
from governance.audit.sequencer import Sequencer
from governance.audit.store import current_log, reader
from governance.audit.tlog.tiles import ENTRIES, Tile
from governance.audit.verify.report import Finding
from lineage.intake.models import Submission
from tests.governance.audit.behind import change
from tests.lineage.stories import declared, send

pytestmark = pytest.mark.django_db
LONG = "x" * 70_000


def put_on_record() -> None:
    """Entries of every shape: plain ones, too long ones, one of a submission."""
    record("page.read", actor=SYSTEM)
    record("page.read", actor=Actor("user", "1", "2", "password"), targets=["run:a/ä\u202e/c", 'run:"\\'])
    record("page.read", actor=CONSOLE, targets=[f"run:a/{n}" for n in range(9_000)], outcome="denied")
    record("page.read", actor=CONSOLE, reason=LONG, detail={"text": LONG, "none": "\0"})
    send(declared("applicants", "1", 0))
    Sequencer().round()


def found() -> Iterator[Finding]:
    log = current_log()
    assert log is not None
    tile = Tile(ENTRIES, 0, Place.objects.count())
    yield from differing(log, tile, reader(log)(tile))
    yield from nowhere(tile.width, 5)


def test_rows_as_they_were_written_say_what_their_entries_say() -> None:
    put_on_record()
    record("page.read", actor=SYSTEM)
    assert Entry.objects.filter(apart__isnull=False).count() == 2
    assert list(found()) == []


def test_parts_beside_the_leaf_may_be_missing_after_a_restore() -> None:
    put_on_record()
    change("UPDATE governance_entry SET apart = NULL, targets = '{}' WHERE apart IS NOT NULL")
    assert list(found()) == []


@pytest.mark.parametrize(
    ("statement", "column"),
    [
        ("UPDATE governance_entry SET apart = replace(apart::text, '7878', '7879')::bytea", "apart.detail"),
        ("UPDATE governance_entry SET apart = 'x'", "apart"),
        ("UPDATE governance_entry SET targets = '{run:a/1}'", "targets"),
        ("UPDATE governance_entry SET outcome = 'failed'", "outcome"),
        ("UPDATE lineage_submission SET source = 'eve'", "submission.source"),
        ("UPDATE lineage_submission SET sha256 = 'x'", "submission.sha256"),
        ("UPDATE lineage_submission SET received_at = now()", "submission.received_at"),
    ],
)
def test_what_rows_say_otherwise_is_named(statement: str, column: str) -> None:
    put_on_record()
    assert Submission.objects.exists()
    change(statement)
    assert any(column in finding.problem for finding in found())


def test_an_entry_that_was_put_in_by_hand_is_named() -> None:
    put_on_record()
    change(
        """INSERT INTO governance_entry SELECT gen_random_uuid(), occurred_at, recorded_at, actor_type,
           actor_id, action, targets, outcome, leaf, apart FROM governance_entry LIMIT 1"""
    )
    [finding] = found()
    assert "put in by hand" in finding.problem
