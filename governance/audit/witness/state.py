"""What a witness remembers: for each log the newest checkpoint that it cosigned, in a folder.

One file for each log, named by the hash of its origin; its content is the checkpoint with the signatures
of the log and of the witness, as it is served.
"""

import fcntl
import os
from pathlib import Path
from typing import IO

from governance.audit.tlog.checkpoint import Checkpoint
from governance.audit.tlog.cosignature import cosignatures
from governance.audit.tlog.notes import Note, NoteError, VerifierKey
from governance.audit.witness.messages import origin_hash

_NEW = ".new"


class StateError(Exception):
    """The folder can't be used; the message says why."""


class State:
    """The folder `path`, which is made where it is missing, held by one process."""

    def __init__(self, path: Path, key: VerifierKey) -> None:
        """Raises StateError where another process holds the folder, or OSError."""
        self._path, self._key = path, key
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock: IO[bytes] = (path / "lock").open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise StateError(f"{path} is in use by another witness") from error

    def read(self, origin: str) -> tuple[Checkpoint, Note] | None:
        """Return the newest checkpoint of the log `origin`; None where it never cosigned one.

        Raises StateError where the file is damaged: to begin again from nothing would be to forget.
        """
        file = self._path / origin_hash(origin)
        try:
            data = file.read_bytes()
        except FileNotFoundError:
            return None
        try:
            note = Note.parse(data)
            checkpoint = Checkpoint.parse(note.text)
            cosignatures(note, [self._key])
        except NoteError as error:
            raise StateError(f"{file} is damaged: {error}") from error
        if checkpoint.origin != origin:
            raise StateError(f"{file} is damaged: it is of the log {checkpoint.origin}")
        return checkpoint, note

    def write(self, origin: str, note: Note) -> None:
        """Keep `note` as the newest of the log `origin`; it is on the disk on return. Raises OSError."""
        self._put(origin_hash(origin), note.encode())

    def keep_contradiction(self, origin: str, note: Note) -> None:
        """Keep the first checkpoint that contradicts one that was cosigned, for whoever investigates.

        Raises OSError.
        """
        name = f"{origin_hash(origin)}.contradiction"
        if not (self._path / name).exists():
            self._put(name, note.encode())

    def _put(self, name: str, content: bytes) -> None:
        new = self._path / f"{name}{_NEW}"
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path / name)
        folder = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        """Let go of the folder."""
        self._lock.close()
