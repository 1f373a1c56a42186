"""A log, or a range of it, as files in the standard layout."""

import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from governance.audit.tlog.tiles import Tile, tiles_of

#: Archives are the same whenever they are made.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def files_of(
    checkpoint: bytes,
    size: int,
    read: Callable[[Tile], bytes],
    *,
    start: int = 0,
    end: int | None = None,
) -> Iterator[tuple[str, bytes]]:
    """Yield the path and content of every file that a log of `size` entries consists of.

    `checkpoint` is the signed note for that size and `read` gives tiles and entry bundles. With a range:
    only what it takes to check the entries `[start, end)` against the checkpoint.
    """
    yield "checkpoint", checkpoint
    for tile in tiles_of(size, start=start, end=end):
        yield tile.path, read(tile)


def write_directory(root: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write `files` under `root`, which is made. Raises OSError."""
    for path, content in files:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def write_archive(file: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write `files` into a new zip archive; the same files give the same bytes. Raises OSError."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files:
            member = zipfile.ZipInfo(path, _NO_TIME)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, content)
