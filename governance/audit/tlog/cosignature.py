"""Cosignatures: a witness says that it saw a checkpoint, and when (c2sp.org/tlog-cosignature).

Both kinds are read: the one by Ed25519 (`cosignature/v1`) and the one by ML-DSA-44 (`subtree/v1`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from governance.audit.tlog.checkpoint import Checkpoint
from governance.audit.tlog.notes import Algorithm, Note, NoteError, Signature, Signer, VerifierKey

_TIME_BYTES = 8


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A cosignature that was verified; `timestamp` is in seconds since 1970, 0 where it states no time."""

    key: VerifierKey
    timestamp: int

    @property
    def at(self) -> datetime | None:
        """When the witness saw the checkpoint; None where the time is absent or beyond any calendar."""
        try:
            return datetime.fromtimestamp(self.timestamp, UTC) if self.timestamp else None
        except (OverflowError, OSError, ValueError):
            return None


def message(text: str, key: VerifierKey, timestamp: int) -> bytes:
    """Return what `key` signs when it cosigns the checkpoint `text` at `timestamp`. Raises NoteError."""
    if key.algorithm == Algorithm.COSIGNATURE:
        return f"cosignature/v1\ntime {timestamp}\n{text}".encode()
    if key.algorithm != Algorithm.COSIGNATURE_ML_DSA_44:
        raise NoteError(f"the key {key.name} is not one of a witness")
    checkpoint = Checkpoint.parse(text)
    name, origin = key.name.encode(), checkpoint.origin.encode()
    if max(len(name), len(origin)) > 255:
        raise NoteError("a name of more than 255 bytes can't be cosigned")
    return b"".join(
        (
            b"subtree/v1\n\0",
            bytes([len(name)]) + name,
            timestamp.to_bytes(_TIME_BYTES),
            bytes([len(origin)]) + origin,
            bytes(_TIME_BYTES),
            checkpoint.size.to_bytes(_TIME_BYTES),
            checkpoint.root,
        )
    )


def cosign(text: str, signer: Signer, timestamp: int) -> Signature:
    """Return the signature line of a witness for the checkpoint `text`. Raises NoteError."""
    if not 0 <= timestamp < 1 << 63:
        raise NoteError(f"not a time: {timestamp}")
    Checkpoint.parse(text)
    value = timestamp.to_bytes(_TIME_BYTES) + signer.sign(message(text, signer.key, timestamp))
    return Signature(signer.key.name, signer.key.key_id, value)


def cosignatures(note: Note, witnesses: Iterable[VerifierKey]) -> tuple[Cosignature, ...]:
    """Return the cosignatures of `witnesses` under the checkpoint `note`, the newest of each.

    Signatures by others are passed over. Raises NoteError where one in the name of a witness is not valid.
    """
    found: dict[VerifierKey, Cosignature] = {}
    for key in witnesses:
        for signature in filter(lambda line: line.is_by(key), note.signatures):
            timestamp = int.from_bytes(signature.value[:_TIME_BYTES])
            signed = message(note.text, key, timestamp)
            if timestamp >= 1 << 63 or not key.verify(signed, signature.value[_TIME_BYTES:]):
                raise NoteError(f"the cosignature by {key.name} is not valid")
            if key not in found or found[key].timestamp < timestamp:
                found[key] = Cosignature(key, timestamp)
    return tuple(found.values())
