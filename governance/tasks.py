"""The index of governance's background tasks; each lives in its room."""

from governance.audit.verifying import resume_verifications, run_verification, verify_nightly
from governance.people.tidy import clear_sessions

__all__ = ["clear_sessions", "resume_verifications", "run_verification", "verify_nightly"]
