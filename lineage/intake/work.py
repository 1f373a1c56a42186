"""Long replays, in the background: a row says what was asked for, a task works it off, a sweep sees to it."""

from datetime import timedelta

import structlog
from celery import shared_task
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from factory.kit.recording import Actor
from lineage.intake.models import Replay
from lineage.intake.replay import replay

log = structlog.get_logger(__name__)

#: After this long without a sign of life a replay is taken up by somebody else.
GIVEN_UP_AFTER = timedelta(minutes=2)


def ask(actor: Actor, asked_by: str, *, door: str = "", source: str = "", code: str = "") -> Replay:
    """Put a replay in line. It starts when the transaction is committed."""
    asked = Replay.objects.create(actor=list(actor), asked_by=asked_by, door=door, source=source, code=code)
    transaction.on_commit(lambda: _send(str(asked.pk)))
    return asked


def _send(replay_id: str) -> None:
    try:
        run_replay.delay(replay_id)
    except OperationalError:
        # the row stands; the sweep sends it again when the broker is back
        log.warning("the broker doesn't answer; the replay waits", replay=replay_id)


@shared_task(ignore_result=True)
def run_replay(replay_id: str) -> None:
    """Work one replay off, unless somebody is at it."""
    now = timezone.now()
    free = Q(alive_at=None) | Q(alive_at__lt=now - GIVEN_UP_AFTER)
    if not Replay.objects.filter(free, pk=replay_id, finished_at=None).update(alive_at=now):
        return
    asked = Replay.objects.get(pk=replay_id)

    def progress(done: int, total: int) -> None:
        Replay.objects.filter(pk=replay_id).update(done=done, total=total, alive_at=timezone.now())

    try:
        counts = replay(
            actor=Actor(*asked.actor),
            door=asked.door,
            source=asked.source,
            code=asked.code,
            progress=progress,
        )
    except Exception as error:
        log.exception("replay failed", replay=replay_id)
        Replay.objects.filter(pk=replay_id).update(
            finished_at=timezone.now(), error=f"{type(error).__name__}: {error}"[:500]
        )
        return
    Replay.objects.filter(pk=replay_id).update(finished_at=timezone.now(), counts=counts)


@shared_task(ignore_result=True)
def resume_replays() -> None:
    """Send again what a broker lost or a worker left lying."""
    since = timezone.now() - GIVEN_UP_AFTER
    stuck = Q(alive_at__lt=since) | Q(alive_at=None, asked_at__lt=since)
    for replay_id in Replay.objects.filter(stuck, finished_at=None).values_list("pk", flat=True):
        _send(str(replay_id))
