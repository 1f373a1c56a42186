"""The index of governance's background tasks; each lives in its room."""

from governance.people.tidy import clear_sessions

__all__ = ["clear_sessions"]
