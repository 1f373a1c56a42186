"""The right edge of the tree: all that it takes to add leaves and to know the root."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from governance.audit.tlog.merkle import EMPTY_ROOT, HASH_SIZE, root_of
from governance.audit.tlog.tiles import FULL_TILE, MOST_LEVELS, WIDTH, Tile, right_edge


@dataclass(frozen=True, slots=True)
class Edge:
    """The partial tiles of a tree of `size` leaves.

    `rows[level]` is the content of the partial tile of that level (0 to 255 hashes of 32 bytes, b"" where
    there is none). A value: `grown` returns a new one.
    """

    size: int = 0
    rows: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        for level in range(max(len(self.rows), MOST_LEVELS)):
            width = (self.size >> 8 * level) % WIDTH
            if len(self.row(level)) != width * HASH_SIZE:
                raise ValueError(f"level {level} of a tree of {self.size} leaves ends in {width} hashes")

    @classmethod
    def read(cls, size: int, read: Callable[[Tile], bytes]) -> Self:
        """Take the edge from the partial tiles of a tree of `size` leaves, which `read` gives.

        Raises ValueError where a tile has another length than it should.
        """
        rows: list[bytes] = []
        for tile in right_edge(size):
            rows += [b""] * (tile.level - len(rows))
            rows.append(read(tile))
        return cls(size, tuple(rows))

    def row(self, level: int) -> bytes:
        """Return the content of the partial tile of `level`, b"" where there is none."""
        return self.rows[level] if level < len(self.rows) else b""

    def root(self) -> bytes:
        """Return the root of the tree."""
        below = b""
        for row in self.rows:
            # What the lower levels hold is less than one full tile: the last, ragged hash of this row.
            if row or below:
                below = root_of(row + below)
        return below or EMPTY_ROOT

    def grown(self, leaves: Sequence[bytes]) -> "tuple[Edge, dict[Tile, bytes]]":
        """Add leaves by their hashes (32 bytes each).

        Returns the new edge and the tiles that are new with it: those that became full and the partial
        ones of the new right edge, in the order in which to write them. Tiles that are not returned
        stay as they are; partial ones of the old edge may go once the new ones are there.
        """
        rows: list[bytes] = []
        written: dict[Tile, bytes] = {}
        size = self.size + len(leaves)
        added = b"".join(leaves)
        if len(added) != HASH_SIZE * len(leaves):
            raise ValueError(f"the hash of a leaf has {HASH_SIZE} bytes")
        for level in range(MOST_LEVELS):
            if not added:
                rows += self.rows[level:]
                break
            row = self.row(level) + added
            first, full = self.size >> 8 * (level + 1), len(row) // FULL_TILE
            above: list[bytes] = []
            for position in range(full):
                content = row[position * FULL_TILE : (position + 1) * FULL_TILE]
                written[Tile(level, first + position)] = content
                above.append(root_of(content))
            row = row[full * FULL_TILE :]
            if row:
                written[Tile(level, first + full, len(row) // HASH_SIZE)] = row
            rows.append(row)
            added = b"".join(above)
        while rows and not rows[-1]:
            rows.pop()
        return Edge(size, tuple(rows)), written
