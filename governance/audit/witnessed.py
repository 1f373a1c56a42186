"""Which checkpoints enough witnesses have cosigned to be published."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Max

from governance.audit.models import Checkpoint, Cosignature, Log
from governance.audit.tlog.notes import VerifierKey
from governance.audit.tlog.policy import Policy

#: Cosignatures of one checkpoint may be written while newer ones are; no further apart than this.
_OVERLAP = 1_000
#: How many are looked at at once, the newest first.
_WINDOW = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    """Of one log: the newest checkpoint found witnessed, and the last cosignature that was looked at."""

    policy: Policy
    checkpoint: Checkpoint | None = None
    looked_at: int = 0


_known: dict[int, _Known] = {}


def is_witnessed(checkpoint: Checkpoint) -> bool:
    """Whether the cosignatures that came for a checkpoint meet the policy; without one, none are needed."""
    policy = settings.WITNESS_POLICY
    if policy is None:
        return True
    keys = _keys(policy)
    rows = checkpoint.cosignatures.values_list("name", "key_id")
    return policy.is_met({keys.get((name, bytes(key_id)), "") for name, key_id in rows})


def newest_witnessed(log: Log) -> Checkpoint | None:
    """Return the newest checkpoint of a log that meets the policy, None where none does so far.

    A process looks at each cosignature about once, however many checkpoints wait for a witness.
    """
    policy = settings.WITNESS_POLICY
    if policy is None or policy.is_met(()):
        return Checkpoint.objects.filter(log=log).order_by("-size").first()
    known = _known.get(log.pk)
    if known is None or known.policy is not policy:
        known = _Known(policy)
    last = _last()
    checkpoint, high, low = known.checkpoint, last, max(0, known.looked_at - _OVERLAP)
    names = defaultdict[int, set[str]](set)
    while high > low and checkpoint == known.checkpoint:
        bottom = max(low, high - _WINDOW)
        _collect(log, policy, known.checkpoint, (bottom, high), names)
        size = max((size for size, who in names.items() if policy.is_met(who)), default=None)
        if size is not None:
            checkpoint = Checkpoint.objects.get(log=log, size=size)
        high = bottom
    _known[log.pk] = _Known(policy, checkpoint, last)
    return checkpoint


def _last() -> int:
    return Cosignature.objects.order_by("-id").values_list("id", flat=True).first() or 0


def _collect(
    log: Log, policy: Policy, after: Checkpoint | None, ids: tuple[int, int], names: dict[int, set[str]]
) -> None:
    """Add to `names`, by size of the checkpoint, who cosigned those after `after`; ids are `(low, high]`."""
    rows = Cosignature.objects.filter(checkpoint__log=log, id__gt=ids[0], id__lte=ids[1])
    if after is not None:
        rows = rows.filter(checkpoint__size__gt=after.size)
    keys = _keys(policy)
    for name, key_id, size in rows.values_list("name", "key_id", "checkpoint__size"):
        if witness := keys.get((name, bytes(key_id))):
            names[size].add(witness)


@dataclass(frozen=True, slots=True)
class Attendance:
    """What a witness of the policy did for a log lately: how many entries it cosigned last, and when."""

    name: str
    key: VerifierKey
    url: str
    size: int | None
    at: datetime | None


def attendance(log: Log) -> list[Attendance]:
    """Return the witnesses of the policy with what each cosigned last, in the order of the policy."""
    policy = settings.WITNESS_POLICY
    if policy is None:
        return []
    recent = Cosignature.objects.filter(checkpoint__log=log, id__gt=_last() - _WINDOW)
    rows = recent.values("name", "key_id")
    last = {
        (row["name"], bytes(row["key_id"])): (row["size"], row["newest"])
        for row in rows.annotate(size=Max("checkpoint__size"), newest=Max("at"))
    }
    return [
        Attendance(name, key, policy.urls.get(key, ""), *last.get((key.name, key.key_id), (None, None)))
        for name, key in policy.witnesses.items()
    ]


def _keys(policy: Policy) -> dict[tuple[str, bytes], str]:
    """Return what the policy calls the witness of a signature line's name and key id."""
    return {(key.name, key.key_id): name for name, key in policy.witnesses.items()}
