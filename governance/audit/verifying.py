"""Verifying the log from within: the verifier that auditors have, over the tables.

It finds what was changed in the tables, also where no hash covers it (see `columns.py`). It can't find what
whoever holds the key signed anew: for that it takes checkpoints that are kept elsewhere (witnesses, exports,
receipts).
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from celery import shared_task
from django.db import transaction

from factory.kit.background import Progress
from factory.kit.recording import SYSTEM, Actor, record
from governance.audit.columns import differing, nowhere
from governance.audit.models import Checkpoint, Log, Verification
from governance.audit.signing.keys import verifier_keys
from governance.audit.store import Missing, current_log, published, reader, signed_note
from governance.audit.tlog.tiles import ENTRIES, parse_path
from governance.audit.verify.asked import Trust
from governance.audit.verify.check import verify
from governance.audit.verify.report import Finding
from governance.audit.verify.stores import MissingFile

#: Earlier checkpoints that the log must agree with, from the newest back.
_OLDER = 20
#: Rows named that say otherwise than their entries.
_MOST_NAMED = 20


class Tables:
    """The log as a `Store` of the verifier: what `/tlog/` would serve."""

    def __init__(self, log: Log, head: Checkpoint) -> None:
        self._log = log
        self._read = reader(log)
        self._checkpoint = signed_note(head)
        #: By index, the entries that were read whose rows say otherwise, up to _MOST_NAMED.
        self.differing: dict[int, Finding] = {}

    def read(self, path: str, most: int) -> bytes:
        if path == "checkpoint":
            return self._checkpoint
        tile = parse_path(path)
        try:
            content = self._read(tile)
        except Missing:
            raise MissingFile("it is not in the database") from None
        if tile.level == ENTRIES:
            left = _MOST_NAMED - len(self.differing)
            for finding in islice(differing(self._log, tile, content), left):
                self.differing[finding.position] = finding
        return content

    def paths(self) -> Iterator[str] | None:
        return None

    def damage(self) -> str:
        return ""

    def close(self) -> None: ...


def ask(actor: Actor, asked_by: str) -> Verification | None:
    """Put a verification of the current log in line; None where nothing of it is signed yet."""
    log = current_log()
    if log is None or published(log) is None:
        return None
    with transaction.atomic():
        return Verification.ask(run_verification, actor, asked_by, log=log)


def _verify(asked: Verification, progress: Progress) -> dict[str, Any]:
    log = asked.log
    head = published(log)
    assert head is not None, "it was asked for with a checkpoint at hand"
    older = Checkpoint.objects.filter(log=log, size__lt=head.size).order_by("-size")[:_OLDER]
    tables = Tables(log, head)
    report = verify(
        tables,
        Trust(tuple(verifier_keys(log)), origin=log.origin),
        log=log.origin,
        older=[(f"the checkpoint of {each.size:,} entries", each.note.encode()) for each in older],
        progress=progress,
    )
    report.findings += [*tables.differing.values(), *nowhere(report.size, _MOST_NAMED)]
    with transaction.atomic():
        record(
            "log.verified",
            actor=Actor(*asked.actor),
            outcome="success" if report.ok else "failed",
            detail={"origin": log.origin, "size": report.size, "verdict": str(report.verdict)},
        )
    return {"verdict": str(report.verdict), "report": report.as_json()}


@shared_task(ignore_result=True)
def run_verification(verification_id: str) -> None:
    """Work one verification off, unless somebody is at it."""
    Verification.work_off(verification_id, _verify)


@shared_task(ignore_result=True)
def resume_verifications() -> None:
    """Send again what a broker lost or a worker left lying."""
    Verification.resume(run_verification)


@shared_task(ignore_result=True)
def verify_nightly() -> None:
    """Ask for a verification, so that a change does not wait to be found."""
    ask(SYSTEM, "Plumbline itself")
