"""Reads the log as it is kept: its heads, tiles, bundles and the places of entries."""

from collections.abc import Callable
from uuid import UUID

from factory.kit.bulk import fetch
from governance.audit.models import Checkpoint, Entry, Log, Place
from governance.audit.models import Tile as TileRow
from governance.audit.tlog.bundles import encode_bundle
from governance.audit.tlog.merkle import HASH_SIZE
from governance.audit.tlog.proof import Proof
from governance.audit.tlog.tiles import ENTRIES, WIDTH, Tile
from governance.audit.tlog.tree import TiledTree
from governance.audit.witnessed import newest_witnessed


class Missing(LookupError):
    """The log has no such tile or bundle, or has it no more."""


class Pruned(Missing):
    """The log had it, and was pruned; the message says below which index."""


def current_log() -> Log | None:
    """Return the log that entries go into; None before the first was begun."""
    return Log.objects.order_by("-id").first()


def minimum_index(log: Log) -> int:
    """Return the smallest index of which the log still has the entry (c2sp.org/tlog-tiles, pruning)."""
    rows = fetch("SELECT index FROM governance_place WHERE log_id = %s ORDER BY index LIMIT 1", [log.pk])
    return rows[0][0] if rows else 0


def head_of(log: Log) -> Checkpoint | None:
    """Return the newest checkpoint of a log."""
    return Checkpoint.objects.filter(log=log).order_by("-size").first()


def reader(log: Log) -> Callable[[Tile], bytes]:
    """Return what reads the log's tiles and bundles; it raises Missing, or Pruned."""

    def read(tile: Tile) -> bytes:
        try:
            return _bundle(log, tile) if tile.level == ENTRIES else _hashes(log, tile)
        except Missing:
            if tile.end <= (minimum := minimum_index(log)):
                raise Pruned(f"{tile.path} is gone: the log was pruned below index {minimum}") from None
            raise

    return read


def _hashes(log: Log, tile: Tile) -> bytes:
    data = (
        TileRow.objects.filter(log=log, level=tile.level, number=tile.index)
        .values_list("data", flat=True)
        .first()
    )
    size = tile.width * HASH_SIZE
    if data is None or len(data) < size:
        raise Missing(tile.path)
    return bytes(data[:size])


def _bundle(log: Log, tile: Tile) -> bytes:
    """Put a bundle together of the entries themselves, so that what is served is what is kept."""
    start = tile.index * WIDTH
    rows = fetch(
        """SELECT e.leaf FROM governance_place p JOIN governance_entry e ON e.id = p.entry_id
           WHERE p.log_id = %s AND p.index >= %s AND p.index < %s ORDER BY p.index""",
        [log.pk, start, start + tile.width],
    )
    if len(rows) < tile.width:
        raise Missing(tile.path)
    return encode_bundle(bytes(leaf) for (leaf,) in rows)


def published(log: Log) -> Checkpoint | None:
    """Return the checkpoint that the log is served under: the newest that enough witnesses cosigned."""
    return newest_witnessed(log)


def signed_note(checkpoint: Checkpoint) -> bytes:
    """Return the signed note of a checkpoint with the cosignatures that have come."""
    return (checkpoint.note + "".join(each.line for each in checkpoint.cosignatures.order_by("id"))).encode()


class NotYet(LookupError):
    """The entry is kept, and no published checkpoint covers it yet."""


def is_kept(entry_id: UUID) -> bool:
    """Whether there is an entry, or a submission that becomes one, of this id."""
    return Entry.objects.filter(pk=entry_id).exists() or bool(
        fetch("SELECT 1 FROM lineage_submission WHERE id = %s", [entry_id])
    )


def _was_in_the_log(submission: UUID) -> bool:
    """Whether the current log took the entry of a submission in, whose row outlives it."""
    log = current_log()
    head = head_of(log) if log else None
    return head is not None and bool(
        fetch("SELECT 1 FROM lineage_submission WHERE id = %s AND number <= %s", [submission, head.pulled])
    )


def receipt(entry_id: UUID) -> Proof:
    """Return the receipt of an entry, or of a submission: its entry has the same id.

    Raises Missing (nothing of this id is kept), Pruned or NotYet.
    """
    places = Place.objects.select_related("log").filter(entry_id=entry_id)
    place = places.first()
    if place is None and _was_in_the_log(entry_id):
        # Asked once more: it may have got its place between the two questions.
        place = places.first()
        if place is None:
            raise Pruned(f"the entry of submission {entry_id} is gone: the log was pruned")
    if place is None:
        if is_kept(entry_id):
            raise NotYet(str(entry_id))
        raise Missing(str(entry_id))
    head = published(place.log)
    if head is None or head.size <= place.index:
        raise NotYet(str(entry_id))
    tree = TiledTree(head.size, reader(place.log))
    return Proof(place.index, tree.inclusion(place.index), signed_note(head))


#: How far what waits is counted.
_MOST_COUNTED = 10_000


def waiting() -> str:
    """Return how many entries and submissions have no place yet, as a person reads it; empty for none."""
    count = count_waiting()
    return f"over {_MOST_COUNTED:,}" if count >= _MOST_COUNTED else f"{count:,}" if count else ""


def count_waiting() -> int:
    """Return how many entries and submissions have no place yet, counted to 10,000 of each."""
    log = current_log()
    head = head_of(log) if log else None
    count: int = fetch(
        """SELECT (SELECT count(*) FROM (SELECT 1 FROM governance_waiting LIMIT %(most)s) AS entries)
                + (SELECT count(*) FROM (SELECT 1 FROM lineage_submission WHERE number > %(pulled)s
                   LIMIT %(most)s) AS submissions)""",
        {"most": _MOST_COUNTED, "pulled": head.pulled if head else 0},
    )[0][0]
    return count
