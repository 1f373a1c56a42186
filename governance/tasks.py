"""The index of governance's background tasks; each lives in its room."""

from governance.audit.retention.tally import count_entries
from governance.audit.retention.work import prune_what_is_due, resume_prunings, run_pruning
from governance.audit.thin import thin_checkpoints
from governance.audit.verifying import resume_verifications, run_verification, verify_nightly
from governance.erasure.erase import resume_erasures, run_erasure
from governance.erasure.owed import erase_again
from governance.people.tidy import clear_sessions

__all__ = [
    "clear_sessions",
    "count_entries",
    "erase_again",
    "prune_what_is_due",
    "resume_erasures",
    "resume_prunings",
    "resume_verifications",
    "run_erasure",
    "run_pruning",
    "run_verification",
    "thin_checkpoints",
    "verify_nightly",
]
