"""Timestamps over checkpoints of the log (RFC 3161), beside its tiles or given with a checkpoint.

An export has them at `timestamps/<size>.checkpoint`, the signed note as it was stamped, and
`timestamps/<size>.<n>.tsr`, the answer of an authority over exactly its bytes. A log at an address lists them
at `timestamps`, and serves them at `checkpoints/<size>` and `timestamps/<id>.tsr`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cryptography.x509 import Certificate

from governance.audit.tlog.checkpoint import Checkpoint
from governance.audit.tlog.export import STAMPS
from governance.audit.tlog.notes import LARGEST_NOTE
from governance.audit.verify.against import Against
from governance.audit.verify.report import Finding, Report, Stamped
from governance.audit.verify.stores import BadFile, MissingFile, Store

#: Where a log at an address lists them, the newest first, and the most bytes of the list.
LIST, LARGEST_LIST = "timestamps", 1 << 20
_TOKEN = re.compile(STAMPS + r"(?P<size>0|[1-9][0-9]{0,18})\.[1-9][0-9]{0,5}\.tsr", re.ASCII)
#: How many names a warning lists.
_NAMED = 5


@dataclass(frozen=True, order=True, slots=True)
class Pair:
    """The paths of a timestamp and of what it is over, a checkpoint of `size` entries."""

    size: int
    checkpoint: str
    token: str


class Stamps:
    """Timestamps held against a log, by the word of `authorities`, the certificates that are trusted."""

    def __init__(self, against: Against, report: Report, authorities: Sequence[Certificate]) -> None:
        self._against = against
        self._report = report
        self._authorities = authorities

    def of(self, store: Store, pairs: Iterable[Pair]) -> None:
        """Check `pairs`: who signed, that the log continues what was stamped, the token. Raises Enough."""
        # Here and below, for it takes a package that nothing else does.
        from governance.audit.tlog.timestamp import LARGEST_TIMESTAMP

        held: dict[str, tuple[bytes, Checkpoint | None]] = {}
        for pair in sorted(pairs):
            if pair.checkpoint not in held:
                held[pair.checkpoint] = self._read(store, pair)
            note, checkpoint = held[pair.checkpoint]
            if checkpoint is None:
                continue
            try:
                token = store.read(pair.token, LARGEST_TIMESTAMP)
            except BadFile as error:
                self._bad(pair.token, str(error), pair.size)
                continue
            self.over(checkpoint, pair.checkpoint, note, pair.token, token)

    def _read(self, store: Store, pair: Pair) -> tuple[bytes, Checkpoint | None]:
        try:
            note = store.read(pair.checkpoint, LARGEST_NOTE)
        except BadFile as error:
            self._bad(pair.checkpoint, str(error), pair.size)
            return b"", None
        checkpoint = self._against.own(pair.checkpoint, note)
        if checkpoint and checkpoint.size != pair.size:
            self._bad(pair.checkpoint, f"it is of {checkpoint.size} entries, not of {pair.size}", pair.size)
            return note, None
        return note, checkpoint

    def over(self, checkpoint: Checkpoint, name: str, note: bytes, token_name: str, token: bytes) -> None:
        """Check a timestamp over the bytes `note` of a checkpoint that the log continues. Raises Enough."""
        from governance.audit.tlog.timestamp import TimestampError, verify

        try:
            found = verify(token, note, self._authorities)
        except TimestampError as error:
            self._bad(token_name, f"{error}, over {name}", checkpoint.size)
            return
        self._report.timestamps.append(
            Stamped(token_name, name, checkpoint.size, found.at.isoformat(), found.authority)
        )

    def _bad(self, path: str, problem: str, position: int) -> None:
        self._report.add(Finding(path, problem, path, position=position))


def among(paths: Iterable[str], report: Report) -> list[Pair]:
    """Return the timestamps among the files of an export; what belongs to none becomes a warning."""
    pairs, others = [], set()
    for path in paths:
        if match := _TOKEN.fullmatch(path):
            pairs.append(Pair(int(match["size"]), f"{STAMPS}{match['size']}.checkpoint", path))
        else:
            others.add(path)
    if others := others - {pair.checkpoint for pair in pairs}:
        named = ", ".join(sorted(others)[:_NAMED]) + (" …" if len(others) > _NAMED else "")
        report.warnings.append(f"no timestamp, and of none, so not checked: {named}")
    return pairs


def listed(store: Store, report: Report) -> list[Pair]:
    """Return the newest timestamps of a log at an address. Raises Enough, Unreadable."""
    try:
        content = json.loads(store.read(LIST, LARGEST_LIST))
        pairs = list(_pairs(content))
    except MissingFile:
        return []
    except (BadFile, ValueError, KeyError, TypeError, RecursionError):
        report.add(Finding(LIST, "it is no list of timestamps", LIST, position=report.size))
        return []
    if content.get("next"):
        report.warnings.append(f"only the newest {len(pairs)} timestamps were looked at")
    return pairs


def _pairs(content: dict[str, list[dict[str, object]]]) -> Iterator[Pair]:
    """Raises ValueError, KeyError, TypeError where this isn't a list as the log gives it."""
    for each in content["results"]:
        size, number = each["size"], each["id"]
        # Only numbers of it are followed, never an address.
        if type(size) is not int or type(number) is not int or min(size, number) < 0:
            raise ValueError
        yield Pair(size, f"checkpoints/{size}", f"timestamps/{number}.tsr")
