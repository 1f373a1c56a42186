"""What monitors read of the log: how far it is, and whether it stands still."""

from django.core.cache import cache
from django.utils import timezone

from governance.audit.sequencer import REFUSED
from governance.audit.store import count_waiting, current_log, head_of, published


def gauges() -> dict[str, tuple[str, float]]:
    """Return `{name: (help, value)}`. An alert belongs on entries that wait while the head grows old."""
    log = current_log()
    head = head_of(log) if log else None
    shown = published(log) if log else None
    found: dict[str, tuple[str, float]] = {
        "plumbline_log_waiting": ("Entries without a place in the log, counted to 10,000.", count_waiting()),
        "plumbline_log_refused": ("1 while the sequencer refuses to sign.", bool(cache.get(REFUSED))),
        "plumbline_log_size": ("Entries in the log.", head.size if head else 0),
        "plumbline_log_published_size": ("Entries under the published head.", shown.size if shown else 0),
    }
    if head:
        age = (timezone.now() - head.signed_at).total_seconds()
        found["plumbline_log_head_age_seconds"] = ("Seconds since the newest head was signed.", age)
    return found
