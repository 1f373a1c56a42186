"""Holds a log against what was kept of it before: older checkpoints and receipts."""

from governance.audit.tlog import merkle
from governance.audit.tlog.checkpoint import Checkpoint, open_checkpoint
from governance.audit.tlog.merkle import ProofError
from governance.audit.tlog.notes import Note, NoteError, encode_base64
from governance.audit.tlog.proof import Proof
from governance.audit.tlog.tree import TiledTree
from governance.audit.verify.asked import Trust
from governance.audit.verify.report import Finding, Report
from governance.audit.verify.statements import Statements
from governance.audit.verify.stores import BadFile, MissingFile


class _CanNotTell(Exception):
    """What it takes to compare is not at hand, and need not be."""


class Against:
    """A log whose tree of `tree.size` entries leads to `root`, and what it said of itself.

    Each comparison rests on a proof that leads to the signed root, not on the tiles having been checked.
    """

    def __init__(
        self, trust: Trust, report: Report, tree: TiledTree, root: bytes, statements: Statements
    ) -> None:
        self._trust = trust
        self._report = report
        self._tree = tree
        self._root = root
        self._statements = statements

    def checkpoint(self, name: str, data: bytes) -> Checkpoint | None:
        """Check that the log continues the checkpoint in `data`, or cites it where it is of an older log.

        Returns it where that is so.
        """
        try:
            note = Note.parse(data)
            if self._trust.policy is not None:
                self._trust.policy.cosigned(note)
            if (other := Checkpoint.parse(note.text)).origin != self._report.origin:
                return other if self._cited(name, other, note) else None
        except NoteError as error:
            self._report.add(Finding(name, str(error), position=self._report.size))
            return None
        if checkpoint := self.own(name, data):
            self._report.consistent_with[name] = checkpoint.size
        return checkpoint

    def own(self, name: str, data: bytes) -> Checkpoint | None:
        """Return the checkpoint in `data` if the log's key signed it and the log continues it."""
        try:
            checkpoint, _ = open_checkpoint(data, self._trust.log_keys, self._trust.origin)
            if checkpoint.origin != self._report.origin:
                raise NoteError(f"it is of the log {checkpoint.origin}, not of {self._report.origin}")
        except NoteError as error:
            self._report.add(Finding(name, str(error), position=self._report.size))
            return None
        return checkpoint if self._continues(name, checkpoint, checkpoint.size) else None

    def receipt(self, name: str, data: bytes) -> None:
        """Check that the log continues the checkpoint of a receipt, and has the entry that it is for."""
        try:
            proof = Proof.parse(data)
            checkpoint, _ = open_checkpoint(proof.checkpoint, self._trust.log_keys, self._trust.origin)
            if checkpoint.origin != self._report.origin:
                raise NoteError(f"it is of the log {checkpoint.origin}, not of {self._report.origin}")
        except NoteError as error:
            return self._report.add(Finding(name, str(error), position=self._report.size))
        if not self._continues(name, checkpoint, proof.index):
            return
        try:
            leaf = self._tree.leaf(proof.index) if proof.index < self._tree.size else b""
            merkle.verify_inclusion(proof.index, checkpoint.size, leaf, proof.hashes, checkpoint.root)
        except MissingFile as error:
            problem = f"entry {proof.index} is not at hand; check the receipt by itself, with --entry"
            if not self._may_be_missing(proof.index):
                return self._report.add(Finding(name, str(error), position=proof.index))
            self._report.unchecked.append(Finding(name, problem, position=proof.index))
        except (ProofError, BadFile, ValueError) as error:
            return self._report.add(Finding(name, str(error), position=proof.index))
        else:
            self._report.included[name] = [proof.index]
        self._report.consistent_with[name] = checkpoint.size

    def _continues(self, name: str, old: Checkpoint, position: int) -> bool:
        """Report whether the log continues the checkpoint `old`, where it doesn't or that can't be told."""
        try:
            self._compare(old)
        except _CanNotTell as error:
            self._report.unchecked.append(Finding(name, str(error), position=position))
            return False
        except ProofError as error:
            self._report.add(Finding(name, str(error), position=position))
            return False
        return True

    def _compare(self, old: Checkpoint) -> None:
        size = self._tree.size
        if old.size > size:
            raise ProofError(
                f"it has {old.size} entries, the log only {size}: entries were cut off or the log is older"
            )
        if old.size == 0:
            return
        try:
            proof = self._tree.consistency(old.size)
        except BadFile as error:
            problem = f"it can't be compared with the log: {error}"
            if isinstance(error, MissingFile) and self._may_be_missing(old.size - 1):
                raise _CanNotTell(
                    f"{problem}, as it may be in a log that was pruned or cut to a range"
                ) from error
            raise ProofError(problem) from error
        try:
            merkle.verify_consistency(old.size, size, proof, old.root, self._root)
        except ProofError as error:
            problem = f"the log is not its continuation: the first {old.size} entries are not what they were"
            raise ProofError(problem) from error

    def _may_be_missing(self, index: int) -> bool:
        """Whether what it takes to look at entry `index` may be absent, and nothing is wrong."""
        whole = self._report.start == 0 and self._report.end == self._report.size
        return not whole or index < self._statements.minimum_index

    # --- the log before this one ----------------------------------------------------------------------
    def _cited(self, name: str, old: Checkpoint, note: Note) -> bool:
        """Report whether the checkpoint `old` of another log is the one that this log cites.

        Raises NoteError where it isn't; False where that can't be told.
        """
        cites = self._statements.cites
        if cites is None and not self._statements.beginning_read:
            problem = (
                f"it is of the log {old.origin}; whether this one cites it stands in entry 0, not at hand"
            )
            self._report.unchecked.append(Finding(name, problem))
            return False
        if cites is None or cites.origin != old.origin:
            cited = f"cites {cites.origin}" if cites else "cites no other"
            raise NoteError(f"it is of the log {old.origin}; this is {self._report.origin}, which {cited}")
        keys = [key for key in self._trust.log_keys if key.name == old.origin]
        if keys and not note.signed_by(keys):
            raise NoteError(f"no known key of the log {old.origin} signed it")
        if old.size < cites.size:
            problem = (
                f"it is older than the one cited, which has {cites.size} entries and not {old.size}: "
                f"verify the log {old.origin} with it"
            )
            self._report.unchecked.append(Finding(name, problem))
            return False
        elif old.size > cites.size:
            raise NoteError(
                f"it has {old.size} entries, and the log cites only the first {cites.size} of {old.origin}: "
                "the others were left behind"
            )
        elif encode_base64(old.root) != cites.root:
            raise NoteError(
                f"it is not what the log cites: {old.origin} has another history of {old.size} entries"
            )
        else:
            self._report.cited.append(name)
            if not keys:
                self._report.warnings.append(
                    f"{name}: no key of {old.origin} was given, so only what it says was compared, "
                    "not who signed it"
                )
        return True
