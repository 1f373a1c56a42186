"""An export of the log: its files in the standard layout, and its timestamps beside them."""

from collections.abc import Iterator

from governance.audit.models import Checkpoint, Log, Timestamp
from governance.audit.stamps import to_export
from governance.audit.store import minimum_index, reader, signed_note
from governance.audit.tlog.export import files_of, stamp_files
from governance.audit.tlog.tiles import Tile, tiles_of
from governance.audit.tlog.tree import TiledTree


def export(log: Log, head: Checkpoint, *, start: int, end: int) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of the files of the entries `[start, end)` under the checkpoint `head`.

    With a range come the tiles that it takes to compare the checkpoint that was stamped.
    """
    whole = start <= minimum_index(log) and end == head.size
    read = reader(log)
    yield from files_of(signed_note(head), head.size, read, start=start, end=end)
    stamps = to_export(log, head, start=start, end=end, whole=whole)
    if not whole:
        there = set(tiles_of(head.size, start=start, end=end))
        for tile in sorted(_compared(log, head, stamps) - there):
            yield tile.path, read(tile)
    yield from stamp_files(
        (stamp.checkpoint.size, stamp.checkpoint.note.encode(), bytes(stamp.token)) for stamp in stamps
    )


def _compared(log: Log, head: Checkpoint, stamps: list[Timestamp]) -> set[Tile]:
    """Return the tiles out of which it is proven that `head` continues what was stamped."""
    asked: set[Tile] = set()
    read = reader(log)

    def note(tile: Tile) -> bytes:
        asked.add(tile)
        return read(tile)

    tree = TiledTree(head.size, note)
    for stamp in stamps:
        if stamp.checkpoint.size:
            tree.consistency(stamp.checkpoint.size)
    return asked
