"""Receipts: that one entry is in the log, in a file that is checked offline (c2sp.org/tlog-proof)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from governance.audit.tlog import merkle
from governance.audit.tlog.checkpoint import Checkpoint, open_checkpoint
from governance.audit.tlog.notes import LARGEST_NOTE, NoteError, VerifierKey, decode_base64, encode_base64

HEADER = "c2sp.org/tlog-proof@v1"
#: What the name of such a file ends in.
SUFFIX = ".tlog-proof"
#: The most bytes of one: a checkpoint and as much again for what goes with it.
LARGEST_PROOF = 2 * LARGEST_NOTE

_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)
_MOST_HASHES = 64


@dataclass(frozen=True, slots=True)
class Proof:
    """A receipt for entry `index`.

    `hashes` is the inclusion proof, lowest first, 32 bytes each; `checkpoint` the signed note as the
    log served it; `extra` what an application put in, which nothing authenticates.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def encode(self) -> bytes:
        """Return the receipt as it is stored."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {encode_base64(self.extra)}")
        lines.append(f"index {self.index}")
        lines += map(encode_base64, self.hashes)
        return "".join(f"{line}\n" for line in [*lines, ""]).encode() + self.checkpoint

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a receipt; nothing is verified. Raises NoteError."""
        if len(data) > LARGEST_PROOF:
            raise NoteError(f"a receipt has at most {LARGEST_PROOF} bytes")
        head, separator, checkpoint = data.partition(b"\n\n")
        try:
            first, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise NoteError("not a receipt") from error
        if first != HEADER or not separator:
            raise NoteError(f"not a receipt: it does not begin with {HEADER}")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = decode_base64(lines.pop(0).removeprefix("extra "))
        index = _INDEX.fullmatch(lines[0]) if lines else None
        if index is None:
            raise NoteError("the receipt does not say the index of its entry")
        hashes = tuple(map(decode_base64, lines[1:]))
        if len(hashes) > _MOST_HASHES or any(len(each) != merkle.HASH_SIZE for each in hashes):
            raise NoteError("the receipt holds something other than hashes")
        return cls(int(index[1]), hashes, checkpoint, extra)

    def verify(self, leaf: bytes, keys: Iterable[VerifierKey], origin: str = "") -> Checkpoint:
        """Check that the entry whose leaf hash is `leaf` is in the log of `keys`; return the checkpoint.

        Cosignatures are another matter: `Policy.cosigned`. Raises NoteError (the checkpoint) or ProofError.
        """
        checkpoint, _ = open_checkpoint(self.checkpoint, keys, origin)
        merkle.verify_inclusion(self.index, checkpoint.size, leaf, self.hashes, checkpoint.root)
        return checkpoint
