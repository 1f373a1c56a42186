"""Has the log's checkpoints cosigned by the witnesses of the policy, beside the sequencer.

All witnesses are asked for the same checkpoint at once, each in a thread of its own that knows nothing of the
database; a slow one is left out of the next question until it has answered. Signing never waits for them,
except at the start: a witness that knows more than this database, or something else, means that signing on
would fork the log.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from governance.audit.models import Checkpoint, Cosignature, Log
from governance.audit.sequencer import Refused
from governance.audit.signing.keys import signers, verifier_keys
from governance.audit.signing.private_keys import BadKey
from governance.audit.store import Missing, head_of, reader
from governance.audit.tlog.checkpoint import Checkpoint as Head
from governance.audit.tlog.merkle import EMPTY_ROOT
from governance.audit.tlog.notes import Note, NoteError
from governance.audit.tlog.policy import Policy
from governance.audit.tlog.tree import TiledTree
from governance.audit.witness import ask
from governance.audit.witness.exchange import Unreachable

log = structlog.get_logger(__name__)

#: Seconds between looks for a new checkpoint.
PAUSE = 0.5
#: How long to wait for the witnesses at the start, in seconds.
START = 15.0
#: Seconds until a witness that failed is asked again: doubled each time, up to the last.
_RETRY, _LONGEST_RETRY = 1.0, 30.0
#: How often a witness may name another size for one checkpoint.
_TRIES = 4


@dataclass(frozen=True, slots=True)
class _Question:
    witness: ask.Witness
    log: Log
    #: None for the empty tree of a log that has signed nothing so far.
    checkpoint: Checkpoint | None
    tries: int = 1

    @property
    def size(self) -> int:
        return self.checkpoint.size if self.checkpoint else 0


@dataclass(slots=True)
class Known:
    """What a witness is known to know: the size it cosigned last, and what is wrong, if anything is.

    `forks`: the log can't be the one that it cosigned, until it cosigns again.
    """

    size: int | None = None
    problem: str = ""
    forks: bool = False


class Witnessing:
    """Asks the witnesses of `policy`. `check`, `signed` and `run` are called from two threads."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._witnesses = [
            ask.Witness(name, key, policy.urls[key])
            for name, key in policy.witnesses.items()
            if key in policy.urls
        ]
        self._target: tuple[Log, Checkpoint] | None = None
        self._one_at_a_time = threading.Lock()
        self._answers: SimpleQueue[tuple[_Question, ask.Given | Exception]] = SimpleQueue()
        self._busy: set[str] = set()
        self._failures: dict[str, tuple[int, float]] = {}
        #: What was last written to our own log about each witness that failed.
        self._said: dict[str, str] = {}
        self._known: dict[tuple[int, str], Known] = {}
        #: The checkpoint that each witness needn't be asked about again: it cosigned it, or a later one.
        self._done: dict[str, int] = {}

    def signed(self, current: Log, checkpoint: Checkpoint) -> None:
        """Have a new checkpoint cosigned, soon; the sequencer calls this and isn't kept."""
        self._target = (current, checkpoint)

    def check(self, current: Log, head: Checkpoint | None) -> None:
        """Raise Refused where a witness knows more of the log than this database, or something else."""
        for known in self.what_they_know(current, head).values():
            if known.forks:
                raise Refused(known.problem)

    def what_they_know(self, current: Log, head: Checkpoint | None) -> dict[str, Known]:
        """Ask every witness to cosign the head of the log (None: the empty tree); return what each knows."""
        with self._one_at_a_time:
            self._failures.clear()
            self._done.clear()
            self._ask(current, head, until=time.monotonic() + START, all_of_them=True)
            for witness in self._witnesses:
                if witness.name in self._busy:
                    self._failed(_Question(witness, current, head), f"no answer within {START:g} seconds")
        return {witness.name: self._knows(current, witness) for witness in self._witnesses}

    def run(self, stop: Event, alarm: Callable[[], None]) -> None:
        """Collect cosignatures until `stop` is set; call `alarm` where a witness knows of a fork."""
        while not stop.wait(PAUSE):
            if self._target is None:
                continue
            try:
                if self.collect(*self._target):
                    alarm()
            except (DatabaseError, InterfaceError) as error:
                log.warning("the witnesses wait for the database", error=str(error).strip())
                connection.close()
            except Exception:
                # Without this thread nothing would be published any more.
                log.exception("asking the witnesses failed")
        connection.close()

    def collect(self, current: Log, checkpoint: Checkpoint) -> bool:
        """Ask who has not cosigned `checkpoint`; wait until enough have, or all have answered.

        Stores the cosignatures. Returns whether somebody knows of a fork.
        """
        with self._one_at_a_time:
            return self._ask(current, checkpoint, until=time.monotonic() + _TRIES * ask.TIMEOUT)

    def _ask(
        self, current: Log, checkpoint: Checkpoint | None, *, until: float, all_of_them: bool = False
    ) -> bool:
        now, forks = time.monotonic(), False
        for witness in self._witnesses:
            _, not_before = self._failures.get(witness.name, (0, 0.0))
            done = checkpoint is not None and self._done.get(witness.name) == checkpoint.pk
            if witness.name not in self._busy and now >= not_before and not done:
                self._send(_Question(witness, current, checkpoint))
        while True:
            wait = bool(self._busy) and (all_of_them or not self._is_enough(checkpoint))
            try:
                question, answer = self._answers.get(timeout=max(0, until - time.monotonic()) if wait else 0)
            except Empty:
                return forks
            self._busy.discard(question.witness.name)
            forks |= self._take(question, answer)

    def _is_enough(self, checkpoint: Checkpoint | None) -> bool:
        names = {name for name, pk in self._done.items() if checkpoint and pk == checkpoint.pk}
        return self._policy.is_met(names)

    def _knows(self, current: Log, witness: ask.Witness) -> Known:
        key = (current.pk, witness.name)
        if key not in self._known:
            cosigned = Cosignature.objects.filter(
                checkpoint__log=current, name=witness.key.name, key_id=witness.key.key_id
            )
            size = cosigned.order_by("-id").values_list("checkpoint__size", flat=True).first()
            self._known[key] = Known(size)
        return self._known[key]

    def _send(self, question: _Question) -> None:
        """Put a question in a thread of its own; the proof is made here, where the database is."""
        witness, size = question.witness, question.size
        old = min(self._knows(question.log, witness).size or 0, size)
        proof: Sequence[bytes] = ()
        try:
            if 0 < old < size:
                proof = TiledTree(size, reader(question.log)).consistency(old)
        except (Missing, ValueError) as error:
            self._failed(question, f"no proof can be made from the {old:,} entries that it cosigned: {error}")
            return
        note = _note(question)

        def run() -> None:
            try:
                self._answers.put((question, ask.add_checkpoint(witness, old, proof, note)))
            except Exception as error:
                self._answers.put((question, error))

        self._busy.add(witness.name)
        threading.Thread(target=run, daemon=True, name=f"witness {witness.name}").start()

    def _take(self, question: _Question, answer: ask.Given | Exception) -> bool:
        """Act on an answer; return whether it means that the log has forked."""
        name, known = question.witness.name, self._knows(question.log, question.witness)
        if isinstance(answer, ask.Given):
            _store(question, answer)
            if self._said.pop(name, ""):
                log.info("a witness cosigns again", witness=name)
            self._failures.pop(name, None)
            known.size, known.problem, known.forks = question.size, "", False
            self._is_done(question)
            return False
        if isinstance(answer, ask.Conflict) and answer.size <= _newest_size(question):
            known.size = answer.size
            if answer.size > question.size:
                self._is_done(question)
            elif question.tries < _TRIES:
                self._send(_Question(question.witness, question.log, question.checkpoint, question.tries + 1))
            return False
        if isinstance(answer, ask.Conflict | ask.Inconsistent):
            known.size, known.forks = answer.size, True
            known.problem, shown = _of_a_fork(question, answer)
            self._delay(name, known.problem, shown=shown)
            return True
        if not isinstance(answer, Unreachable | ask.Refused):
            log.error("asking a witness failed", witness=name, exc_info=answer)
        self._failed(question, str(answer) or type(answer).__name__)
        return False

    def _failed(self, question: _Question, why: str) -> None:
        known = self._knows(question.log, question.witness)
        if not known.forks:
            # Who has spoken of a fork takes it back by a cosignature, not by silence.
            known.problem = why
        self._delay(question.witness.name, why)

    def _is_done(self, question: _Question) -> None:
        if question.checkpoint is not None:
            self._done[question.witness.name] = question.checkpoint.pk

    def _delay(self, name: str, why: str, **more: str) -> None:
        if self._said.get(name) != why:
            log.warning("a witness does not cosign", witness=name, why=why, **more)
            self._said[name] = why
        failures, _ = self._failures.get(name, (0, 0.0))
        pause = min(_RETRY * 2**failures, _LONGEST_RETRY)
        self._failures[name] = (failures + 1, time.monotonic() + pause)


