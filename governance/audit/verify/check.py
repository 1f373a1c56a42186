"""A whole verification: signatures, tree, older checkpoints, cosignatures, receipts, entries asked for."""

from collections.abc import Callable, Iterable, Sequence

from cryptography.x509 import Certificate

from governance.audit.tlog import merkle
from governance.audit.tlog.bundles import decode_bundle
from governance.audit.tlog.checkpoint import Checkpoint, open_checkpoint
from governance.audit.tlog.merkle import ProofError
from governance.audit.tlog.notes import LARGEST_NOTE, Note, NoteError, encode_base64
from governance.audit.tlog.proof import Proof
from governance.audit.tlog.tiles import WIDTH, Tile
from governance.audit.tlog.tree import TiledTree
from governance.audit.verify.against import Against
from governance.audit.verify.asked import Trust, Wanted
from governance.audit.verify.leftovers import check_leftovers
from governance.audit.verify.report import Enough, Finding, Pruned, Report
from governance.audit.verify.stamps import Stamps, among, listed
from governance.audit.verify.statements import Statements, fields_of
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
    timestamps: Iterable[tuple[str, bytes]] = (),
    authorities: Sequence[Certificate] = (),
    receipts: Iterable[tuple[str, bytes]] = (),
    wanted: Iterable[Wanted] = (),
    start: int = 0,
    end: int | None = None,
    progress: Progress | None = None,
    most_findings: int = 20,
) -> Report:
    """Verify the log in `store` and return what was found.

    `older` are signed checkpoints that were seen before, of this log or of one that it cites, and `receipts`
    are `.tlog-proof` files, each with a name to report it under; `wanted` are entries that must be in the
    log. `timestamps` are RFC 3161 answers, each over the one of `older` at its place, and `authorities` the
    certificates that they, and those in the store, must lead to; without any, timestamps aren't checked.
    `[start, end)` limits which entries are looked at, for a log of which only that range is at hand.
    Ends early after `most_findings`.

    Raises Unreadable where the log can't be read at all, and whatever `progress` raises.
    """
    report = Report(log, most_findings=most_findings)
    check = _Check(store, trust, report)
    try:
        opened = check.checkpoint()
        if opened is not None:
            report.end = opened.size if end is None else min(end, opened.size)
            report.start = min(start, report.end)
            if (end or start) > opened.size:
                problem = f"the log has {opened.size} entries, fewer than the range asked for"
                report.unchecked.append(Finding("range", problem, position=opened.size))
            against = check.tree(opened, list(wanted), progress or (lambda done, total: None))
            check.times(against, list(older), list(timestamps), authorities)
            for name, data in receipts:
                against.receipt(name, data)
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
    report.entries[proof.index] = _said(leaf)
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


def _said(entry: bytes) -> dict[str, str]:
    """Return what an entry says of itself, for whoever looked for it."""
    fields = fields_of(entry)
    return {name: str(fields[name]) for name in ("action", "outcome", "recorded_at") if name in fields}


def _not_cosigned(cosigned: Iterable[str]) -> str:
    names = ", ".join(sorted(cosigned)) or "nobody"
    return f"not cosigned as the policy asks: by {names} of its witnesses"


