"""Long work in the background: a row says what was asked for, a task works it off, a sweep sees to it.

A broker may lose a task, so the row is what counts: whoever asks makes it in their transaction, a task of
Celery claims it and leaves signs of life, and what shows none any more is sent again.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Self

import structlog
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from factory.kit.ids import new_id
from factory.kit.recording import Actor

log = structlog.get_logger(__name__)

#: After this long without a sign of life work is taken up by somebody else.
GIVEN_UP_AFTER = timedelta(minutes=2)
#: Seconds between two writes of how far it has come.
_TOLD_EVERY = 0.5

Progress = Callable[[int, int], None]


class Work(models.Model):
    """One asking, and how far it has come; a room adds what was asked for and what came of it."""

    id = models.UUIDField(primary_key=True, default=new_id)
    asked_at = models.DateTimeField(auto_now_add=True)
    #: The `factory.kit.recording.Actor` who asked, as a list, and as a person reads it.
    actor = models.JSONField()
    asked_by = models.TextField()
    #: How much there is to do, once it is counted, and how much is done.
    total = models.BigIntegerField(null=True)
    done = models.BigIntegerField(default=0)
    #: The last sign of life of whoever works on it.
    alive_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(default="")

    class Meta:
        abstract = True
        indexes = [
            models.Index(fields=["alive_at"], name="%(class)s_unfinished", condition=Q(finished_at=None)),
        ]

    @classmethod
    def ask(cls, task: Any, actor: Actor, asked_by: str, **asked: Any) -> Self:
        """Put it in line; `task`, a Celery task, gets its id once the transaction is committed."""
        work = cls._default_manager.create(actor=list(actor), asked_by=asked_by, **asked)
        transaction.on_commit(lambda: _send(task, str(work.pk)))
        return work

    @classmethod
    def work_off(cls, pk: str, act: Callable[[Self, Progress], dict[str, Any]]) -> None:
        """Do it, unless somebody is at it, and keep what `act` returns: the fields of the result."""
        rows = cls._default_manager.filter(pk=pk)
        now = timezone.now()
        free = Q(alive_at=None) | Q(alive_at__lt=now - GIVEN_UP_AFTER)
        if not rows.filter(free, finished_at=None).update(alive_at=now):
            return
        told = 0.0

        def progress(done: int, total: int) -> None:
            nonlocal told
            if done >= total or time.monotonic() - told >= _TOLD_EVERY:
                told = time.monotonic()
                rows.update(done=done, total=total, alive_at=timezone.now())

        try:
            result = act(rows.get(), progress)
        except Exception as error:
            log.exception("work in the background failed", work=cls.__name__, id=pk)
            rows.update(finished_at=timezone.now(), error=f"{type(error).__name__}: {error}"[:500])
            return
        rows.update(finished_at=timezone.now(), **result)

    @classmethod
    def resume(cls, task: Any) -> None:
        """Send again what a broker lost or a worker left lying."""
        since = timezone.now() - GIVEN_UP_AFTER
        stuck = Q(alive_at__lt=since) | Q(alive_at=None, asked_at__lt=since)
        for pk in cls._default_manager.filter(stuck, finished_at=None).values_list("pk", flat=True):
            _send(task, str(pk))


def _send(task: Any, pk: str) -> None:
    try:
        task.delay(pk)
    except Exception as error:
        # Whatever a broker may say: the row stands, and the sweep sends it again.
        log.warning("the broker takes nothing; the work waits", task=task.name, id=pk, why=str(error))
