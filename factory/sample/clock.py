"""The sample's calendar: every time and every id follows from the date of its last day."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

#: How many days the story runs, its last day included.
DAYS = 42


@dataclass(frozen=True)
class Clock:
    """Days are counted from the last one: 0 is the anchor, -1 the day before it. Times are UTC."""

    anchor: date

    def at(self, day: int, hour: int, minute: int = 0, second: float = 0) -> datetime:
        start = datetime.combine(self.anchor, time(), UTC)
        return start + timedelta(days=day, hours=hour, minutes=minute, seconds=second)

    def date(self, day: int) -> str:
        """The ISO date of a day, by which dated dataset versions are named."""
        return (self.anchor + timedelta(days=day)).isoformat()

    def days(self, first: int = 1 - DAYS, last: int = 0) -> Iterator[int]:
        """The days from `first` to `last`, both included."""
        yield from range(first, last + 1)

    def busy(self, day: int) -> float:
        """How busy a day is for people: a weekend day counts for little."""
        return 0.3 if (self.anchor + timedelta(days=day)).weekday() >= 5 else 1.0

    def id(self, *parts: object) -> UUID:
        """The id of something, the same at every telling of the story with this anchor."""
        return uuid5(
            NAMESPACE_URL,
            "/".join(["https://harbourvale.example", str(self.anchor), *map(str, parts)]),
        )

    def chance(self, *parts: object) -> random.Random:
        """A source of numbers of its own for each thing told, so that adding one changes no other."""
        return random.Random(self.id("chance", *parts).int)


def text(moment: datetime) -> str:
    """RFC 3339, in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
