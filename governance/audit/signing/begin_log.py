"""Begins a log: the first one, or one that follows upon another that can't go on."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from factory.kit.bulk import fetch
from factory.kit.ids import new_id
from factory.kit.recording import Actor
from governance.audit.append import write_rows
from governance.audit.leaf import Act
from governance.audit.models import Checkpoint, Log, LogKey, Place, Tile
from governance.audit.signing.keys import first_key
from governance.audit.store import current_log, head_of
from governance.audit.tlog.checkpoint import Checkpoint as Head
from governance.audit.tlog.edge import Edge
from governance.audit.tlog.notes import encode_base64

#: The advisory lock of whoever grows a log: "plums".
LOCK = 0x706C756D73


class CanNotBegin(Exception):
    """A log can't be begun now; the message says why and what to do."""


def begin() -> Log:
    """Begin the first log; the caller holds the lock. Raises BadKey."""
    signer, now = first_key(), timezone.now()
    log = Log.objects.create(origin=signer.key.name, began_at=now)
    LogKey.objects.create(log=log, key=str(signer.key), since=now)
    return log


@transaction.atomic
def follow(reason: str, actor: Actor, last_known: dict[str, Any] | None = None) -> Log:
    """Begin a log that cites the current one, under LOG_ORIGIN and LOG_KEY, which are other ones now.

    Its first entry, `log.begun`, says which log it follows; what waits for a place gets one in the new log.
    `last_known` is its checkpoint `{origin, size, root}` where more is known of it than the database has.
    Raises CanNotBegin, BadKey.
    """
    fetch("SELECT 1 FROM pg_advisory_xact_lock(%s)", [LOCK])
    signer, now = first_key(), timezone.now()
    old = current_log()
    head = head_of(old) if old else None
    if old is None or head is None:
        raise CanNotBegin("there is no log to follow yet; the sequencer begins the first one by itself")
    if Log.objects.filter(origin=signer.key.name).exists():
        raise CanNotBegin(
            f"there is a log {signer.key.name} already: the new one needs a LOG_ORIGIN and LOG_KEY of its own"
        )
    if LogKey.objects.filter(key__endswith=str(signer.key).split("+", 2)[2]).exists():
        raise CanNotBegin(
            "the key in LOG_KEY has signed an older log: make a new one, `manage.py log_key new NAME`"
        )
    root = encode_base64(bytes(head.root))
    cites = last_known or {"origin": old.origin, "size": head.size, "root": root}
    log = Log.objects.create(origin=signer.key.name, began_at=now, cites=cites)
    act = Act(
        id=new_id(),
        occurred_at=now,
        recorded_at=now,
        actor=actor,
        action="log.begun",
        targets=(f"log:{log.origin}",),
        reason=reason,
        detail={"origin": log.origin, "key": str(signer.key), "cites": cites},
    )
    LogKey.objects.create(log=log, key=str(signer.key), since=now, entry_id=act.id)
    edge, tiles = Edge().grown(write_rows([act]))
    Place.objects.create(log=log, index=0, entry_id=act.id)
    for tile, data in tiles.items():
        Tile.objects.create(log=log, level=tile.level, number=tile.index, data=data)
    note = Head(log.origin, edge.size, edge.root()).sign(signer).encode().decode()
    Checkpoint.objects.create(
        log=log, size=edge.size, root=edge.root(), note=note, signed_at=now, pulled=head.pulled
    )
    return log
