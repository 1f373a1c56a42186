"""The file of an archive: a ZIP of tables and a manifest, under one seal over every byte of it.

`tables/<name>` is what COPY gave (text format), `manifest.json` says what each must be. The ZIP's comment,
the last bytes of the file, is the seal: the SHA-256 of all bytes before it, and an HMAC of that digest
under a key that whoever stores the archive doesn't have. Any unzip reads it. Nothing here needs Django.
"""

import hashlib
import hmac
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

MANIFEST = "manifest.json"
TABLES = "tables/"
_PIECE = 1 << 20
#: More would be slower and hardly smaller: most of it is encrypted bodies, which don't compress.
_LEVEL = 1
_SEAL = "plumbline archive sha256={} hmac={}\n"
_SEAL_SIZE = len(_SEAL.format("0" * 64, "0" * 64))
_NO_TIME = (1980, 1, 1, 0, 0, 0)

#: What reading a damaged ZIP may end in.
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError)

#: Told how many bytes more are done.
Progress = Callable[[int], None]


class BadArchive(Exception):
    """The file is no archive, or not what was written; the message says where it differs."""


class Member(NamedTuple):
    """A table in the archive: its digest (SHA-256, hex), its rows, its bytes before compression."""

    sha256: str
    rows: int
    bytes: int


class Writer:
    """Writes an archive under a temporary name beside `file`; `publish` gives it its own.

    Left before that, nothing of it stays.

    Raises FileExistsError where `file` is there already, OSError where it can't be written.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.draft = file.with_name(f".{file.name}.{os.getpid()}.part")
        if file.exists():
            raise FileExistsError(f"{file} exists; an archive is never written over another")
        descriptor = os.open(self.draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        self._raw = os.fdopen(descriptor, "r+b")
        self._zip = zipfile.ZipFile(self._raw, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.fp = None  # else it would go on writing when it is thrown away
        try:
            self._raw.close()
        except OSError:
            pass  # what it still had to write is not wanted
        self.draft.unlink(missing_ok=True)

    def add(self, table: str, pieces: Iterable[bytes], progress: Progress) -> Member:
        """Write a table's rows, one a line, and return what they were."""
        digest, rows, size = hashlib.sha256(), 0, 0
        with self._zip.open(_named(TABLES + table), "w", force_zip64=True) as member:
            for piece in pieces:
                member.write(piece)
                digest.update(piece)
                rows += piece.count(b"\n")
                size += len(piece)
                progress(len(piece))
        return Member(digest.hexdigest(), rows, size)

    def seal(self, manifest: dict[str, Any], key: bytes) -> None:
        """Write the manifest and the seal, and put it all on the disk; still under the temporary name."""
        self._zip.writestr(_named(MANIFEST), json.dumps(manifest, indent=1, ensure_ascii=False))
        self._zip.comment = b" " * _SEAL_SIZE
        self._zip.close()
        digest = _digest(self._raw, lambda count: None)
        self._raw.seek(-_SEAL_SIZE, os.SEEK_END)
        self._raw.write(_seal(digest, key))
        self._raw.flush()
        os.fsync(self._raw.fileno())

    def publish(self) -> None:
        """Give it its name, once it has been read back."""
        self.draft.rename(self.file)
        folder = os.open(self.file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class Reader:
    """An archive to read from. `check` says whether it is what was written.

    Raises BadArchive where `file` is no archive, OSError where it can't be read.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._raw = file.open("rb")
        try:
            self._zip = zipfile.ZipFile(self._raw)
            self.manifest: dict[str, Any] = json.loads(self._zip.read(MANIFEST))
            self.tables = {name: Member(**said) for name, said in self.manifest["tables"].items()}
        except (*_BROKEN, ValueError, TypeError):
            self._raw.close()
            raise BadArchive(f"{file} is no archive of Plumbline, or it is cut off or damaged") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()
        self._raw.close()

    @property
    def packed_size(self) -> int:
        """The bytes of the file."""
        return os.fstat(self._raw.fileno()).st_size

    @property
    def size(self) -> int:
        """The bytes of all tables, unpacked."""
        return sum(member.bytes for member in self.tables.values())

    def check(self, progress: Progress) -> bytes:
        """Check every byte of the file, every digest and every count; return the digest that the seal covers.

        `progress` comes to `packed_size` + `size`. Raises BadArchive.
        """
        digest = _digest(self._raw, progress)
        self._raw.seek(-_SEAL_SIZE, os.SEEK_END)
        if not self._raw.read().startswith(_SEAL.format(digest.hex(), "").split(" hmac")[0].encode()):
            raise BadArchive(f"{self.file} is damaged: its bytes are not those that were written")
        found = sorted(name.removeprefix(TABLES) for name in self._zip.namelist() if name != MANIFEST)
        if found != sorted(self.tables):
            raise BadArchive(f"{self.file} does not hold the tables that its manifest names")
        for name, said in self.tables.items():
            seen, rows, size = hashlib.sha256(), 0, 0
            for piece in self.pieces(name):
                seen.update(piece)
                rows += piece.count(b"\n")
                size += len(piece)
                progress(len(piece))
            if Member(seen.hexdigest(), rows, size) != said:
                raise BadArchive(
                    f"{self.file}: the table {name} has {rows:,} rows and the SHA-256 {seen.hexdigest()}, "
                    f"the manifest says {said.rows:,} rows and {said.sha256}"
                )
        return digest

    def is_sealed_by(self, digest: bytes, key: bytes) -> bool:
        """Whether the seal over `digest`, which `check` returned, was made with `key`."""
        self._raw.seek(-_SEAL_SIZE, os.SEEK_END)
        return hmac.compare_digest(self._raw.read(), _seal(digest, key))

    def pieces(self, table: str) -> Iterator[bytes]:
        """Yield a table's rows in pieces of a megabyte, cut anywhere. Raises BadArchive."""
        try:
            with self._zip.open(TABLES + table) as member:
                while piece := member.read(_PIECE):
                    yield piece
        except _BROKEN as error:
            raise BadArchive(f"{self.file}: the table {table} is damaged: {error}") from error


def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the rows of a table, without their newline."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole


def _named(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _NO_TIME)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o600 << 16
    return member


def _digest(raw: Any, progress: Progress) -> bytes:
    """The SHA-256 of the whole file but its seal."""
    digest, left = hashlib.sha256(), raw.seek(0, os.SEEK_END) - _SEAL_SIZE
    raw.seek(0)
    while left > 0 and (piece := raw.read(min(left, _PIECE))):
        digest.update(piece)
        left -= len(piece)
        progress(len(piece))
    return digest.digest()


def _seal(digest: bytes, key: bytes) -> bytes:
    return _SEAL.format(digest.hex(), hmac.new(key, digest, hashlib.sha256).hexdigest()).encode()
