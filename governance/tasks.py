"""The index of governance's background tasks; each lives in its room."""

from governance.audit.verifying import resume_verifications, run_verification, verify_nightly
from governance.erasure.erase import resume_erasures, run_erasure
from governance.erasure.owed import erase_again
from governance.people.tidy import clear_sessions

__all__ = [
    "clear_sessions",
    "erase_again",
    "resume_erasures",
    "resume_verifications",
    "run_erasure",
    "run_verification",
    "verify_nightly",
]
