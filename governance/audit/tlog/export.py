"""A log, or a range of it, as files in the standard layout."""

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from governance.audit.tlog.tiles import Tile, tiles_of

#: What the comment of an archive begins with; the SHA-256 in hexadecimal of all bytes before it follows.
SEAL = b"sha256:"
SEAL_SIZE = len(SEAL) + 64
#: Where timestamps lie beside the tiles.
STAMPS = "timestamps/"
#: Archives are the same whenever they are made.
_NO_TIME = (1980, 1, 1, 0, 0, 0)
_STEP = 1 << 20
#: Writes of an archive that go out together.
_PIECES = 64


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


def stamp_files(stamps: Iterable[tuple[int, bytes, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Yield the path and content of the files that timestamps (RFC 3161) are exported as.

    `stamps` are the size of a checkpoint, its signed note as it was stamped, and the answer of the authority
    in DER, in the order of sizes. They lie at `timestamps/<size>.checkpoint` and `timestamps/<size>.<n>.tsr`,
    `n` from 1.
    """
    last, number = None, 0
    for size, note, token in stamps:
        number = number + 1 if size == last else 1
        if number == 1:
            yield f"{STAMPS}{size}.checkpoint", note
        yield f"{STAMPS}{size}.{number}.tsr", token
        last = size


def write_directory(root: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write `files` under `root`, which is made. Raises OSError."""
    for path, content in files:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def write_archive(file: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write `files` into a new zip archive, as `stream_archive` gives it. Raises OSError."""
    with file.open("wb") as written:
        written.writelines(stream_archive(files))


def stream_archive(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """Yield a zip archive of `files` piece by piece; the same files give the same bytes.

    Its comment is a digest of the rest, so that a change of the packing is noticed too. That protects from
    accidents; from a forger only the tree and its signature do.
    """
    sink = _Sink()
    digest = hashlib.sha256()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files:
            member = zipfile.ZipInfo(path, _NO_TIME)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, content)
            if len(sink.pieces) > _PIECES:
                yield _told(sink.take(), digest)
        archive.comment = bytes(SEAL_SIZE)
    yield _told(sink.take()[:-SEAL_SIZE], digest)
    yield SEAL + digest.hexdigest().encode()


class _Sink:
    """What a zip archive is written to where nobody can go back."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self.pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def take(self) -> bytes:
        taken, self.pieces = b"".join(self.pieces), []
        return taken


def _told(piece: bytes, digest: "hashlib._Hash") -> bytes:
    digest.update(piece)
    return piece


def digest_before_seal(archive: BinaryIO) -> bytes:
    """Return the digest, in hexadecimal, that the comment of `archive` should hold."""
    left = archive.seek(0, 2) - SEAL_SIZE
    archive.seek(0)
    digest = hashlib.sha256()
    while left > 0 and (piece := archive.read(min(_STEP, left))):
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest().encode()
