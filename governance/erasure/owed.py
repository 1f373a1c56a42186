"""What was erased and is there again, because an older backup was restored: it is erased once more."""

import json
from datetime import datetime

import structlog
from celery import shared_task
from django.conf import settings

from factory.kit.recording import SYSTEM
from governance.audit.models import Entry
from governance.audit.subjects import has_key
from governance.erasure import account
from governance.erasure.erase import Refused, ask
from governance.erasure.models import Ground
from governance.erasure.target import NoTarget, Target

log = structlog.get_logger(__name__)


def erased() -> dict[Target, datetime]:
    """Return everything that was ever erased, and until when it was received.

    From the log's entries, which `restore --continue` brings back from an export, and from the file
    `erased` in PLUMBLINE_VAR, which lies outside of the database.
    """
    found: dict[Target, datetime] = {}

    def add(text: str, at: datetime) -> None:
        try:
            target = Target.parse(text)
        except NoTarget:
            return
        found[target] = max(found.get(target, at), at)

    for entry in Entry.objects.filter(action="subject.erased").only("targets", "leaf", "apart"):
        if upto := entry.detail.get("upto"):
            add(entry.targets[0], datetime.fromisoformat(upto))
    file = settings.VAR / "erased"
    if file.exists():
        for line in file.read_text().splitlines():
            said = json.loads(line)
            add(said["target"], datetime.fromisoformat(said["upto"]))
    return found


def owed() -> dict[Target, datetime]:
    """Return what was erased and is there."""
    return {target: upto for target, upto in erased().items() if _is_there(target, upto)}


def _is_there(target: Target, upto: datetime) -> bool:
    if user := target.user():
        return not account.is_erased(user) or has_key(str(target))
    return bool(target.events(upto))


@shared_task(ignore_result=True)
def erase_again() -> int:
    """Ask once more for what is owed; return how many were asked for. Holds are respected."""
    asked = 0
    for target, upto in owed().items():
        try:
            ask(target, actor=SYSTEM, asked_by="Plumbline itself", ground=Ground.RESTORED, upto=upto)
            asked += 1
        except Refused as why:
            log.warning("what was erased is there again, and can't go", target=str(target), why=str(why))
    return asked
