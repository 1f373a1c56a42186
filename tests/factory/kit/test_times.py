from datetime import UTC, datetime, timedelta

import pytest

from factory.kit.times import BadTime, event_time, format_time, parse_time

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-01T08:30:00Z", "2026-03-01T08:30:00Z"),
        ("2026-03-01t08:30:00z", "2026-03-01T08:30:00Z"),
        ("2026-03-01T08:30:00.5+05:30", "2026-03-01T03:00:00.500000Z"),
        ("2026-03-01T00:30:00-00:00", "2026-03-01T00:30:00Z"),
        ("2026-03-01T08:30:00.123456789Z", "2026-03-01T08:30:00.123456Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31T18:59:60.7-05:00", "2017-01-01T00:00:00Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
    ],
)
def test_reads_what_rfc_3339_allows(text: str, utc: str) -> None:
    assert format_time(parse_time(text)) == utc


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-03-01T08:30:00", "no time zone"),
        ("2026-03-01T08:30:00.25", "no time zone"),
        ("2026-03-01", "RFC 3339"),
        ("2026-03-01 08:30:00Z", "RFC 3339"),
        ("2026-03-01T08:30Z", "RFC 3339"),
        ("2026-03-01T08:30:00+0100", "RFC 3339"),
        ("2026-03-01T08:30:00+24:00", "RFC 3339"),
        ("2026-03-01T24:00:00Z", "RFC 3339"),
        ("2026-03-01T08:30:00Z\n", "RFC 3339"),
        ("\uff12026-03-01T08:30:00Z", "RFC 3339"),
        ("2026-W09-7T08:30:00Z", "RFC 3339"),
        ("", "RFC 3339"),
        ("2023-02-29T00:00:00Z", "calendar"),
        ("2026-13-01T00:00:00Z", "calendar"),
        ("0000-01-01T00:00:00Z", "calendar"),
        ("0001-01-01T00:00:00+01:00", "calendar"),
        ("2026-03-01T08:30:60Z", "leap second"),
        ("9999-12-31T23:59:60Z", "calendar"),
    ],
)
def test_refuses_everything_else(text: str, reason: str) -> None:
    with pytest.raises(BadTime, match=reason) as refused:
        parse_time(text)
    assert refused.value.code == "invalid-time"


def test_an_event_is_neither_before_1970_nor_far_ahead() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert event_time("2026-03-02T00:00:00Z", now=now, tolerance=DAY) == now + DAY
    with pytest.raises(BadTime, match="future") as refused:
        event_time("2026-03-02T00:00:01Z", now=now, tolerance=DAY)
    assert refused.value.code == "future-time"
    assert event_time("2926-03-02T00:00:01Z", tolerance=DAY).year == 2926
    with pytest.raises(BadTime, match="1970"):
        event_time("1969-12-31T23:59:59Z", tolerance=DAY)
