"""The index of governance's models; each lives in its room."""

from governance.audit.models import (
    Checkpoint,
    Cosignature,
    Entry,
    Log,
    LogKey,
    Place,
    SubjectKey,
    Tile,
    Timestamp,
    Verification,
)
from governance.audit.retention.models import Hold, Pruning, RetentionClass, Snapshot, Tallied, Tally
from governance.erasure.models import Erasure
from governance.people.models import ApiToken, User

__all__ = [
    "ApiToken",
    "Checkpoint",
    "Cosignature",
    "Entry",
    "Erasure",
    "Hold",
    "Log",
    "LogKey",
    "Place",
    "Pruning",
    "RetentionClass",
    "Snapshot",
    "SubjectKey",
    "Tallied",
    "Tally",
    "Tile",
    "Timestamp",
    "User",
    "Verification",
]
