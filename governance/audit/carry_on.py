"""How the log goes on after a restore: where it is, with what an export has more, or in a new log."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from factory.kit.bulk import array_text, copy_in, fetch
from factory.kit.recording import CONSOLE, record
from governance.audit.leaf import ROW
from governance.audit.models import Checkpoint, Entry, Log, Place
from governance.audit.published import CONTINUED, RESTORED, as_cited, last_known
from governance.audit.sequencer import put_tiles
from governance.audit.signing.begin_log import LOCK, follow
from governance.audit.signing.keys import held, verifier_keys
from governance.audit.store import current_log, head_of, reader
from governance.audit.tlog.bundles import decode_bundle
from governance.audit.tlog.checkpoint import open_checkpoint
from governance.audit.tlog.edge import Edge
from governance.audit.tlog.merkle import leaf_hash
from governance.audit.tlog.notes import LARGEST_NOTE, Note, VerifierKey
from governance.audit.tlog.tiles import ENTRIES, WIDTH, tile_at
from governance.audit.verify.asked import Trust
from governance.audit.verify.check import Progress, verify
from governance.audit.verify.stores import Store
from governance.audit.verify.walk import fetch as fetch_tile

_TOGETHER = 64 * WIDTH
#: A database older than such an entry still has what was erased.
_ERASED = "subject.erased"


class CanNotCarryOn(Exception):
    """The log can't go on this way; nothing has changed. The message says why."""


class Taken(NamedTuple):
    """What came from an export: the sizes of the log before and after, and what it could not bring.

    `bodies`: submissions whose body only the lost database had. `apart`: entries of which something was
    kept beside the log, for its length. `erasures`: what was erased then, and is there again.
    """

    before: int
    after: int
    bodies: int
    apart: int
    erasures: int


@transaction.atomic
def mark_restored(reason: str) -> int:
    """Put on record that other tools put this database back; return the size of its log.

    As after a restore from an archive, nothing is signed until it is said how the log goes on.
    """
    log, head = _locked()
    record(
        RESTORED,
        actor=CONSOLE,
        targets=[f"log:{log.origin}"],
        reason=reason,
        detail={"how": "by other means", "logs": [as_cited(log, head)]},
    )
    return head.size


@transaction.atomic
def here(reason: str) -> int:
    """Put on record that nothing was signed after what the database has; return the size of the log."""
    log, head = _locked()
    record(
        CONTINUED,
        actor=CONSOLE,
        targets=[f"log:{log.origin}"],
        reason=reason,
        detail={"how": "here", **as_cited(log, head)},
    )
    return head.size


@transaction.atomic
def in_a_new_log(reason: str) -> Log:
    """Begin a new log, under LOG_ORIGIN and LOG_KEY, that cites the last that is known of this one.

    Raises CanNotCarryOn, begin_log.CanNotBegin, BadKey.
    """
    log, head = _locked()
    return follow(reason, CONSOLE, last_known(log, head))


@transaction.atomic
def from_export(store: Store, progress: Progress) -> Taken:
    """Take the entries that the export in `store` has more than the database, and its checkpoint.

    The export is verified first, whole, with the log's own keys. Its entries become rows again, tiles are
    made of them, and the log is as it was when it was exported; what waits goes behind. Puts it on record.

    Raises CanNotCarryOn, Unreadable.
    """
    log, head = _locked()
    note, size = _verified(store, log, head, progress)
    new = _Taking(log, head, size)
    for leaves in _in_batches(_leaves(store, head.size, size)):
        new.take(leaves)
    checkpoint = new.finish(note)
    taken = new.told(checkpoint)
    record(
        CONTINUED,
        actor=CONSOLE,
        targets=[f"log:{log.origin}"],
        detail={"how": "export", **taken._asdict(), **as_cited(log, checkpoint)},
    )
    return taken