class _Check:
    """The parts of a verification of one log."""

    def __init__(self, store: Store, trust: Trust, report: Report) -> None:
        self._store = store
        self._trust = trust
        self._report = report
        self._statements = Statements()
        #: What lies where timestamps do; None where files can't be listed.
        self._stamps: list[str] | None = None

    def checkpoint(self) -> Checkpoint | None:
        """Return the checkpoint of the log if it is signed; what isn't signed is not looked at further."""
        try:
            data = self._store.read("checkpoint", LARGEST_NOTE)
            checkpoint, note = open_checkpoint(data, self._trust.log_keys, self._trust.origin)
        except (BadFile, NoteError) as error:
            self._report.add(Finding("checkpoint", str(error), "checkpoint"))
            return None
        _signatures(self._report, "checkpoint", checkpoint, note, self._trust)
        return checkpoint

    def tree(self, head: Checkpoint, wanted: list[Wanted], progress: Progress) -> Against:
        """Check the entries asked about and every tile over them, and find what is wanted.

        Returns what older checkpoints and receipts are held against.
        """
        start, end = self._report.start, self._report.end

        def passed(bundle: bytes, tile: Tile) -> None:
            self._statements.read(bundle, tile)
            for each in wanted:
                if each.needle in bundle:
                    self._look_for(each, bundle, tile)
            progress(min(max(tile.end - start, 0), end - start), end - start)

        walk = Walk(self._store, head.size, head.root, self._report, start, end, passed)
        try:
            walk.run()
        except Enough:
            # The first bad place may be among what is missing, of which the rest is never told.
            self._report.findings += self._missing(walk)[:1]
            raise
        self._said(walk)
        self._stamps = check_leftovers(self._store, walk)
        self._not_found(wanted)
        tree = TiledTree(head.size, lambda tile: read_hashes(self._store, tile))
        return Against(self._trust, self._report, tree, head.root, self._statements)

    def times(
        self,
        against: Against,
        older: list[tuple[str, bytes]],
        timestamps: list[tuple[str, bytes]],
        authorities: Sequence[Certificate],
    ) -> None:
        """Hold older checkpoints against the log, with their timestamps, and those that it brings."""
        report = self._report
        stamps = Stamps(against, report, authorities)
        for position, (name, data) in enumerate(older):
            checkpoint = against.checkpoint(name, data)
            if checkpoint and position < len(timestamps):
                stamps.over(checkpoint, name, data, *timestamps[position])
        pairs = among(self._stamps or (), report)
        if not authorities:
            if pairs:
                report.warnings.append(
                    f"timestamps were not checked, and there are {len(pairs)}: --timestamp-ca takes the "
                    "certificates of the authority"
                )
            return
        if self._stamps is None:
            pairs = listed(self._store, report)
        if not (pairs or timestamps):
            report.unchecked.append(Finding("timestamps", "there are none to check", position=report.size))
        stamps.of(self._store, pairs)

    def _look_for(self, each: Wanted, bundle: bytes, tile: Tile) -> None:
        for index, entry in enumerate(decode_bundle(bundle, tile.width), tile.start):
            if each.is_meant(entry):
                each.found.append(index)
                self._report.entries[index] = _said(entry)

    def _missing(self, walk: Walk) -> list[Finding]:
        """Return what is missing and was not pruned by the log's own word, first things first."""
        unexplained = (tile for tile in walk.absent if tile.end > self._statements.minimum_index)
        return [
            Finding(tile.path, "the file is missing", tile.path, position=tile.start)
            for tile in sorted(unexplained, key=lambda tile: (tile.start, -tile.level))
        ]

    def _said(self, walk: Walk) -> None:
        """Report what the log says of itself, and hold what is missing against it. Raises Enough."""
        report, said = self._report, self._statements
        report.cites = said.cites
        for finding in (*said.wrong, *self._missing(walk)):
            report.add(finding)
        if said.minimum_index:
            first, last = report.start // WIDTH * WIDTH, min(-(-report.end // WIDTH) * WIDTH, report.size)
            absent = max(last - first - report.entries_checked - walk.not_vouched_for, 0)
            report.pruned = Pruned(said.minimum_index, said.pruned_by, absent)
        if walk.not_vouched_for:
            report.warnings.append(
                f"{walk.not_vouched_for} entries are there of which the tiles above are not: not checked"
            )

    def _not_found(self, wanted: list[Wanted]) -> None:
        report = self._report
        for each in wanted:
            report.included[each.label] = each.found
            if each.found:
                continue
            if report.end - report.start < report.size or (report.pruned and report.pruned.absent):
                problem = "no entry of those that are at hand is it"
                report.unchecked.append(Finding(each.label, problem, position=report.size))
            else:
                report.add(Finding(each.label, "no entry of the log is it", position=report.size))
