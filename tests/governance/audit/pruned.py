"""A log that may be pruned: months of acts and submissions, and a sequencer that runs beside the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from factory.kit.ids import new_id
from factory.kit.recording import CONSOLE, SYSTEM
from governance.audit.append import append_many
from governance.audit.leaf import Act
from governance.audit.models import Log
from governance.audit.retention import classes as retention
from governance.audit.retention.models import Pruning, RetentionClass
from governance.audit.retention.prune import work_on
from governance.audit.sequencer import Sequencer
from governance.audit.signing.keys import verifier_keys
from governance.audit.store import current_log, published
from governance.audit.verify.asked import Trust
from governance.audit.verify.check import verify
from governance.audit.verify.report import Report
from governance.audit.verifying import Tables
from tests.lineage import stories

LATER = timedelta(days=400)


@contextmanager
def empty_queue() -> Iterator[None]:
    """Leave nothing waiting: the queue has no model, so it is not flushed with its entries."""

    def empty() -> None:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE governance_waiting")

    empty()
    yield
    empty()


def acts(count: int, action: str = "page.read", days_ago: float = 0, **more: Any) -> list[Act]:
    """Put acts of some days ago on record and in the log."""
    at = timezone.now() - timedelta(days=days_ago)
    made = [Act(new_id(), at, at, SYSTEM, action, **more) for _ in range(count)]
    with transaction.atomic():
        append_many(made)
    Sequencer().round()
    return made


def submissions(count: int, start: int = 0) -> None:
    """Send declarations and runs, and take them into the log."""
    sent = []
    for number in range(start, start + count):
        sent.append(stories.declared(f"raw{number % 7}", str(number), number % 60))
        if number % 5 == 0:
            sent.append(stories.ran(f"night{number}", number % 60, reads=["raw0"], writes=["clean"]))
    stories.send_together(*sent)
    Sequencer().round()


def kept_for(months: int | None) -> None:
    """Keep everything for so long."""
    for row in retention.classes():
        row.months, row.least_months = months, None
        row.save()


def the_log() -> Log:
    log = current_log()
    assert log is not None
    return log


@contextmanager
def sequencing() -> Iterator[None]:
    stop = Event()

    def run() -> None:
        Sequencer().run(stop)
        connection.close()

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def asked(*, trial: bool = False, after: timedelta = LATER) -> Pruning:
    """A pruning as it would be asked for after so long."""
    return Pruning.objects.create(
        log=the_log(),
        actor=list(CONSOLE),
        asked_by="the console",
        trial=trial,
        counted_at=timezone.now() + after,
    )


def prune(pruning: Pruning | None = None, progress: Any = lambda done, total: None) -> Pruning:
    """Work a pruning off while the sequencer runs."""
    pruning = pruning or asked()
    with sequencing():
        result = work_on(pruning, progress)
    Pruning.objects.filter(pk=pruning.pk).update(finished_at=timezone.now(), **result)
    pruning.refresh_from_db()
    return pruning


def verified() -> Report:
    """What the verifier says of the log as it is served now."""
    log = the_log()
    head = published(log)
    assert head is not None
    return verify(Tables(log, head), Trust(verifier_keys(log)))


def rest() -> RetentionClass:
    return RetentionClass.objects.get(rest=True)
