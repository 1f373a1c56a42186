"""Moments as people type them into a page: in UTC unless they say otherwise."""

from datetime import UTC, date, datetime, time

from factory.kit.times import BadTime, parse_time


def read_moment(text: str) -> datetime | None:
    """Read `2026-03-01`, `2026-03-01T14:02` (as browsers send it) or RFC 3339; None for an empty text.

    A day means its beginning. Raises BadTime.
    """
    text = text.strip().replace(" ", "T", 1)
    if not text:
        return None
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time.min, UTC)
        if len(text) in (16, 19) and "Z" not in text.upper():
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise BadTime("is not a time such as 2026-03-01T14:02") from None
    return parse_time(text)


def field_value(moment: datetime | None) -> str:
    """A moment as the value of an `<input type="datetime-local">`, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}" if moment else ""
