"""The sequencer: gives entries their places in the log, grows the tree and signs its head.

All of a round is one transaction, and a lock of that transaction lets one sequencer work at a time, however
many run. Entries are taken from a queue that is written with them; a serial number would skip those that
commit late. Submissions need no queue: their numbers follow the order of commits.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Event
from uuid import UUID

import structlog
from django.core.cache import cache
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    connection,
    transaction,
)
from django.utils import timezone

from factory.kit.bulk import copy_in, fetch
from factory.kit.recording import Actor
from governance.audit.append import write_rows
from governance.audit.leaf import Act
from governance.audit.models import Checkpoint, Log, Place
from governance.audit.signing.begin_log import LOCK, begin
from governance.audit.signing.keys import signers
from governance.audit.signing.private_keys import BadKey
from governance.audit.store import Missing, current_log, head_of, reader
from governance.audit.tlog.checkpoint import Checkpoint as Head
from governance.audit.tlog.edge import Edge
from governance.audit.tlog.tiles import Tile

log = structlog.get_logger(__name__)

#: Seconds between rounds. A receipt is to be had within two seconds, and each round writes a checkpoint.
PAUSE = 0.25
#: The name under which the cache says why nothing is signed, while that is so.
REFUSED = "log.refused"
_REFUSED_FOR = 60
#: Entries and submissions of one round at most.
MOST = 20_000

_TAKE = """
    DELETE FROM governance_waiting
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM governance_waiting LIMIT %s))
    RETURNING entry_id, hash
"""
_PULL = """
    SELECT number, EXISTS (SELECT FROM governance_place p WHERE p.entry_id = s.id),
           id, door, source, received_at, content_type, sha256, size, batch
    FROM lineage_submission s WHERE number > %s ORDER BY number LIMIT %s
"""
_PUT_TILES = """
    INSERT INTO governance_tile (log_id, level, number, data)
    SELECT %s, * FROM unnest(%s::smallint[], %s::bigint[], %s::bytea[])
    ON CONFLICT (log_id, level, number) DO UPDATE SET data = excluded.data
