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
_OVERLAP = 2_000


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
    keys, witnesses = _keys(policy), defaultdict[tuple[int, int], set[str]](set)
    looked_at = known.looked_at
    rows = Cosignature.objects.filter(checkpoint__log=log, id__gt=looked_at - _OVERLAP)
    if known.checkpoint is not None:
        rows = rows.filter(checkpoint__size__gt=known.checkpoint.size)
    for pk, name, key_id, its_checkpoint, size in rows.values_list(
        "id", "name", "key_id", "checkpoint_id", "checkpoint__size"
    ).iterator():
        looked_at = max(looked_at, pk)
        if witness := keys.get((name, bytes(key_id))):
            witnesses[size, its_checkpoint].add(witness)
    newest = max((at for at, names in witnesses.items() if policy.is_met(names)), default=None)
    checkpoint = Checkpoint.objects.get(pk=newest[1]) if newest else known.checkpoint
    _known[log.pk] = _Known(policy, checkpoint, looked_at)
    return checkpoint


@dataclass(frozen=True, slots=True)
class Attendance:
    """What a witness of the policy has done for a log: how many entries it cosigned last, and when."""

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
    rows = Cosignature.objects.filter(checkpoint__log=log).values("name", "key_id")
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
