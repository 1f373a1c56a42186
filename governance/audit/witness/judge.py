"""The witness itself: cosigns the growth of logs, and nothing else (c2sp.org/tlog-witness)."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from governance.audit.tlog.checkpoint import Checkpoint
from governance.audit.tlog.cosignature import cosign
from governance.audit.tlog.merkle import EMPTY_ROOT, ProofError, verify_consistency
from governance.audit.tlog.notes import (
    LARGEST_NOTE,
    Algorithm,
    Note,
    NoteError,
    Signer,
    VerifierKey,
    encode_base64,
)
from governance.audit.witness.messages import AddCheckpoint, origin_hash
from governance.audit.witness.state import State


class Refusal(Exception):
    """A checkpoint is not cosigned; `status` is the answer in HTTP, the message says why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class OtherSize(Refusal):
    """409: the newest cosigned checkpoint has `size` entries, not the old size of the request."""

    def __init__(self, size: int) -> None:
        super().__init__(409, f"the newest checkpoint cosigned has {size} entries")
        self.size = size


@dataclass(slots=True)
class Log:
    """A log whose growth is watched: `keys` speak for `origin`; `newest` was cosigned last."""

    origin: str
    keys: tuple[VerifierKey, ...]
    newest: tuple[Checkpoint, Note] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


class Judge:
    """Cosigns checkpoints of known logs as `signer`, from any number of threads.

    For one log at most one root of a size is ever cosigned, and never a smaller size than before; what it
    cosigned is on the disk before anybody sees the cosignature. `clock` gives seconds since 1970.
    """

    def __init__(
        self,
        signer: Signer,
        logs: Iterable[tuple[str, VerifierKey]],
        state: State,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`logs`: origins and keys, an origin once for each of its keys. Raises StateError, OSError."""
        self._signer, self._state, self._clock = signer, state, clock
        self._logs: dict[str, Log] = {}
        for origin, key in logs:
            if key.algorithm != Algorithm.ED25519:
                raise NoteError(f"{key.name} is not the key of a log")
            known = self._logs.setdefault(origin, Log(origin, ()))
            known.keys = (*known.keys, key)
        for log in self._logs.values():
            log.newest = state.read(log.origin)
        self._by_hash = {origin_hash(origin): log for origin, log in self._logs.items()}

    @property
    def logs(self) -> tuple[Log, ...]:
        """The logs whose growth is watched."""
        return tuple(self._logs.values())

    def newest(self, hashed: str) -> bytes | None:
        """Return the newest cosigned checkpoint of the log whose origin has this hash, None without one."""
        log = self._by_hash.get(hashed)
        return log.newest[1].encode() if log and log.newest else None

    def add_checkpoint(self, body: bytes) -> "Cosigned":
        """Judge a request and return what was cosigned. Raises Refusal, and OSError from the disk."""
        try:
            request = AddCheckpoint.parse(body)
            note = Note.parse(request.checkpoint)
        except NoteError as error:
            raise Refusal(400, str(error)) from error
        origin = note.text.partition("\n")[0]
        log = self._logs.get(origin)
        if log is None:
            raise Refusal(404, f"the log {origin[:300]} is not known here")
        try:
            signed_by = note.signed_by(log.keys)
        except NoteError as error:
            raise Refusal(403, str(error)) from error
        if not signed_by:
            raise Refusal(403, f"no known key of the log {origin} signed the checkpoint")
        checkpoint = _checkpoint(note.text)
        if request.old > checkpoint.size:
            raise Refusal(400, f"the old size {request.old} is larger than the checkpoint's")
        # One line of each key that was verified; what others wrote under it doesn't stay.
        lines = [next(line for line in note.signatures if line.is_by(key)) for key in signed_by]
        note = Note(note.text, tuple(lines))
        with log.lock:
            self._check(log, checkpoint, request, note)
            cosignature = cosign(note.text, self._signer, int(self._clock()))
            kept = note.with_signatures(cosignature)
            if len(kept.encode()) > LARGEST_NOTE:
                raise Refusal(400, f"cosigned, the checkpoint would have more than {LARGEST_NOTE} bytes")
            self._state.write(origin, kept)
            log.newest = (checkpoint, kept)
        return Cosigned(checkpoint, str(cosignature).encode())

    def _check(self, log: Log, checkpoint: Checkpoint, request: AddCheckpoint, note: Note) -> None:
        """Raise Refusal unless `checkpoint` continues the newest that was cosigned."""
        latest = log.newest[0] if log.newest else None
        size = latest.size if latest else 0
        if request.old != size:
            raise OtherSize(size)
        if latest and checkpoint.size == size and checkpoint.root != latest.root:
            # Whether or not there is room for the evidence, the answer is no.
            with contextlib.suppress(OSError):
                self._state.keep_contradiction(log.origin, note)
            raise Refusal(422, f"another tree of {size} entries was cosigned, with another root hash")
        if size == 0:
            if request.proof:
                raise Refusal(422, "from the empty tree there is nothing to prove: the proof must be empty")
            return
        assert latest is not None
        try:
            verify_consistency(size, checkpoint.size, request.proof, latest.root, checkpoint.root)
        except ProofError as error:
            raise Refusal(422, f"not shown to continue the {size} entries cosigned: {error}") from error


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The checkpoint, and the signature line for it."""

    checkpoint: Checkpoint
    line: bytes


def _checkpoint(text: str) -> Checkpoint:
    """Read a checkpoint that its log signed. Raises Refusal."""
    _, _, rest = text.partition("\n")
    if rest.startswith("0\n") and not rest.startswith(f"0\n{encode_base64(EMPTY_ROOT)}\n"):
        raise Refusal(422, "the empty tree has another root hash")
    try:
        return Checkpoint.parse(text)
    except NoteError as error:
        raise Refusal(400, str(error)) from error
