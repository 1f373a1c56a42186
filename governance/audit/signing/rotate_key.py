"""Rotates the key of the log: the act is an entry, and for a while both keys sign."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from factory.kit.recording import CONSOLE, Actor, record
from governance.audit.models import Log, LogKey
from governance.audit.signing.keys import held, is_handed_over, signers, verifier_keys
from governance.audit.tlog.notes import Signer

#: How long the former key signs too. Whoever looks at the log less often finds the way by its entries.
OVERLAP = timedelta(days=30)


class CanNotRotate(Exception):
    """The key can't be rotated now; the message says why and what to do."""


@transaction.atomic
def rotate(overlap: timedelta = OVERLAP, actor: Actor = CONSOLE) -> LogKey:
    """Take that key of LOG_KEY into use that the log has not had; the one before it signs too for a while.

    Writes the entry `log.key_rotated`. The checkpoint that covers it is signed by both keys, even where
    `overlap` is over by then.

    Raises CanNotRotate, BadKey.
    """
    log = Log.objects.select_for_update().order_by("-id").first()
    if log is None:
        raise CanNotRotate("there is no log yet, and so no key to rotate")
    if overlap < timedelta():
        raise CanNotRotate("the overlap is a number of days, from 0")
    former = signers(log)[0].key
    current = LogKey.objects.filter(log=log).order_by("-id")[0]
    if not is_handed_over(current):
        raise CanNotRotate("the last rotation is not in the log yet: is the sequencer running?")
    signer = _next_key(log)
    now = timezone.now()
    until = now + overlap
    entry = record(
        "log.key_rotated",
        actor=actor,
        targets=[f"log:{log.origin}"],
        detail={
            "origin": log.origin,
            "former_key": str(former),
            "key": str(signer.key),
            "former_signs_until": until.isoformat(),
        },
    )
    return LogKey.objects.create(log=log, key=str(signer.key), since=now, former_until=until, entry_id=entry)


def _next_key(log: Log) -> Signer:
    known = verifier_keys(log)
    new = [signer for signer in held() if signer.key not in known]
    if not new:
        raise CanNotRotate(
            "LOG_KEY holds no key that the log has not had: put the new one into it, as a second line "
            "(`manage.py log_key new` makes one), and start Plumbline again"
        )
    if len(new) > 1:
        raise CanNotRotate("LOG_KEY holds more than one key that the log has not had: leave one")
    # A key that can't sign must not become the one that has to.
    probe = f"plumbline: this key is to sign the log {log.origin}\n".encode()
    if not new[0].key.verify(probe, new[0].sign(probe)):
        raise CanNotRotate("the new key's signatures are not valid")
    return new[0]
