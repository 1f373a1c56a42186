"""Pruning: the beginning of the log goes, once the log itself says so in public.

The steps are those of `Stage`, each kept in the row before the next begins, so that whoever finds a pruning
unfinished goes on with it. Nothing is deleted before a signed snapshot of the derived state is written and
the entry `log.pruned`, with the new minimum index and the digest of the snapshot, is in a published
checkpoint; and nothing of it while a hold covers it that was placed meanwhile.
"""

import time
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from factory.kit.background import Progress
from factory.kit.bulk import fetch
from factory.kit.recording import Actor, record
from governance.audit.models import Place
from governance.audit.retention import holds, snapshot, tally
from governance.audit.retention.models import Pruning, Stage
from governance.audit.retention.plan import plan, stopped
from governance.audit.store import published
from governance.audit.tlog.tiles import WIDTH

#: Entries that go in one transaction: whole bundles, so that each is there or is not.
BATCH = 40 * WIDTH
#: Seconds to wait for a published checkpoint, in all and between two looks.
PATIENCE, LOOK_AGAIN = 600.0, 0.25


class NotPublished(Exception):
    """No checkpoint is published that covers the entry `log.pruned`; nothing was deleted."""


def work_on(pruning: Pruning, progress: Progress) -> dict[str, Any]:
    """Do what is left of a pruning; see `factory.kit.background.Work`.

    Raises NotPublished, OSError (the snapshot can't be written), BadKey.
    """
    if pruning.stage == Stage.PLANNING:
        _plan(pruning, progress)
    if pruning.stage == Stage.SNAPSHOT:
        _make_snapshot(pruning, progress)
    if pruning.stage == Stage.PUBLISHING:
        _wait_until_published(pruning, progress)
    if pruning.stage == Stage.DELETING:
        _delete(pruning, progress)
    return {"stage": Stage.DONE, "kept_by": pruning.kept_by}


def _keep(pruning: Pruning, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(pruning, name, value)
    pruning.save(update_fields=list(fields))


def _plan(pruning: Pruning, progress: Progress) -> None:
    now = pruning.counted_at or timezone.now()
    found = plan(pruning.log, now, progress)
    if found is None:
        _keep(pruning, stage=Stage.DONE, kept_by="nothing of the log is published yet", counted_at=now)
        return
    nothing = pruning.trial or found.minimum <= found.first
    _keep(
        pruning,
        stage=Stage.DONE if nothing else Stage.SNAPSHOT,
        counted_at=now,
        first_index=found.first,
        minimum_index=found.minimum,
        kept_by=found.kept_by,
    )


def _make_snapshot(pruning: Pruning, progress: Progress) -> None:
    first, minimum = _range(pruning)
    made = snapshot.make(pruning.log, minimum, progress)
    with transaction.atomic():
        holds.wait_for_holds()
        if stopped(pruning.log, first, minimum, set()):
            # What is said in the log must be what can be done.
            snapshot.take_away(made)
            _keep(pruning, stage=Stage.PLANNING)
        else:
            made.save(force_insert=True)
            entry = record(
                "log.pruned",
                actor=Actor(*pruning.actor),
                targets=[f"log:{pruning.log.origin}", f"snapshot:{made.pk}"],
                detail={
                    "from_index": first,
                    "minimum_index": minimum,
                    "snapshot": snapshot.digest_of(bytes(made.manifest)),
                },
            )
            _keep(pruning, snapshot=made, entry_id=entry, stage=Stage.PUBLISHING)
    if pruning.stage == Stage.PLANNING:
        _plan(pruning, progress)
        if pruning.stage == Stage.SNAPSHOT:
            _make_snapshot(pruning, progress)


def _wait_until_published(pruning: Pruning, progress: Progress) -> None:
    deadline = time.monotonic() + PATIENCE
    while not _is_published(pruning):
        if time.monotonic() > deadline:
            raise NotPublished(
                f"for {PATIENCE / 60:.0f} minutes no checkpoint was published that covers its entry: "
                "is the sequencer running, and do enough witnesses answer? Nothing was deleted."
            )
        progress(0, 1)
        time.sleep(LOOK_AGAIN)
    _keep(pruning, stage=Stage.DELETING)


def _is_published(pruning: Pruning) -> bool:
    head = published(pruning.log)
    place = Place.objects.filter(log=pruning.log, entry=pruning.entry_id).first()
    return head is not None and place is not None and place.index < head.size


def _delete(pruning: Pruning, progress: Progress) -> None:
    first, minimum = _range(pruning)
    seen: set[UUID] = set()
    while True:
        with transaction.atomic():
            holds.wait_for_holds()
            start = _first_left(pruning, minimum)
            if start is None:
                break
            if hold := stopped(pruning.log, start, minimum, seen):
                minimum, kept_by = hold
                _keep(pruning, kept_by=kept_by)
                if minimum <= start:
                    break
            tally.take_away(pruning.log, start, min(start + BATCH, minimum))
            fetch("SELECT governance_prune(%s::smallint, %s, %s)", [pruning.log_id, minimum, BATCH])
        progress(min(start + BATCH, minimum) - first, minimum - first)
    _tidy()


def _first_left(pruning: Pruning, minimum: int) -> int | None:
    rows = fetch(
        "SELECT index FROM governance_place WHERE log_id = %s AND index < %s ORDER BY index LIMIT 1",
        [pruning.log_id, minimum],
    )
    return rows[0][0] if rows else None


def _tidy() -> None:
    """Give the room of what is gone back to the tables at once, and gather statistics anew."""
    if connection.in_atomic_block:
        return
    with connection.cursor() as cursor:
        for table in ("governance_place", "governance_entry", "governance_tile", "lineage_submission"):
            cursor.execute(f"VACUUM (ANALYZE) {table}")


def _range(pruning: Pruning) -> tuple[int, int]:
    if pruning.first_index is None or pruning.minimum_index is None:
        raise ValueError("this pruning was never planned")
    return pruning.first_index, pruning.minimum_index
