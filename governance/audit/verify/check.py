"""A whole verification: signatures, tree, older checkpoints, cosignatures, receipts, entries asked for."""

from collections.abc import Callable, Iterable

from governance.audit.tlog import merkle
from governance.audit.tlog.bundles import decode_bundle
from governance.audit.tlog.checkpoint import Checkpoint, open_checkpoint
from governance.audit.tlog.merkle import ProofError
from governance.audit.tlog.notes import LARGEST_NOTE, Note, NoteError, encode_base64
from governance.audit.tlog.proof import Proof
from governance.audit.tlog.tiles import Tile
from governance.audit.tlog.tree import TiledTree
from governance.audit.verify.asked import Trust, Wanted
from governance.audit.verify.leftovers import check_leftovers
from governance.audit.verify.report import Enough, Finding, Report
from governance.audit.verify.stores import BadFile, Store
from governance.audit.verify.walk import Walk, read_hashes

#: Told how many entries are done, and how many there are.
Progress = Callable[[int, int], None]


def verify(
    store: Store,
    trust: Trust,
    *,
    log: str = "",
    older: Iterable[tuple[str, bytes]] = (),
    receipts: Iterable[tuple[str, bytes]] = (),
    wanted: Iterable[Wanted] = (),
    start: int = 0,
    end: int | None = None,
    progress: Progress | None = None,
    most_findings: int = 20,
) -> Report:
    """Verify the log in `store` and return what was found.

    `older` are signed checkpoints that were seen before and `receipts` are `.tlog-proof` files, each with a
    name to report it under; `wanted` are entries that must be in the log. `[start, end)` limits which entries
    are looked at, for a log of which only that range is at hand. Ends early after `most_findings`.

    Raises Unreadable where the log can't be read at all, and whatever `progress` raises.
    """
    report = Report(log, most_findings=most_findings)
    check = _Check(store, trust, report)
    try:
        opened = check.checkpoint()
        if opened is not None:
            check.tree(opened, list(wanted), start, end, progress or (lambda done, total: None))
            for name, data in older:
                check.older(name, data)
            for name, data in receipts:
                check.receipt(name, data)
    except Enough:
        pass
    return report


def verify_receipt(name: str, data: bytes, leaf: bytes, trust: Trust) -> Report:
    """Verify a receipt alone, without the log: that the entry `leaf` is in the log that `trust` knows."""
    report = Report(name)
    try:
        proof = Proof.parse(data)
        checkpoint = proof.verify(merkle.leaf_hash(leaf), trust.log_keys, trust.origin)
    except (NoteError, ProofError) as error:
        report.findings.append(Finding(name, str(error)))
        return report
    report.included[name] = [proof.index]
    _signatures(report, name, checkpoint, Note.parse(proof.checkpoint), trust)
    return report


def _signatures(report: Report, place: str, checkpoint: Checkpoint, note: Note, trust: Trust) -> None:
    """Report who signed and cosigned a checkpoint, and whether that is enough."""
    report.origin, report.size = checkpoint.origin, checkpoint.size
    report.root = encode_base64(checkpoint.root)
    report.signed_by = [
        str(key) for key in trust.log_keys if any(line.is_by(key) for line in note.signatures)
    ]
    known = list(trust.log_keys)
    if trust.policy is not None:
        known += trust.policy.witnesses.values()
        try:
            cosigned = trust.policy.cosigned(note)
        except NoteError as error:
            report.quorum_met = False
            report.add(Finding(place, str(error)))
            return
        report.cosigned_by = {name: each.at.isoformat() if each.at else "" for name, each in cosigned.items()}
        report.quorum_met = trust.policy.is_met(cosigned)
        if not report.quorum_met:
            report.add(Finding(place, _not_cosigned(cosigned)))
    for line in note.signatures:
        if not any(line.is_by(key) for key in known):
            report.warnings.append(f"{place}: the signature by {line.name} is of an unknown key, not checked")


