"""What is noted of the log outside the database, where several sequencers note it."""

from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from governance.audit import published
from governance.audit.models import Checkpoint, Log
from governance.audit.published import may_go_on, note, note_stop, noted

pytestmark = pytest.mark.django_db


@pytest.fixture
def log(settings: Settings, tmp_path: Path) -> Log:
    settings.VAR = tmp_path
    return Log.objects.create(origin="noted.test/log", began_at=timezone.now())


def of(size: int) -> Checkpoint:
    return Checkpoint(size=size, root=bytes([size]) * 32, note=f"note of {size}")


def size_and_stopped() -> tuple[int, bool]:
    found = noted()
    assert found is not None
    return found.seen.size, found.stopped


def test_a_slow_sequencer_does_not_take_the_note_back(log: Log) -> None:
    note(log, of(5))
    note(log, of(3))  # committed before, and noted after
    assert size_and_stopped() == (5, False)
    note(log, of(8))
    assert size_and_stopped() == (8, False)


def test_another_log_is_noted_whatever_its_size(log: Log) -> None:
    note(log, of(5))
    note(Log(origin="noted.test/next", began_at=timezone.now()), of(1))
    found = noted()
    assert found is not None and (found.seen.origin, found.seen.size) == ("noted.test/next", 1)


def test_only_who_noted_last_says_that_nothing_came_after(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    note(log, of(5))
    with monkeypatch.context() as another_process:
        another_process.setattr(published, "_left", "")
        note_stop()
        assert size_and_stopped() == (5, False)
    note_stop()
    assert size_and_stopped() == (5, True)


def test_who_starts_and_signs_nothing_leaves_it_as_it_was(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    note(log, of(5))
    note_stop()
    monkeypatch.setattr(published, "_left", "")  # as in a new process
    may_go_on(log, of(5))
    assert size_and_stopped() == (5, False)
    note_stop()
    assert size_and_stopped() == (5, True)
