"""The tree of a log, checked from its signed root down to every entry.

Each tile is held against the hash of it in the tile above, each entry against its hash in a tile. Where a
tile does not stand, the entries under it are hashed again, which tells a damaged tile from changed entries.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from governance.audit.tlog.bundles import LARGEST_BUNDLE, BundleError, decode_bundle, leaf_hashes
from governance.audit.tlog.edge import Edge
from governance.audit.tlog.merkle import HASH_SIZE, leaf_hash, root_of
from governance.audit.tlog.tiles import ENTRIES, FULL_TILE, WIDTH, Tile, right_edge
from governance.audit.verify.report import Finding, Report
from governance.audit.verify.stores import BadFile, MissingFile, Store


def fetch(store: Store, tile: Tile) -> tuple[bytes, Tile]:
    """Return what the store holds for `tile`, and as which tile: a partial one may have grown full since.

    Raises BadFile, Unreadable.
    """
    most = LARGEST_BUNDLE if tile.level == ENTRIES else FULL_TILE
    try:
        return store.read(tile.path, most), tile
    except MissingFile:
        if tile.width == WIDTH:
            raise
        return store.read(tile.full.path, most), tile.full


def read_hashes(store: Store, tile: Tile) -> bytes:
    """Return the hashes of `tile`, as many as it is wide. Raises BadFile, Unreadable."""
    content, found = fetch(store, tile)
    if len(content) != found.width * HASH_SIZE:
        raise BadFile(f"it has {len(content)} bytes instead of {found.width * HASH_SIZE}")
    return content[: tile.width * HASH_SIZE]


class _Broken(Exception):
    """The entries under a tile can't all be read."""


