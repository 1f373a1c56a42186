"""Checkpoints: how many entries a log has and the root over them (c2sp.org/tlog-checkpoint).

A checkpoint is the text of a signed note.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from governance.audit.tlog import notes
from governance.audit.tlog.merkle import EMPTY_ROOT, HASH_SIZE
from governance.audit.tlog.notes import Algorithm, Note, NoteError, Signer, VerifierKey

#: The smallest size that is refused.
TOO_LARGE = 1 << 63

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of the log `origin`: `size` entries, `root` (32 bytes), further lines if there are any."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for line in (self.origin, *self.extensions):
            if not line or "\n" in line:
                raise NoteError("a line of a checkpoint is empty")
        if not 0 <= self.size < TOO_LARGE:
            raise NoteError(f"not a size of a tree: {self.size}")
        if len(self.root) != HASH_SIZE:
            raise NoteError(f"the root hash has {len(self.root)} bytes instead of {HASH_SIZE}")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise NoteError("the empty tree has another root")

    @property
    def text(self) -> str:
        """The text that is signed."""
        lines = (self.origin, str(self.size), notes.encode_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of a checkpoint. Raises NoteError."""
        lines = text.removesuffix("\n").split("\n")
        if len(lines) < 3:
            raise NoteError("a checkpoint has three lines: origin, size and root hash")
        origin, size, root, *extensions = lines
        if _SIZE.fullmatch(size) is None:
            raise NoteError(f"not a size of a tree: {size[:100]!r}")
        return cls(origin, int(size), notes.decode_base64(root), tuple(extensions))

    def sign(self, *signers: Signer) -> Note:
        """Return the checkpoint as a note signed by the log's keys; they are named as the origin is."""
        return notes.sign(self.text, *signers)


def open_checkpoint(data: bytes, keys: Iterable[VerifierKey], origin: str = "") -> tuple[Checkpoint, Note]:
    """Return the checkpoint in `data` and its note, once one of the log's `keys` is found to have signed it.

    A key speaks for the origin that it is named after, or for `origin` where that is given. Raises NoteError:
    no checkpoint, another origin, not signed by a known key, a signature that is not valid.
    """
    note = Note.parse(data)
    checkpoint = Checkpoint.parse(note.text)
    if origin and checkpoint.origin != origin:
        raise NoteError(f"it is of the log {checkpoint.origin}, not of {origin}")
    log_keys = [key for key in keys if key.algorithm == Algorithm.ED25519]
    speaking = [key for key in log_keys if origin or key.name == checkpoint.origin]
    if not note.signed_by(speaking):
        named = ", ".join(sorted({line.name for line in note.signatures}))
        raise NoteError(f"no known key of the log {checkpoint.origin} signed it (signed as {named})")
    return checkpoint, note
