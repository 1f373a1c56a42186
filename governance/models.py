"""The index of governance's models; each lives in its room."""

from governance.audit.models import Entry
from governance.people.models import ApiToken, User

__all__ = ["ApiToken", "Entry", "User"]