@dataclass
class Walk:
    """A pass over a tree of `size` entries with `root`.

    Only tiles that overlap the entries `[start, end)` are looked at, and the right edge. Findings go to
    `report`; `passed(bundle, tile)` gets each bundle whose entries the signed root vouches for.

    Full tiles and bundles that aren't there go to `absent` and are no findings yet: only the whole log
    can tell whether they were pruned (c2sp.org/tlog-tiles, pruning).
    """

    store: Store
    size: int
    root: bytes
    report: Report
    start: int
    end: int
    passed: Callable[[bytes, Tile], None]
    #: Everything that was looked at.
    seen: set[Tile] = field(default_factory=set)
    #: Full tiles and bundles that are missing.
    absent: set[Tile] = field(default_factory=set)
    #: How many entries are there that no tile vouches for.
    not_vouched_for: int = 0
    #: What bad tiles should hold; None where that can't be told.
    mended: dict[Tile, bytes | None] = field(default_factory=dict)

    def run(self) -> None:
        """Check everything. Raises Enough after too many findings."""
        tiles = list(right_edge(self.size))
        stored = {tile: self._stored(tile) for tile in tiles}
        rows, proven = stored, True
        if not self._leads_to_root(stored):
            rows, proven = self._mended(stored)
        # From the highest level down is from the first entry to the last.
        for tile in reversed(tiles):
            self._below(tile, rows[tile], proven)
        if not proven:
            edge = ", ".join(tile.path for tile in tiles)
            problem = f"the right edge of the tree ({edge}) does not lead to the root hash that is signed"
            self._note("checkpoint", problem, path="checkpoint", position=self.size)

    def _leads_to_root(self, rows: dict[Tile, bytes | None]) -> bool:
        known = {tile: row for tile, row in rows.items() if row is not None}
        return len(known) == len(rows) and Edge.read(self.size, known.__getitem__).root() == self.root

    def _mended(self, stored: dict[Tile, bytes | None]) -> tuple[dict[Tile, bytes | None], bool]:
        """Return a right edge that leads to the root, made of stored tiles and of what lies below them.

        Notes which of its tiles are bad. Where no such edge can be made, returns what there is, and False.
        """
        rebuilt = {tile: list(self._rebuilt(tile)) for tile in stored}
        choices = [dict.fromkeys((row, *rebuilt[tile])) for tile, row in stored.items()]
        for chosen in itertools.product(*choices):
            rows = dict(zip(stored, chosen, strict=True))
            if self._leads_to_root(rows):
                for tile, row in rows.items():
                    if row != stored[tile]:
                        self.mended[tile] = row
                        self._note_tile(tile, stored[tile], row)
                return rows, True
        for tile, row in stored.items():
            self.mended[tile] = None
            if row is None:
                self._note_tile(tile, None, None)
        return {tile: row or next(iter(rebuilt[tile]), None) for tile, row in stored.items()}, False

    # --- downwards ------------------------------------------------------------------------------------
    def _below(self, tile: Tile, row: bytes | None, proven: bool) -> None:
        """Check what the hashes in `row` of `tile` stand for; None where they aren't known."""
        if tile.level == 0:
            bundle = Tile(ENTRIES, tile.index, tile.width)
            if self._overlaps(bundle):
                self._entries(bundle, row, proven)
            return
        for position, child in enumerate(_children(tile)):
            if self._overlaps(child):
                expected = row and row[position * HASH_SIZE : (position + 1) * HASH_SIZE]
                self._tile(child, expected, proven)

    def _tile(self, tile: Tile, expected: bytes | None, proven: bool) -> None:
        row = self._stored(tile)
        if row is None or root_of(row) != expected:
            rebuilt = list(self._rebuilt(tile))
            right = next((each for each in rebuilt if root_of(each) == expected), None)
            if tile not in self.absent and (row is None or proven or row not in rebuilt):
                # Otherwise it is the tile above that is in doubt.
                self._note_tile(tile, row, right, proven)
            self.mended[tile] = right
            proven = proven and right is not None
            row = right or row or next(iter(rebuilt), None)
            if row is None and tile in self.absent and not self._reaches_below(tile):
                return
        self._below(tile, row, proven)

    def _reaches_below(self, tile: Tile) -> bool:
        """Whether something is there under a missing tile; of a pruned log, and of one that only claims
        to be huge, there is nothing, and nobody looks for each of its parts."""
        if tile.level == 0:
            return True
        *_, last = children = list(_children(tile))
        return any(self._stored(child) is not None for child in (children[0], last))

    def _entries(self, tile: Tile, row: bytes | None, proven: bool) -> None:
        """Check the entries of a bundle against their hashes."""
        self.seen.add(tile)
        try:
            content, found = fetch(self.store, tile)
        except BadFile as error:
            if not self._is_absent(tile, error):
                self._note(tile.path, str(error), path=tile.path, position=tile.start)
            return
        self.seen.add(found)
        try:
            hashes = leaf_hashes(content, found.width)
        except BundleError as error:
            self._first_bad_entry(tile, content, row, error)
            return
        if row is None or hashes.startswith(row):
            # What agrees only with a tile that nothing vouches for says nothing.
            if proven and row is not None:
                self.report.entries_checked += tile.width
                self.passed(content, tile)
            else:
                self.not_vouched_for += tile.width
            return
        problem = "it does not hash to what the tree says"
        if not proven:
            problem = f"it and {Tile(0, tile.index, tile.width).path} do not agree"
        self._note_entry(tile, _first_difference(hashes, row), problem)

    def _first_bad_entry(self, tile: Tile, content: bytes, row: bytes | None, error: BundleError) -> None:
        """Note where a bundle that can't be read to its end goes wrong first."""
        try:
            for position, entry in enumerate(decode_bundle(content, tile.width)):
                if row and leaf_hash(entry) != row[position * HASH_SIZE : (position + 1) * HASH_SIZE]:
                    self._note_entry(tile, position, "it does not hash to what the tree says")
                    return
        except BundleError:
            pass
        if error.position < tile.width:
            self._note_entry(tile, error.position, str(error))
        else:
            self._note(tile.path, str(error), path=tile.path, position=tile.start)

    # --- upwards --------------------------------------------------------------------------------------
    def _rebuilt(self, tile: Tile) -> Iterator[bytes]:
        """Yield what `tile` should hold by the tiles below it and by the entries, where they can be read."""
        if tile.level > 0:
            try:
                yield b"".join(root_of(read_hashes(self.store, child)) for child in _children(tile))
            except BadFile:
                pass
        try:
            yield self._row_from_entries(tile)
        except _Broken:
            pass

    def _row_from_entries(self, tile: Tile) -> bytes:
        if tile.level > 0:
            return b"".join(root_of(self._row_from_entries(child)) for child in _children(tile))
        try:
            content, found = fetch(self.store, Tile(ENTRIES, tile.index, tile.width))
            return leaf_hashes(content, found.width)[: tile.width * HASH_SIZE]
        except (BadFile, BundleError) as error:
            raise _Broken from error

    # --- reading and noting ---------------------------------------------------------------------------
    def _overlaps(self, tile: Tile) -> bool:
        return tile.start < self.end and self.start < tile.end

    def _stored(self, tile: Tile) -> bytes | None:
        self.seen.add(tile)
        try:
            row = read_hashes(self.store, tile)
        except BadFile as error:
            self._is_absent(tile, error)
            return None
        self.report.tiles_checked += 1
        return row

    def _is_absent(self, tile: Tile, error: BadFile) -> bool:
        """Remember `tile` where it is one that may have been pruned; say whether it is."""
        if isinstance(error, MissingFile) and tile.width == WIDTH:
            self.absent.add(tile)
            return True
        return False

    def _note_tile(self, tile: Tile, row: bytes | None, right: bytes | None, proven: bool = True) -> None:
        """Note that `tile` is bad: it can't be read, or it differs from what is `right`, where known."""
        problem = "it does not hash to what the tree says"
        if not proven:
            problem = "it and the tile above it do not agree"
        if row is None:
            try:
                read_hashes(self.store, tile)
            except BadFile as error:
                problem = str(error)
        elif right is not None and right != row:
            position = _first_difference(row, right)
            what = "entry" if tile.level == 0 else "tile"
            problem = f"hash {position} of it is not that of the {what} below it"
        self._note(tile.path, problem, path=tile.path, position=tile.start)

    def _note_entry(self, tile: Tile, position: int, problem: str) -> None:
        index = tile.start + position
        self._note(f"entry {index}", problem, path=tile.path, index=index, position=index)

    def _note(
        self, place: str, problem: str, *, path: str | None = None, index: int | None = None, position: int
    ) -> None:
        self.report.add(Finding(place, problem, path, index, position))


def _children(tile: Tile) -> Iterator[Tile]:
    """Yield the full tiles that the hashes of `tile` are the roots of."""
    return (Tile(tile.level - 1, tile.index * WIDTH + position) for position in range(tile.width))


def _first_difference(hashes: bytes, others: bytes) -> int:
    """Return the position of the first hash in which the two rows differ."""
    pairs = range(0, max(len(hashes), len(others)), HASH_SIZE)
    return next(at // HASH_SIZE for at in pairs if hashes[at : at + HASH_SIZE] != others[at : at + HASH_SIZE])