def _locked() -> tuple[Log, Checkpoint]:
    if not fetch("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])[0][0]:
        raise CanNotCarryOn("a sequencer is at work; stop Plumbline first")
    log = current_log()
    head = head_of(log) if log else None
    if log is None or head is None:
        raise CanNotCarryOn("there is no log in this database; the sequencer begins one by itself")
    return log, head


def _verified(store: Store, log: Log, head: Checkpoint, progress: Progress) -> tuple[Note, int]:
    """Return the export's checkpoint, signed by the log alone, and its size."""
    # A key that came into use after the backup is one that LOG_KEY holds now.
    keys = (*verifier_keys(log), *(signer.key for signer in held()))
    report = verify(
        store,
        Trust(keys, origin=log.origin),
        older=[("the newest checkpoint of the database", head.note.encode())],
        start=head.size,
        progress=progress,
    )
    if wrong := report.first or next(iter(report.unchecked), None):
        raise CanNotCarryOn(f"the export does not verify, so nothing is taken from it: {wrong}")
    if report.size <= head.size:
        raise CanNotCarryOn(
            f"the export has {report.size:,} entries of {log.origin} and the database {head.size:,}: there "
            "is nothing in it to go on with"
        )
    checkpoint, note = open_checkpoint(store.read("checkpoint", LARGEST_NOTE), keys, log.origin)
    return _by_log(note, keys), checkpoint.size


def _by_log(note: Note, keys: Iterable[VerifierKey]) -> Note:
    return Note(note.text, tuple(each for each in note.signatures if any(each.is_by(key) for key in keys)))


def _leaves(store: Store, start: int, size: int) -> Iterator[bytes]:
    for number in range(start // WIDTH, (size - 1) // WIDTH + 1):
        tile = tile_at(ENTRIES, number, size)
        assert tile is not None
        content, found = fetch_tile(store, tile)
        entries = list(decode_bundle(content, found.width))[: tile.width]
        yield from entries[max(0, start - tile.start) :]


def _in_batches(leaves: Iterator[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for leaf in leaves:
        batch.append(leaf)
        if len(batch) == _TOGETHER:
            yield batch
            batch = []
    if batch:
        yield batch


class _Taking:
    """The log of the database on its way to the size of the export."""

    def __init__(self, log: Log, head: Checkpoint, size: int) -> None:
        self._log, self._head, self._size = log, head, size
        self._edge = Edge.read(head.size, reader(log))
        self._pulled = head.pulled
        self._bodies = self._apart = self._erasures = 0

    def take(self, leaves: list[bytes]) -> None:
        """Add entries: as rows where there are none yet, with their places and tiles."""
        first, said = self._edge.size, [json.loads(leaf) for leaf in leaves]
        ids = [UUID(each["id"]) for each in said]
        there = {id_: bytes(leaf) for id_, leaf in Entry.objects.filter(pk__in=ids).values_list("pk", "leaf")}
        for id_, leaf in zip(ids, leaves, strict=True):
            if there.get(id_, leaf) != leaf:
                raise CanNotCarryOn(f"the entry {id_} of the export is another one than the database has")
        missing = [
            (each, leaf) for each, leaf, id_ in zip(said, leaves, ids, strict=True) if id_ not in there
        ]
        copy_in(Entry, ROW, (_row(each, leaf) for each, leaf in missing))
        fetch("DELETE FROM governance_waiting WHERE entry_id = ANY (%s) RETURNING 1", [ids])
        copy_in(
            Place,
            ("log_id", "index", "entry_id"),
            ((self._log.pk, index, id_) for index, id_ in enumerate(ids, first)),
        )
        self._edge, tiles = self._edge.grown([leaf_hash(leaf) for leaf in leaves])
        put_tiles(self._log, tiles)
        self._count(said, {each["id"] for each, _ in missing})

    def _count(self, said: list[dict[str, Any]], missing: set[str]) -> None:
        submissions = [each["id"] for each in said if each["action"] == "submission.received"]
        numbers = fetch("SELECT number FROM lineage_submission WHERE id = ANY (%s::uuid[])", [submissions])
        self._pulled = max([self._pulled, *(number for (number,) in numbers)])
        self._bodies += len(submissions) - len(numbers)
        self._apart += sum(each["id"] in missing and _has_parts(each) for each in said)
        self._erasures += sum(each["action"] == _ERASED for each in said)

    def finish(self, note: Note) -> Checkpoint:
        """Keep the export's checkpoint as the newest of the log."""
        return Checkpoint.objects.create(
            log=self._log,
            size=self._edge.size,
            root=self._edge.root(),
            note=note.encode().decode(),
            signed_at=timezone.now(),
            pulled=self._pulled,
        )

    def told(self, checkpoint: Checkpoint) -> Taken:
        return Taken(self._head.size, checkpoint.size, self._bodies, self._apart, self._erasures)


def _has_parts(said: dict[str, Any]) -> bool:
    """Whether something of the entry was too long for the log, and stands in it by its digest only."""
    targets, reason, detail = said.get("targets", []), said.get("reason", ""), said.get("detail", {})
    return (
        isinstance(targets, dict)
        or isinstance(reason, dict)
        or (isinstance(detail, dict) and detail.keys() == {"sha256", "size"})
    )


def _row(said: dict[str, Any], leaf: bytes) -> tuple[Any, ...]:
    """Return the row of an entry, as `Act.row`, from its leaf."""
    targets = said.get("targets", [])
    return (
        UUID(said["id"]),
        datetime.fromisoformat(said["occurred_at"]),
        datetime.fromisoformat(said["recorded_at"]),
        said["actor"]["type"],
        said["actor"].get("id", ""),
        said["action"],
        array_text(targets if isinstance(targets, list) else []),
        said["outcome"],
        leaf,
        None,
    )
