"""Whether rows say what the log proves: the columns of entries, and what is kept beside their leaves.

The tree vouches for leaves. Lists and searches go by the other columns of a row, texts that are too long for
a leaf stand beside it, and pages of submissions show the intake's own rows: whoever changes these changes no
hash, so a verification from within compares them too.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from factory.kit.bulk import fetch
from governance.audit.leaf import ROW
from governance.audit.models import Log
from governance.audit.tlog.bundles import BundleError, decode_bundle
from governance.audit.tlog.tiles import Tile
from governance.audit.verify.report import Finding

_MOMENT = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
_COLUMNS = f"""
    SELECT p.index, e.apart,
           e.id::text, {_MOMENT.format("e.occurred_at")}, {_MOMENT.format("e.recorded_at")}, e.actor_type,
           e.actor_id, e.action, e.targets, e.outcome,
           s.id IS NOT NULL, s.source, s.door, {_MOMENT.format("s.received_at")},
           encode(s.sha256, 'hex'), s.size, s.content_type, s.batch
    FROM governance_place p JOIN governance_entry e ON e.id = p.entry_id
    LEFT JOIN lineage_submission s ON s.id = e.id AND e.action = 'submission.received'
    WHERE p.log_id = %s AND p.index >= %s AND p.index < %s ORDER BY p.index
"""
#: The columns that repeat the leaf, in the order of `_COLUMNS`.
_REPEATED = ROW[: ROW.index("leaf")]
_NOWHERE = """
    SELECT e.id FROM governance_entry e
    WHERE NOT EXISTS (SELECT FROM governance_place p WHERE p.entry_id = e.id)
      AND NOT EXISTS (SELECT FROM governance_waiting w WHERE w.entry_id = e.id)
    LIMIT %s
"""


class _Actor(msgspec.Struct):
    type: str
    id: str = ""


class _Source(msgspec.Struct):
    service: str = ""


class _Leaf(msgspec.Struct):
    """The members of a leaf that stand elsewhere too; see `governance.audit.leaf.Act`."""

    id: str
    occurred_at: str
    recorded_at: str
    actor: _Actor
    action: str
    outcome: str
    targets: msgspec.Raw = msgspec.Raw(b"[]")
    reason: msgspec.Raw = msgspec.Raw(b'""')
    detail: msgspec.Raw = msgspec.Raw(b"{}")
    source: _Source = msgspec.field(default_factory=_Source)


class _ByDigest(msgspec.Struct, forbid_unknown_fields=True):
    sha256: str
    size: int


_leaf = msgspec.json.Decoder(_Leaf)
_parts = msgspec.json.Decoder(dict[str, msgspec.Raw])
_targets = msgspec.json.Decoder(list[str])


def differing(log: Log, tile: Tile, bundle: bytes) -> Iterator[Finding]:
    """Yield what rows say otherwise than the entries in `bundle`, which is the one of `tile`.

    What is no entry of ours is passed over: the tree tells.
    """
    rows = fetch(_COLUMNS, [log.pk, tile.start, tile.end])
    try:
        for (index, *row), entry in zip(rows, decode_bundle(bundle, tile.width), strict=True):
            if wrong := _wrong(row, entry):
                problem = f"the row says otherwise than the entry that is proved: {', '.join(wrong)}"
                yield Finding(f"entry {index}", problem, tile.path, index, index)
    except (BundleError, ValueError):
        return


def nowhere(size: int, most: int) -> Iterator[Finding]:
    """Yield entries that lists show and that neither have a place in a log nor wait for one.

    `size` is that of the log, behind which they are put.
    """
    problem = "it is in no log and does not wait for its place: it was put in by hand"
    for (id_,) in fetch(_NOWHERE, [most]):
        yield Finding(f"entry {id_}", problem, position=size)


def _wrong(row: list[Any], entry: bytes) -> list[str]:
    apart, columns, submission = row[0], row[1 : 1 + len(_REPEATED)], row[1 + len(_REPEATED) :]
    try:
        leaf = _leaf.decode(entry)
    except msgspec.DecodeError:
        return []
    try:
        parts = _parts.decode(bytes(apart)) if apart else {}
    except msgspec.DecodeError:
        return ["apart"]
    wrong = [f"apart.{name}" for name, part in parts.items() if not _is_digest_of(leaf, name, part)]
    leaf_says = (
        leaf.id,
        leaf.occurred_at,
        leaf.recorded_at,
        leaf.actor.type,
        leaf.actor.id,
        leaf.action,
        _listed(parts.get("targets", leaf.targets)),
        leaf.outcome,
    )
    wrong += _unequal(_REPEATED, leaf_says, columns)
    if submission[0]:
        wrong += _of_submission(leaf, parts.get("detail", leaf.detail), submission[1:])
    return wrong


def _is_digest_of(leaf: _Leaf, name: str, part: msgspec.Raw) -> bool:
    """Whether the leaf names what stands beside it by this very digest."""
    try:
        named = msgspec.json.decode(getattr(leaf, name, b"null"), type=_ByDigest)
    except (msgspec.DecodeError, TypeError):
        return False
    return named.sha256 == hashlib.sha256(part).hexdigest()


def _listed(targets: msgspec.Raw) -> list[str]:
    """The targets; none where they are named by their digest only and are not kept (`restore --continue`)."""
    try:
        return _targets.decode(targets)
    except msgspec.ValidationError:
        return []


def _of_submission(leaf: _Leaf, detail: msgspec.Raw, row: list[Any]) -> list[str]:
    names = ("sha256", "size", "content_type", "batch")
    said: dict[str, Any] = msgspec.json.decode(detail)
    if said.keys() == {"sha256", "size"}:
        return []  # by its digest, and not kept
    leaf_says = (leaf.actor.id, leaf.source.service, leaf.occurred_at, *(said.get(name) for name in names))
    return _unequal(
        [f"submission.{name}" for name in ("source", "door", "received_at", *names)], leaf_says, row
    )


def _unequal(names: Iterable[str], leaf_says: Iterable[Any], row_says: Iterable[Any]) -> list[str]:
    compared = zip(names, leaf_says, row_says, strict=True)
    return [name for name, proved, shown in compared if proved != shown]
