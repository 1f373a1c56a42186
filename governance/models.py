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
)
from governance.people.models import ApiToken, User

__all__ = [
    "ApiToken",
    "Checkpoint",
    "Cosignature",
    "Entry",
    "Log",
    "LogKey",
    "Place",
    "SubjectKey",
    "Tile",
    "Timestamp",
    "User",
]
