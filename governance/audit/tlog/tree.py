"""Roots and proofs out of tiles."""

from collections.abc import Callable

from governance.audit.tlog.merkle import (
    EMPTY_ROOT,
    HASH_SIZE,
    consistency_proof,
    inclusion_proof,
    node_hash,
    root_of,
    split,
)
from governance.audit.tlog.tiles import WIDTH, Tile, tile_at

#: Tiles kept in memory while proofs are made, 8 KiB each.
KEPT = 64


class TiledTree:
    """A tree of `size` leaves whose tiles `read` gives.

    `read` is asked for a tile as wide as the tree has it and gives its hashes one after the other; a wider
    tile is cut. It is trusted: whoever doesn't trust the tiles verifies the proofs made from them.
    """

    def __init__(self, size: int, read: Callable[[Tile], bytes]) -> None:
        self.size = size
        self._read = read
        self._kept: dict[Tile, bytes] = {}

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the tree, or of its beginning of `size` leaves."""
        size = self._checked(size)
        return self.hash_of(0, size) if size else EMPTY_ROOT

    def leaf(self, index: int) -> bytes:
        """Return the hash of leaf `index`."""
        return self.hash_of(index, index + 1)

    def inclusion(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """Return the proof that leaf `index` is in the tree, or in its beginning of `size` leaves."""
        return inclusion_proof(index, self._checked(size), self.hash_of)

    def consistency(self, old: int, size: int | None = None) -> tuple[bytes, ...]:
        """Return the proof that the tree of `old` leaves is the beginning of this one, or of `size`."""
        return consistency_proof(old, self._checked(size), self.hash_of)

    def _checked(self, size: int | None) -> int:
        if size is not None and not 0 <= size <= self.size:
            raise ValueError(f"a tree of {self.size} leaves has no beginning of {size}")
        return self.size if size is None else size

    def hash_of(self, start: int, end: int) -> bytes:
        """Return the root over the leaves `[start, end)`, which are a subtree."""
        count = end - start
        if count & (count - 1):
            middle = start + split(count)
            return node_hash(self.hash_of(start, middle), self.hash_of(middle, end))
        level, height = divmod(count.bit_length() - 1, 8)
        first = start >> 8 * level
        index, position = divmod(first, WIDTH)
        hashes = self._hashes(level, index)[position * HASH_SIZE : (position + (1 << height)) * HASH_SIZE]
        return root_of(hashes)

    def _hashes(self, level: int, index: int) -> bytes:
        tile = tile_at(level, index, self.size)
        if tile is None:
            raise ValueError(f"a tree of {self.size} leaves has no tile {Tile(level, index).path}")
        if tile not in self._kept:
            if len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            hashes = self._read(tile)[: tile.width * HASH_SIZE]
            if len(hashes) != tile.width * HASH_SIZE:
                raise ValueError(f"{tile.path} has {len(hashes)} bytes instead of {tile.width * HASH_SIZE}")
            self._kept[tile] = hashes
        return self._kept[tile]
