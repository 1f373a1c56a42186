"""Where everything of a tiled log lies: tiles, entry bundles and their paths (c2sp.org/tlog-tiles).

A tile is a row of up to 256 hashes, 32 bytes each, of one level; level 0 holds the hashes of leaves, each
hash of a higher level is the root of a full tile one level below. An entry bundle holds the entries of a
tile of level 0.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from governance.audit.tlog.merkle import HASH_SIZE

#: Hashes in a full tile, entries in a full bundle.
WIDTH = 256
FULL_TILE = WIDTH * HASH_SIZE
#: The level that stands for entry bundles.
ENTRIES = -1
MOST_LEVELS = 8

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/"
    r"(?P<index>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True, order=True, slots=True)
class Tile:
    """The coordinates of a tile, or of an entry bundle where `level` is ENTRIES.

    `width` counts its hashes or entries, 1 to 256; below 256 it is a partial tile.
    """

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where it lies under the log's prefix, as `tile/0/x001/234.p/17`."""
        level = "entries" if self.level == ENTRIES else str(self.level)
        partial = f".p/{self.width}" if self.width < WIDTH else ""
        return f"tile/{level}/{_spelt(self.index)}{partial}"

    @property
    def start(self) -> int:
        """The index of its first entry."""
        return self.index * self.span

    @property
    def end(self) -> int:
        """The index after its last entry."""
        return self.start + self.width * (self.span // WIDTH)

    @property
    def span(self) -> int:
        """How many entries it covers when it is full."""
        return WIDTH ** (max(self.level, 0) + 1)

    @property
    def full(self) -> "Tile":
        """The full tile that this one grows into."""
        return Tile(self.level, self.index)


def _spelt(index: int) -> str:
    """Return `index` in groups of three digits, all but the last with an x before them."""
    parts = [f"{index % 1000:03}"]
    while index := index // 1000:
        parts.append(f"x{index % 1000:03}")
    return "/".join(reversed(parts))


def parse_path(path: str) -> Tile:
    """Return the tile at `path`, `tile/…` without the log's prefix. Raises ValueError."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise ValueError(f"not the path of a tile: {path}")
    level = ENTRIES if match["level"] == "entries" else int(match["level"])
    index = int(match["index"].replace("x", "").replace("/", ""))
    tile = Tile(level, index, int(match["width"] or WIDTH))
    if level > 63 or tile.path != path:
        # Needless groups of zeros, a partial tile of 256 or more.
        raise ValueError(f"not the path of a tile: {path}")
    return tile


def tile_at(level: int, index: int, size: int) -> Tile | None:
    """Return tile `index` of `level` as it is in a tree of `size` leaves; None where it has none."""
    hashes = size >> (8 * max(level, 0))
    width = min(hashes - index * WIDTH, WIDTH)
    return Tile(level, index, width) if width > 0 else None


def right_edge(size: int) -> Iterator[Tile]:
    """Yield the partial tiles of a tree of `size` leaves, level 0 first; their hashes give the root."""
    for level in range(MOST_LEVELS):
        if width := (size >> 8 * level) % WIDTH:
            yield Tile(level, size >> 8 * (level + 1), width)


def tiles_of(size: int, *, start: int = 0, end: int | None = None) -> Iterator[Tile]:
    """Yield the tiles and bundles of a tree of `size` leaves, by level, bundles first.

    With a range `[start, end)` of entries: those that it takes to check these entries against the
    root, which are the tiles and bundles that overlap the range, and the right edge.
    """
    end = size if end is None else min(end, size)
    for level in range(ENTRIES, MOST_LEVELS):
        span = Tile(level, 0).span
        wanted = range(start // span, (end - 1) // span + 1) if start < end else range(0)
        for index in wanted:
            if tile := tile_at(level, index, size):
                yield tile
        edge = tile_at(level, size // span, size)
        if level != ENTRIES and edge is not None and edge.index not in wanted:
            yield edge
