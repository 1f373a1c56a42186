"""Asking for a pruning, and the tasks that work it off."""

from celery import shared_task
from django.db import IntegrityError, transaction
from django.utils import timezone

from factory.kit.recording import SYSTEM, Actor
from governance.audit.models import Log
from governance.audit.retention.models import Pruning
from governance.audit.retention.plan import plan
from governance.audit.retention.prune import work_on
from governance.audit.store import current_log, published


class PruningRefused(Exception):
    """No pruning can begin now; the message says why."""


def ask(actor: Actor, asked_by: str, *, trial: bool) -> Pruning:
    """Put a pruning of the current log in line; a trial only finds out what would go.

    Raises PruningRefused.
    """
    try:
        with transaction.atomic():
            return Pruning.ask(run_pruning, actor, asked_by, log=_log(), trial=trial)
    except IntegrityError:
        raise PruningRefused("one is under way already") from None


def begin(actor: Actor, asked_by: str, *, trial: bool) -> Pruning:
    """As `ask`, for whoever works on it here and now; goes on with one that nobody works on.

    Raises PruningRefused.
    """
    left = Pruning.objects.filter(trial=trial, finished_at=None).first()
    if left is not None:
        return left
    return Pruning.objects.create(log=_log(), actor=list(actor), asked_by=asked_by, trial=trial)


def _log() -> Log:
    log = current_log()
    if log is None or published(log) is None:
        raise PruningRefused("nothing of the log is published yet")
    return log


@shared_task(ignore_result=True)
def run_pruning(pk: str) -> None:
    """Work one pruning off, unless somebody is at it."""
    Pruning.work_off(pk, work_on)


@shared_task(ignore_result=True)
def resume_prunings() -> None:
    """Send again what a broker lost or a worker left lying."""
    Pruning.resume(run_pruning)


@shared_task(ignore_result=True)
def prune_what_is_due() -> None:
    """Ask for a pruning where something has been kept long enough; without a decision nothing ever has."""
    log = current_log()
    found = plan(log, timezone.now()) if log else None
    if found and found.minimum > found.first:
        try:
            ask(SYSTEM, "Plumbline itself", trial=False)
        except PruningRefused:
            pass
