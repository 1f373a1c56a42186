"""What a log and a witness say to each other (c2sp.org/tlog-witness)."""

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from governance.audit.tlog.merkle import HASH_SIZE
from governance.audit.tlog.notes import LARGEST_NOTE, NoteError, Signature, decode_base64, encode_base64

ADD_CHECKPOINT = "add-checkpoint"
#: What the answer 409 says it is; its body is a size.
SIZE_TYPE = "text/x.tlog.size"
MOST_HASHES = 63
#: The most bytes of a request: a checkpoint, and a proof in lines of 45.
LARGEST_REQUEST = LARGEST_NOTE + 4096

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def checkpoint_path(origin: str) -> str:
    """Where a witness serves the newest checkpoint of a log that it cosigned, under its prefix."""
    return f"{origin_hash(origin)}/checkpoint"


def origin_hash(origin: str) -> str:
    """Return the name of a log in paths: SHA-256 of its origin, in lowercase hex."""
    return hashlib.sha256(origin.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request to cosign `checkpoint`, a signed note.

    `proof` shows that the tree of `old` entries is its beginning: hashes of 32 bytes, none from size 0.
    """

    old: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    def encode(self) -> bytes:
        """Return the body of the request."""
        lines = [f"old {self.old}", *map(encode_base64, self.proof), ""]
        return "".join(f"{line}\n" for line in lines).encode() + self.checkpoint

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read the body of a request; neither note nor proof is verified. Raises NoteError."""
        head, separator, checkpoint = body.partition(b"\n\n")
        try:
            first, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise NoteError("a line before the checkpoint is not ASCII") from error
        if not separator or not first.startswith("old "):
            raise NoteError("a request is a line `old SIZE`, a proof, an empty line and a checkpoint")
        if len(lines) > MOST_HASHES:
            raise NoteError(f"a proof has at most {MOST_HASHES} lines")
        proof = tuple(map(decode_base64, lines))
        if any(len(each) != HASH_SIZE for each in proof):
            raise NoteError(f"a line of the proof is not a hash of {HASH_SIZE} bytes")
        return cls(_size(first.removeprefix("old ")), proof, checkpoint)


def encode_size(size: int) -> bytes:
    """Return the body of an answer 409."""
    return f"{size}\n".encode()


def parse_size(body: bytes) -> int:
    """Read the body of an answer 409. Raises NoteError."""
    return _size(body.decode(errors="replace").removesuffix("\n"))


def parse_signatures(body: bytes) -> tuple[Signature, ...]:
    """Read the body of an answer 200: signature lines, verified by nobody so far. Raises NoteError."""
    try:
        lines = body.decode().removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise NoteError("the answer is not UTF-8") from error
    return tuple(map(Signature.parse, lines))


def _size(text: str) -> int:
    if _SIZE.fullmatch(text) is None:
        raise NoteError(f"not a size of a tree: {text[:100]!r}")
    return int(text)
