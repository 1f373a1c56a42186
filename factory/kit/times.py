"""Times as RFC 3339 spells them (section 5.6, `date-time`): always with a zone, always kept in UTC."""

import re
from datetime import UTC, datetime, timedelta

_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(?:\.[0-9]+)?"
    r"(?:([Zz])|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadTime(ValueError):
    """The text is no time that an event can have. `code` is `invalid-time` or `future-time`."""

    def __init__(self, reason: str, code: str = "invalid-time"):
        super().__init__(reason)
        self.reason = reason
        self.code = code


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 `date-time` and return it in UTC, in microseconds (finer digits are cut).

    A leap second (23:59:60 UTC) is the first instant of the next day. Raises BadTime where the text
    is something else, has no zone, or names an instant outside the years 1 to 9999.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise BadTime("is not a date and time as RFC 3339 writes them, e.g. 2026-03-01T08:30:00Z")
    if match.end(2) == -1 and text[-6] not in "+-":
        raise BadTime("has no time zone; end it with Z or an offset such as +01:00")
    leap = match.group(1) == "60"
    if leap:
        text = f"{text[:17]}59{text[19:]}"
    try:
        time = datetime.fromisoformat(text.upper()).astimezone(UTC)
        if leap:
            if (time.hour, time.minute) != (23, 59):
                raise BadTime("has a second 60 where there is no leap second")
            time = time.replace(microsecond=0) + timedelta(seconds=1)
    except BadTime:
        raise
    except (ValueError, OverflowError):
        raise BadTime("names a day that the calendar doesn't have") from None
    return time


def event_time(text: str, *, now: datetime | None = None, tolerance: timedelta) -> datetime:
    """Read the time of an event: as `parse_time`, from 1970 on, at most `tolerance` ahead of `now`.

    Without `now` the future is not judged (an event read again was judged when it came). Raises
    BadTime.
    """
    time = parse_time(text)
    if time < _EPOCH:
        raise BadTime("is before 1970, which no event can be")
    if now is not None and time - now > tolerance:
        raise BadTime("lies in the future; check the clock of the system that sent it", "future-time")
    return time


def format_time(time: datetime) -> str:
    """Write a time as RFC 3339 in UTC with a `Z`, e.g. 2026-03-01T08:30:00Z."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