def _note(question: _Question) -> Note:
    if question.checkpoint is None:
        return Head(question.log.origin, 0, EMPTY_ROOT).sign(*signers(question.log))
    return Note.parse(question.checkpoint.note.encode())


def _newest_size(question: _Question) -> int:
    """Return how many entries the log has by now: another process may have shown more of them."""
    newest = head_of(question.log)
    return max(question.size, newest.size if newest else 0)


def _store(question: _Question, given: ask.Given) -> None:
    if question.checkpoint is None:
        return
    row = Cosignature(
        checkpoint=question.checkpoint,
        name=given.line.name,
        key_id=given.line.key_id,
        line=str(given.line),
        at=given.cosignature.at or timezone.now(),
    )
    Cosignature.objects.bulk_create([row], ignore_conflicts=True)


def _of_a_fork(question: _Question, answer: ask.Conflict | ask.Inconsistent) -> tuple[str, str]:
    """Say what a witness holds against the log, and return the checkpoint that it shows as evidence."""
    name, origin, size = question.witness.name, question.log.origin, question.size
    if isinstance(answer, ask.Conflict):
        what = f"has cosigned {answer.size:,} entries of the log {origin}, and this database has {size:,}"
    else:
        what = f"has cosigned other {answer.size:,} entries of the log {origin} than this database has"
    evidence, shown = _evidence(question)
    return (
        f"the witness {name} {what}. {evidence} Signing on would fork the log, so nothing is signed; entries "
        "wait, nothing is lost. If this database is an older copy, bring the newer one back or see "
        "docs/backup.md for `manage.py restore --continue`; if the witness is wrong, take it out of "
        "WITNESS_POLICY."
    ), shown


def _evidence(question: _Question) -> tuple[str, str]:
    try:
        shown = ask.newest(question.witness, question.log.origin)
        if shown is None or not shown.signed_by(verifier_keys(question.log)):
            return "It shows no checkpoint signed with a key of ours.", ""
        seen = Head.parse(shown.text)
    except (Unreachable, NoteError, BadKey) as error:
        return f"It shows no checkpoint that could be read ({error}).", ""
    return f"It shows a checkpoint of {seen.size:,} entries, signed with our key.", shown.encode().decode()


def from_settings() -> Witnessing | None:
    """Return what asks the witnesses of the setting WITNESS_POLICY; None without one."""
    policy = settings.WITNESS_POLICY
    return Witnessing(policy) if policy is not None and policy.witnesses else None