"""


class Refused(Exception):
    """Nothing may be signed now; the message says why and what to do."""


class Sequencer:
    """Works off what waits, a round at a time.

    `checks` are called before the first round, and again after every failure and where the log has shrunk,
    with the current log and its head, where it has one; they raise Refused. `signed` are called with every
    new checkpoint once it is committed.
    """

    def __init__(
        self,
        checks: Sequence[Callable[[Log, Checkpoint | None], None]] = (),
        signed: Sequence[Callable[[Log, Checkpoint], None]] = (),
    ) -> None:
        self._checks = checks
        self._signed = signed
        self._checked = False
        #: The right edge as of the last round of ours, while nobody else has grown the tree.
        self._edge: tuple[int, Edge] | None = None

    def run(self, stop: Event) -> None:
        """Work until `stop` is set; wait and try again where the database fails or signing is refused."""
        #: Why nothing was signed in the last round; unknown before the first, as another may have said it.
        refused: str | None = ""
        while not stop.is_set():
            started = time.monotonic()
            try:
                count = self.round()
                if refused is not None:
                    refused = None
                    cache.delete(REFUSED)
            except (Refused, BadKey, IntegrityError, DataError) as why:
                # What the database refuses once it refuses again: no waiting helps, so it is said.
                if str(why) != refused:
                    log.error("the log is not signed", why=str(why))
                refused, count = str(why), 0
                _tell(refused)
                stop.wait(5)
            except (DatabaseError, InterfaceError) as error:
                log.warning("the log waits for the database", error=str(error).strip())
                connection.close()
                self._checked, count = False, 0
                stop.wait(1)
            if count < MOST:
                stop.wait(max(0, PAUSE - (time.monotonic() - started)))

    def check_again(self) -> None:
        """Have the checks called before the next round: somebody has learnt something since."""
        self._checked = False

    def round(self) -> int:
        """Give a place to everything that waits; return to how many.

        Raises Refused, BadKey, DatabaseError, InterfaceError; then nothing has changed.
        """
        self._edge, edge = None, self._edge
        with transaction.atomic():
            if not fetch("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])[0][0]:
                return 0
            current = current_log() or begin()
            head = head_of(current)
            if _has_shrunk(current, head, edge):
                self._checked = False
            if not self._checked:
                for check in self._checks:
                    check(current, head)
            self._checked = True
            new, grown, count = _integrate(current, head, edge)
        self._edge = (current.pk, grown)
        if new is not None:
            for tell in self._signed:
                tell(current, new)
        return count


def _tell(refused: str) -> None:
    try:
        cache.set(REFUSED, refused, _REFUSED_FOR)
    except (DatabaseError, InterfaceError) as error:
        log.warning("nobody is told that the log is not signed", error=str(error).strip())


def _has_shrunk(current: Log, head: Checkpoint | None, known: tuple[int, Edge] | None) -> bool:
    """Whether the log was larger in our last round.

    Behind a pool or a proxy a database can be exchanged for an older copy without a connection failing.
    """
    return known is not None and known[0] == current.pk and known[1].size > (head.size if head else 0)


def _integrate(
    current: Log, head: Checkpoint | None, known: tuple[int, Edge] | None
) -> tuple[Checkpoint | None, Edge, int]:
    """Return the new checkpoint, where there is one, the right edge, and how many entries were added."""
    size = head.size if head else 0
    edge = known[1] if known and known[0] == current.pk and known[1].size == size else _read(current, size)
    if head is not None and edge.root() != bytes(head.root):
        raise Refused(
            f"the tiles of the log {current.origin} don't give the root that was signed for {size:,} "
            "entries: they were changed. Restore them from a backup or an export."
        )
    pulled = head.pulled if head else 0
    added, pulled = _pull(pulled)
    added += [(entry, bytes(hash_)) for entry, hash_ in fetch(_TAKE, [MOST - len(added)])]
    if not added and head is not None:
        if pulled > head.pulled:
            Checkpoint.objects.filter(pk=head.pk).update(pulled=pulled)
        return None, edge, 0
    added.sort()
    edge, tiles = edge.grown([hash_ for _, hash_ in added])
    copy_in(
        Place,
        ("log_id", "index", "entry_id"),
        ((current.pk, index, entry) for index, (entry, _) in enumerate(added, size)),
    )
    put_tiles(current, tiles)
    note = Head(current.origin, edge.size, edge.root()).sign(*signers(current))
    new = Checkpoint.objects.create(
        log=current,
        size=edge.size,
        root=edge.root(),
        note=note.encode().decode(),
        signed_at=timezone.now(),
        pulled=pulled,
    )
    return new, edge, len(added)


def _read(current: Log, size: int) -> Edge:
    try:
        return Edge.read(size, reader(current))
    except (Missing, ValueError) as error:
        raise Refused(
            f"the tiles of the log {current.origin} don't reach to the {size:,} entries that were signed: "
            f"they were changed ({error}). Restore them from a backup or an export."
        ) from error


def put_tiles(current: Log, tiles: dict[Tile, bytes]) -> None:
    """Write tiles, also over narrower ones, in the caller's transaction."""
    if tiles:
        with connection.cursor() as cursor:
            cursor.execute(
                _PUT_TILES,
                [
                    current.pk,
                    [tile.level for tile in tiles],
                    [tile.index for tile in tiles],
                    list(tiles.values()),
                ],
            )


def _pull(after: int) -> tuple[list[tuple[UUID, bytes]], int]:
    """Write the entries of submissions that came after the numbered one.

    Returns their ids with the hashes of their leaves, and the last number. A submission's entry has the id of
    the submission, so that none can get in twice: one that came back from a snapshot, after its entry had
    come back from an export, has its place already.
    """
    rows = fetch(_PULL, [after, MOST])
    now = timezone.now()
    acts = [_received(*row, recorded_at=now) for _, is_there, *row in rows if not is_there]
    hashes = write_rows(acts)
    return [(act.id, hash_) for act, hash_ in zip(acts, hashes, strict=True)], rows[-1][0] if rows else after


def _received(
    id_: UUID,
    door: str,
    source: str,
    received_at: datetime,
    content_type: str,
    sha256: bytes,
    size: int,
    batch: bool,
    *,
    recorded_at: datetime,
) -> Act:
    detail = {"sha256": bytes(sha256).hex(), "size": size, "content_type": content_type, "batch": batch}
    return Act(
        id=id_,
        occurred_at=received_at,
        recorded_at=recorded_at,
        actor=Actor("source", source),
        action="submission.received",
        targets=(f"submission:{id_}",),
        service=door,
        detail=detail,
    )
