"""Has the newest checkpoint stamped by a timestamp authority each hour (RFC 3161), beside the sequencer."""

from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

import structlog
from cryptography import x509
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from governance.audit.models import Checkpoint, Timestamp
from governance.audit.store import current_log, head_of
from governance.audit.tlog.timestamp import Timestamp as Stamp
from governance.audit.tlog.timestamp import TimestampError, read_certificates, verify
from governance.audit.witness.exchange import Unreachable
from governance.audit.witness.timestamp import request

log = structlog.get_logger(__name__)

EVERY = timedelta(hours=1)
#: Seconds between looks, and so between tries where the authority fails.
PAUSE = 60.0


def run(stop: Event) -> None:
    """Stamp the log each hour until `stop` is set; what fails is tried again a minute later."""
    failed = ""
    while not stop.is_set():
        try:
            stamp_if_due(timezone.now())
            failed = ""
        except (TimestampError, Unreachable, OSError) as error:
            if str(error) != failed:
                log.warning("the log got no timestamp", why=str(error))
            failed = str(error)
        except (DatabaseError, InterfaceError) as error:
            log.warning("timestamps wait for the database", error=str(error).strip())
            connection.close()
        stop.wait(PAUSE)
    connection.close()


def stamp_if_due(now: datetime) -> Timestamp | None:
    """Stamp the head of the current log if it has grown and the last timestamp is an hour old.

    Raises TimestampError, Unreachable, or OSError where the certificates can't be read.
    """
    current = current_log()
    head = head_of(current) if current else None
    last = Timestamp.objects.filter(checkpoint__log=current).order_by("-id").first()
    if head is None or (last and (last.checkpoint_id == head.pk or now - last.at < EVERY)):
        return None
    return stamp(head)


def stamp(checkpoint: Checkpoint) -> Timestamp:
    """Have the signed note of a checkpoint stamped, and keep it. Raises as `stamp_if_due` does."""
    came = request(settings.TIMESTAMP_URL, checkpoint.note.encode(), trusted())
    row, _ = Timestamp.objects.get_or_create(
        checkpoint=checkpoint,
        authority=came.authority,
        defaults={"token": came.token, "at": came.at},
    )
    return row


def verified(row: Timestamp) -> Stamp:
    """Check a kept timestamp anew, without asking anybody. Raises TimestampError, OSError."""
    return verify(bytes(row.token), row.checkpoint.note.encode(), trusted())


def trusted() -> tuple[x509.Certificate, ...]:
    """Return the certificates of the setting TIMESTAMP_CA. Raises TimestampError, OSError."""
    return read_certificates(Path(settings.TIMESTAMP_CA).read_bytes())
