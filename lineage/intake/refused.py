"""Pushes that a door refused before it kept anything of them, counted by the hour.

What a stranger can choose is no part of what is counted (no address, no name that was not recognised),
so that nobody fills the disk without a token. A refusal costs its request no query: a thread of the
process writes the counts a moment later. What is lost when the process is killed in that moment, or
while the database is away, is counts of refusals and never an event.
"""

import atexit
from collections import Counter
from datetime import datetime
from threading import Lock, Timer

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.urls import Resolver404, resolve
from django.utils import timezone

from lineage.intake.sources import hour_of

log = structlog.get_logger(__name__)

#: (hour, door, name of the source or nothing, status, code)
Key = tuple[datetime, str, str, int, str]
#: Codes are words of ours; a longer one is none.
_CODE_LENGTH = 60

_lock = Lock()
_waiting: Counter[Key] = Counter()
_last: dict[Key, datetime] = {}
_timer: Timer | None = None


def count(door: str, name: str, status: int, code: str, at: datetime) -> None:
    """Count one refusal; `name` is that of a token that was recognised, else empty."""
    key = (hour_of(at), door, name, status, code[:_CODE_LENGTH])
    with _lock:
        _waiting[key] += 1
        _last[key] = max(at, _last.get(key, at))
    if settings.REFUSALS_WRITTEN_AFTER:
        _soon(settings.REFUSALS_WRITTEN_AFTER)
    else:
        _try_to_write()


def too_large(path: str) -> None:
    """Count a body that was too large to be looked at, by the path that it was sent to."""
    try:
        view = getattr(resolve(path).func, "view_class", None)
    except Resolver404:
        return
    if door := getattr(view, "door", ""):
        count(door, "", 413, "too_large", timezone.now())


def _soon(seconds: float) -> None:
    global _timer
    with _lock:
        if _timer is None:
            _timer = Timer(seconds, _in_the_background)
            _timer.daemon = True
            _timer.start()


def _in_the_background() -> None:
    global _timer
    with _lock:
        _timer = None
    try:
        if not _try_to_write():
            _soon(10 * settings.REFUSALS_WRITTEN_AFTER)
    finally:
        connection.close()


def _try_to_write() -> bool:
    try:
        write()
    except (DatabaseError, InterfaceError) as error:
        log.warning("refusals can't be written now", error=str(error))
        return False
    return True


def write() -> None:
    """Add what this process has counted to the table. Keeps it where the database can't commit."""
    with _lock:
        counted, last = _waiting.copy(), _last.copy()
        _waiting.clear()
        _last.clear()
    if not counted:
        return
    try:
        # in one order, so that two processes don't wait for each other
        rows = [(*key, number, last[key]) for key, number in sorted(counted.items())]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(_ADD, rows)
    except BaseException:
        with _lock:
            _waiting.update(counted)
            for key, at in last.items():
                _last[key] = max(at, _last.get(key, at))
        raise


_ADD = """
    INSERT INTO lineage_refusal AS r (hour, door, name, status, code, count, last_at, on_record)
    VALUES (%s, %s, %s, %s, %s, %s, %s, 0)
    ON CONFLICT (door, name, hour, status, code) DO UPDATE SET
        count = r.count + excluded.count, last_at = greatest(r.last_at, excluded.last_at)
"""


@atexit.register
def _at_the_end() -> None:
    try:
        if _waiting:
            write()
    except Exception as error:
        log.warning("refusals of the last moment are lost", error=str(error), count=_waiting.total())
