"""Which timestamps of a log are told and exported: those over checkpoints that are published."""

from datetime import UTC

from django.db.models import QuerySet
from django.db.models.functions import TruncMonth

from governance.audit.models import Checkpoint, Log, Timestamp

#: How many of the newest an export has; of those before, one a month.
NEWEST = 100


def stamps_of(log: Log, head: Checkpoint) -> "QuerySet[Timestamp]":
    """Return the timestamps over checkpoints of `log` up to its published `head`, with the checkpoints."""
    return Timestamp.objects.filter(checkpoint__log=log, checkpoint__size__lte=head.size).select_related(
        "checkpoint"
    )


def newest_stamp(log: Log, head: Checkpoint) -> Timestamp | None:
    """Return the newest timestamp, without its token."""
    return stamps_of(log, head).defer("token").order_by("-id").first()


def to_export(log: Log, head: Checkpoint, *, start: int, end: int, whole: bool) -> list[Timestamp]:
    """Return the timestamps that go with an export of the entries `[start, end)`, by size.

    With the `whole` log, as far as it is kept: the newest hundred and, of those before, the first of each
    month (UTC); not those over `start` entries or fewer, for what they are compared with was pruned. With a
    range: the earliest over a checkpoint that has all of it.
    """
    there = stamps_of(log, head)
    if not whole:
        earliest = there.filter(checkpoint__size__gte=end).order_by("checkpoint__size", "id").first()
        return [earliest] if earliest else []
    there = there.filter(checkpoint__size__gt=start)
    newest = list(there.order_by("-id")[:NEWEST])
    if len(newest) == NEWEST:
        older = there.filter(id__lt=newest[-1].pk).annotate(month=TruncMonth("at", tzinfo=UTC))
        newest += older.order_by("month", "at", "id").distinct("month")
    return sorted(newest, key=lambda stamp: (stamp.checkpoint.size, stamp.pk))