def _not_cosigned(cosigned: Iterable[str]) -> str:
    names = ", ".join(sorted(cosigned)) or "nobody"
    return f"not cosigned as the policy asks: by {names} of its witnesses"


class _Check:
    """The parts of a verification of one log."""

    def __init__(self, store: Store, trust: Trust, report: Report) -> None:
        self._store = store
        self._trust = trust
        self._report = report
        self._tree: TiledTree
        self._root = b""

    def checkpoint(self) -> Checkpoint | None:
        """Return the checkpoint of the log if it is signed; what isn't signed is not looked at further."""
        try:
            data = self._store.read("checkpoint", LARGEST_NOTE)
            checkpoint, note = open_checkpoint(data, self._trust.log_keys, self._trust.origin)
        except (BadFile, NoteError) as error:
            self._report.add(Finding("checkpoint", str(error), "checkpoint"))
            return None
        _signatures(self._report, "checkpoint", checkpoint, note, self._trust)
        self._root = checkpoint.root
        self._tree = TiledTree(checkpoint.size, lambda tile: read_hashes(self._store, tile))
        return checkpoint

    def tree(
        self, head: Checkpoint, wanted: list[Wanted], start: int, end: int | None, progress: Progress
    ) -> None:
        """Check the entries `[start, end)` and every tile over them, and find what is wanted."""
        end = head.size if end is None else min(end, head.size)
        total = max(end - start, 0)

        def passed(bundle: bytes, tile: Tile) -> None:
            for each in wanted:
                if each.needle in bundle:
                    entries = enumerate(decode_bundle(bundle, tile.width), tile.start)
                    each.found += [index for index, entry in entries if each.is_meant(entry)]
            progress(min(max(tile.end - start, 0), total), total)

        walk = Walk(self._store, head.size, head.root, self._report, start, end, passed)
        walk.run()
        check_leftovers(self._store, walk)
        for each in wanted:
            self._report.included[each.label] = each.found
            if not each.found:
                self._report.add(Finding(each.label, "no entry of the log is it", position=head.size))

    def older(self, name: str, data: bytes) -> None:
        """Check that the log continues the checkpoint in `data`."""
        try:
            checkpoint, note = open_checkpoint(data, self._trust.log_keys, self._report.origin)
            if self._trust.policy is not None:
                self._trust.policy.cosigned(note)
        except NoteError as error:
            self._report.add(Finding(name, str(error), position=self._report.size))
            return
        if problem := self._disagreement(checkpoint):
            self._report.add(Finding(name, problem, position=checkpoint.size))
        else:
            self._report.consistent_with[name] = checkpoint.size

    def receipt(self, name: str, data: bytes) -> None:
        """Check that the log continues the checkpoint of a receipt, and has the entry that it is for."""
        try:
            proof = Proof.parse(data)
            leaf = self._tree.leaf(proof.index) if proof.index < self._tree.size else b""
            checkpoint = proof.verify(leaf, self._trust.log_keys, self._report.origin)
        except (NoteError, ProofError, BadFile, ValueError) as error:
            self._report.add(Finding(name, str(error), position=self._report.size))
            return
        if problem := self._disagreement(checkpoint):
            self._report.add(Finding(name, problem, position=proof.index))
        else:
            self._report.consistent_with[name] = checkpoint.size
            self._report.included[name] = [proof.index]

    def _disagreement(self, old: Checkpoint) -> str:
        """Return why the log does not continue the checkpoint `old`; empty where it does.

        Rests on a proof that leads to the signed root, not on the tiles having been checked before.
        """
        size = self._tree.size
        if old.size > size:
            return f"it has {old.size} entries, the log only {size}: entries were cut off or the log is older"
        if old.size == 0:
            return ""
        try:
            merkle.verify_consistency(old.size, size, self._tree.consistency(old.size), old.root, self._root)
        except ProofError:
            return f"the log is not its continuation: the first {old.size} entries are not what they were"
        except BadFile as error:
            return f"it can't be compared with the log: {error}"
        return ""
