"""The act: keys and what lies under them destroyed, an entry written, both or neither.

A large erasure is done in steps, each in a transaction of its own; the last one writes the entry. What was
erased stays erased if it stops half-way, and whoever takes it up finds the rest.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from celery import shared_task
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from factory.kit.background import Progress
from factory.kit.recording import Actor, record
from governance.audit.retention.holds import held, wait_for_holds
from governance.audit.retention.models import Hold
from governance.audit.subjects import hidden, seal, unseal
from governance.erasure import account
from governance.erasure.models import Erasure
from governance.erasure.plan import snapshots, targets_of
from governance.erasure.target import Target
from lineage.intake import erase as events_erased
from lineage.intake.erase import Counts, EventId, nodes_named

log = structlog.get_logger(__name__)

PERMISSION = "governance.erase_personal_data"
#: Events that are erased in one transaction: pushes wait that long.
TOGETHER = 200
_TABLES = (
    "lineage_submission, lineage_bodykey, lineage_reading, lineage_statement, lineage_node, "
    "lineage_nodestate, lineage_mention, lineage_numbered, governance_user, django_session"
)


class Refused(Exception):
    """This can't be erased now; the message says why. `holds` are the legal holds that forbid it."""

    def __init__(self, why: str, holds: Sequence[Hold] = ()):
        super().__init__(why)
        self.holds = holds


def ask(
    target: Target, *, actor: Actor, asked_by: str, ground: str, note: str = "", upto: datetime | None = None
) -> Erasure:
    """Put an erasure in line, on record; one that is under way already is returned.

    What is received after `upto` (now, where it is left out) stays. Raises Refused, which is on record too.
    """
    with transaction.atomic():
        if under_way := Erasure.objects.filter(target=str(target), finished_at=None).first():
            return under_way
        refused = _in_the_way(target)
        record(
            "erasure.asked",
            actor=actor,
            targets=[str(target), *(f"hold:{hold.pk}" for hold in refused.holds)]
            if refused
            else [str(target)],
            outcome="denied" if refused else "success",
            reason=ground,
            personal={"note": note} if note else None,
        )
        if refused is None:
            return Erasure.ask(
                run_erasure,
                actor,
                asked_by,
                target=str(target),
                upto=upto or timezone.now(),
                ground=ground,
                note=seal(f"{actor.type}:{actor.id}", {"note": note}) if note else None,
            )
    raise refused


@shared_task(ignore_result=True)
def run_erasure(erasure_id: str) -> None:
    """Work one erasure off, unless somebody is at it."""
    Erasure.work_off(erasure_id, work)
    if not connection.in_atomic_block:
        sweep()


@shared_task(ignore_result=True)
def resume_erasures() -> None:
    """Send again what a broker lost or a worker left lying."""
    Erasure.resume(run_erasure)


def work(asked: Erasure, progress: Progress) -> dict[str, Any]:
    """Erase, step by step. Raises Refused, and OperationalError where writers leave no turn."""
    target = Target.parse(asked.target)
    while asked.entry_id is None:
        with transaction.atomic():
            wait_for_holds()
            if refused := _in_the_way(target):
                raise refused
            events = target.events(asked.upto)
            _step(asked, events[:TOGETHER])
            if len(events) <= TOGETHER:
                _finish(asked, target)
            asked.save(update_fields=["counts", "done", "entry_id"])
        progress(asked.done, asked.done + len(events[TOGETHER:]))
    return {}


def _step(asked: Erasure, events: list[EventId]) -> None:
    if events:
        # of holds that were lifted; one that stands forbids the act
        for key in map(str, nodes_named(events)):
            Hold.objects.filter(node=key).update(node=hidden([key])[0])
        counts = events_erased.erase(asked.pk, f"{asked.actor[0]}:{asked.actor[1]}", events)
        before = Counts(**{name: asked.counts.get(name, 0) for name in Counts._fields})
        asked.counts |= before.plus(counts)._asdict()
        asked.done += len(events)


def _finish(asked: Erasure, target: Target) -> None:
    """The last step's own part, in its transaction: the account, the snapshots, the entry."""
    if user := target.user():
        asked.counts |= account.erase(user)._asdict()
    if asked.done:
        asked.counts["snapshots"] = _destroy_snapshots()
    asked.counts = {name: number for name, number in asked.counts.items() if number}
    asked.entry_id = record(
        "subject.erased",
        actor=Actor(*asked.actor),
        targets=[asked.target, f"erasure:{asked.pk}"],
        reason=asked.ground,
        detail={"counts": asked.counts, "upto": asked.upto.isoformat()},
        personal=unseal(asked.note) if asked.note else None,
    )
    transaction.on_commit(lambda: _note_outside(asked))


def _in_the_way(target: Target) -> Refused | None:
    events = target.events()
    if holds := held(targets_of(target, events, nodes_named(events))):
        why = "; ".join(f"{hold}: {hold.reason}" for hold in holds)
        return Refused(f"A legal hold forbids it ({why}).", holds)
    if (user := target.user()) and (why := account.why_not(user)):
        return Refused(why)
    return None


def _destroy_snapshots() -> int:
    """Take away the files with parts of the record in them; what was signed of them stays."""
    files = snapshots()
    for file in files:
        transaction.on_commit(partial(file.unlink, missing_ok=True))
    return len(files)


# --- outside of the database ----------------------------------------------------------------------
def _note_outside(asked: Erasure) -> None:
    """Keep what was erased where a restored backup can't undo it (see `owed`)."""
    file = settings.VAR / "erased"
    with file.open("a") as lines:
        said = {"target": asked.target, "upto": asked.upto.isoformat(), "erasure": str(asked.pk)}
        lines.write(json.dumps(said) + "\n")


def sweep(*, whole: bool = False) -> None:
    """Have PostgreSQL take away the old forms of the rows that were changed, as far as this role may.

    With `whole` the tables are written anew, so that nothing is left of them in their files: they are
    locked for as long as that takes.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM {'(FULL)' if whole else ''} {_TABLES}")
        # small, and the keys are what counts
        cursor.execute("VACUUM (FULL) governance_subjectkey")
    log.info("swept up after erasing", whole=whole, at=timezone.now().isoformat())
