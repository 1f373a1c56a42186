"""The log's side of the witness protocol: ask for cosignatures (c2sp.org/tlog-witness)."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from governance.audit.tlog.checkpoint import Checkpoint
from governance.audit.tlog.cosignature import Cosignature, cosignatures
from governance.audit.tlog.notes import LARGEST_NOTE, Note, NoteError, Signature, VerifierKey
from governance.audit.witness.exchange import Answer, Unreachable, exchange
from governance.audit.witness.messages import (
    ADD_CHECKPOINT,
    SIZE_TYPE,
    AddCheckpoint,
    checkpoint_path,
    parse_signatures,
    parse_size,
)

#: The most seconds for one question.
TIMEOUT = 10.0
#: How often a witness may answer that its size is another one; others may ask it at the same time.
_TRIES = 4
#: How far a witness's clock may run ahead of ours, in seconds.
_CLOCK_AHEAD = 24 * 3600


@dataclass(frozen=True, slots=True)
class Witness:
    """Somebody who cosigns: the name in the policy, the key, and the address before `/add-checkpoint`."""

    name: str
    key: VerifierKey
    url: str


class Refused(Exception):
    """The witness has an answer and it is no; the message quotes it."""


class Conflict(Exception):
    """The witness last cosigned the tree of `size` entries, not that of the size that was given."""

    def __init__(self, size: int) -> None:
        super().__init__(f"its newest checkpoint has {size} entries")
        self.size = size


class Ahead(Exception):
    """The witness cosigned `size` entries of the log, more than were shown to it."""

    def __init__(self, size: int) -> None:
        super().__init__(f"it has cosigned {size} entries")
        self.size = size


class Inconsistent(Exception):
    """The witness cosigned another tree of `size` entries than the one whose beginning was shown."""

    def __init__(self, size: int, reason: str) -> None:
        super().__init__(reason)
        self.size = size


@dataclass(frozen=True, slots=True)
class Given:
    """A cosignature that was verified, and its line as it stands under the checkpoint."""

    line: Signature
    cosignature: Cosignature


def add_checkpoint(
    witness: Witness, old: int, proof: Sequence[bytes], note: Note, *, timeout: float = TIMEOUT
) -> Given:
    """Ask `witness` once to cosign the checkpoint `note`, with the consistency proof from `old`.

    Raises Conflict (409), Inconsistent (422), Refused (other answers of 4xx), or Unreachable where nothing
    came that means anything, such as a cosignature that is not valid.
    """
    request = AddCheckpoint(old, tuple(proof), note.encode())
    answer = exchange(
        "POST",
        f"{witness.url.rstrip('/')}/{ADD_CHECKPOINT}",
        body=request.encode(),
        headers={"Content-Type": "text/plain; charset=utf-8"},
        most=LARGEST_NOTE,
        timeout=timeout,
    )
    try:
        if answer.status == 200:
            return _given(witness, note, answer.body)
        if answer.status == 409 and answer.media_type == SIZE_TYPE:
            raise Conflict(parse_size(answer.body))
    except NoteError as error:
        raise Unreachable(f"{witness.url}: {error}") from error
    if answer.status == 422:
        raise Inconsistent(old, _quoted(answer))
    if 400 <= answer.status < 500 and answer.status != 429:
        raise Refused(_quoted(answer))
    raise Unreachable(f"{witness.url}: {_quoted(answer)}")


def bring_up_to(
    witness: Witness,
    note: Note,
    proof_from: Callable[[int], Sequence[bytes]],
    seen: int,
    *,
    timeout: float = TIMEOUT,
) -> Given:
    """Have `witness` cosign the checkpoint `note`, from whatever size it says that it knows.

    `proof_from(size)` gives the consistency proof from a smaller tree; `seen` is the size that the witness
    is believed to know. Raises Ahead, Inconsistent, Refused or Unreachable.
    """
    size = Checkpoint.parse(note.text).size
    old = min(seen, size)
    for _ in range(_TRIES):
        try:
            proof = proof_from(old) if old < size else ()
            return add_checkpoint(witness, old, proof, note, timeout=timeout)
        except Conflict as conflict:
            if conflict.size > size:
                raise Ahead(conflict.size) from conflict
            old = conflict.size
    raise Unreachable(f"{witness.url}: it names another size each time it is asked")


def newest(witness: Witness, origin: str, *, timeout: float = TIMEOUT) -> Note | None:
    """Return the newest checkpoint of the log `origin` that the witness shows; None where it shows none.

    Nothing is verified: the caller looks for the log's own signature. Raises Unreachable.
    """
    url = f"{witness.url.rstrip('/')}/{checkpoint_path(origin)}"
    answer = exchange("GET", url, most=LARGEST_NOTE, timeout=timeout)
    if answer.status in (404, 405, 501):
        return None
    if answer.status != 200:
        raise Unreachable(f"{url}: {_quoted(answer)}")
    try:
        return Note.parse(answer.body)
    except NoteError as error:
        raise Unreachable(f"{url}: {error}") from error


def _given(witness: Witness, note: Note, body: bytes) -> Given:
    lines = [line for line in parse_signatures(body) if line.is_by(witness.key)]
    for line in lines:
        for cosignature in cosignatures(Note(note.text, (line,)), [witness.key]):
            if not 0 < cosignature.timestamp < time.time() + _CLOCK_AHEAD:
                raise NoteError(f"its cosignature says that it is of the time {cosignature.timestamp}")
            return Given(line, cosignature)
    raise NoteError(f"the answer holds no cosignature by {witness.key.name}")


def _quoted(answer: Answer) -> str:
    said = " ".join(answer.body[:300].decode(errors="replace").split())
    printable = "".join(letter for letter in said if letter.isprintable())
    return f"it answered {answer.status}" + (f": {printable}" if printable else "")
