"""Where a log is read from: a directory, a zip archive, or a live address (see `live.py`)."""

import errno
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from governance.audit.tlog.export import SEAL, digest_before_seal

_NO_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_STEP = 1 << 20
#: How the last record of a zip archive begins, and its size without the comment.
_END, _END_SIZE = b"PK\x05\x06", 22


class Unreadable(Exception):
    """The log as a whole can't be read, so nothing can be said about it."""


class BadFile(Exception):
    """One file of the log is missing or damaged; the message says how."""


class MissingFile(BadFile):
    """One file of the log isn't there."""


class Store(Protocol):
    """The files of a log, under the paths of c2sp.org/tlog-tiles."""

    def read(self, path: str, most: int) -> bytes:
        """Return the file at `path`, which may have up to `most` bytes. Raises BadFile, Unreadable."""
        ...

    def paths(self) -> Iterator[str] | None:
        """Return the paths of all files, or None where the store can't list them. Raises Unreadable."""
        ...

    def damage(self) -> str:
        """Return what is wrong with what holds the files; empty where nothing is."""
        ...

    def close(self) -> None: ...


class Directory:
    """A log in a directory."""

    def __init__(self, root: Path) -> None:
        """Raises Unreadable where `root` is no directory."""
        if not root.is_dir():
            raise Unreadable(f"{root} is not a directory")
        self._root = root

    def read(self, path: str, most: int) -> bytes:
        try:
            # Neither a pipe nor a link to somewhere else is waited for or followed.
            descriptor = os.open(self._root / path, os.O_RDONLY | _NO_WAITING)
        except (FileNotFoundError, NotADirectoryError):
            raise MissingFile("the file is missing") from None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                raise BadFile("not an ordinary file") from error
            raise Unreadable(f"{path}: {error.strerror}") from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise BadFile("not an ordinary file")
        with os.fdopen(descriptor, "rb") as file:
            try:
                content = file.read(most + 1)
            except OSError as error:
                raise BadFile(f"it can't be read: {error.strerror}") from error
        return _bounded(content, most)

    def paths(self) -> Iterator[str]:
        def refuse(error: OSError) -> None:
            raise Unreadable(f"{error.filename}: {error.strerror}")

        for folder, folders, files in os.walk(self._root, onerror=refuse):
            folders.sort()
            for name in sorted(files):
                yield (Path(folder) / name).relative_to(self._root).as_posix()

    def damage(self) -> str:
        return ""

    def close(self) -> None:
        pass


class Archive:
    """A log in a zip archive, at its top or in the one folder that holds a checkpoint; read in place.

    An export says in the archive's comment what its bytes are; archives that others made have none.
    """

    def __init__(self, file: Path) -> None:
        """Raises Unreadable where `file` is no zip archive or holds no log, or more than one."""
        self._file = file
        try:
            self._zip = zipfile.ZipFile(file)
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError, UnicodeDecodeError) as error:
            raise Unreadable(f"{file} is not a zip archive that can be read: {error}") from error
        names = self._zip.namelist()
        folders = {name.rpartition("checkpoint")[0] for name in names if f"/{name}".endswith("/checkpoint")}
        top = min((name.count("/") for name in folders), default=0)
        highest = [name for name in folders if name.count("/") == top]
        if len(highest) > 1:
            raise Unreadable(f"{file} holds more than one log")
        self._prefix = highest[0] if highest else ""

    def read(self, path: str, most: int) -> bytes:
        try:
            with self._zip.open(self._prefix + path) as file:
                content = bytearray()
                # What a small archive unpacks to is only ever held up to the limit.
                while len(content) <= most and (piece := file.read(min(_STEP, most + 1 - len(content)))):
                    content += piece
        except KeyError:
            raise MissingFile("the file is missing") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
            raise BadFile(f"damaged in the archive: {error}") from error
        except (RuntimeError, ImportError) as error:
            # Encrypted, or packed by a method that isn't known here (NotImplementedError is one of them).
            raise BadFile(f"the archive does not give it out: {error}") from error
        return _bounded(bytes(content), most)

    def paths(self) -> Iterator[str]:
        for name in sorted(self._zip.namelist()):
            if not name.endswith("/"):
                yield name.removeprefix(self._prefix)

    def damage(self) -> str:
        comment = self._zip.comment
        with self._file.open("rb") as file:
            file.seek(-min(len(comment) + _END_SIZE, file.seek(0, 2)), 2)
            if not file.read().startswith(_END):
                return "something follows its end"
            if comment and comment != SEAL + digest_before_seal(file):
                return "it is not what it was when it was written, by the digest in its comment"
        return ""

    def close(self) -> None:
        self._zip.close()


def _bounded(content: bytes, most: int) -> bytes:
    if len(content) > most:
        raise BadFile(f"it has more than {most} bytes")
    return content
