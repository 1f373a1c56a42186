"""A source's report as rows, for a spreadsheet."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from lineage.intake.numbering import as_sent
from lineage.intake.report import Report


class Row(NamedTuple):
    """One line: `part` of the report, `what` it is about, its numbers, its times."""

    part: str
    what: str
    first: str = ""
    last: str = ""
    number: int | None = None
    since: datetime | None = None
    until: datetime | None = None


def rows(report: Report) -> Iterator[Row]:
    """Yield the report row by row."""
    who = f"{report.door}/{report.name or 'unknown'}"
    yield Row("source", who, number=None, since=report.first_seen, until=report.last_seen)
    for sentence in report.sentences():
        yield Row("note", sentence)
    for outcome in ("accepted", "repeated", "quarantined"):
        yield Row("count", outcome, number=getattr(report, outcome), since=report.since, until=report.until)
    yield Row("count", "refused", number=report.refused_count, since=report.since, until=report.until)
    for refused in report.refused:
        yield Row("refused", f"{refused.status} {refused.code}", number=refused.count, until=refused.last_at)
    for one in report.numbering:
        yield Row("numbering", f"{one.stream} ({one.counting})", one.first, one.last, one.received)
        yield Row("numbers used again", one.stream, number=one.reused)
        yield Row("numbers missing", one.stream, number=one.missing)
        for gap in one.gaps:
            yield Row(
                "gap",
                one.stream,
                str(as_sent(gap.low, one.counting)),
                str(as_sent(gap.high, one.counting)),
                gap.missing,
                gap.since,
            )
        if one.next_after is not None:
            yield Row("note", f"{one.stream} has more gaps than are listed here")
    for silence in report.silences:
        yield Row("silence", who, since=silence.since, until=silence.ended_at)
    for run in report.unended_runs:
        yield Row(
            "run that never ended",
            run.run,
            run.job,
            run.state,
            None,
            run.began_at,
            run.heard_at,
        )
    for event in report.last_events:
        yield Row(
            "event",
            event.event_type or event.code,
            event.sequence,
            event.outcome,
            None,
            event.event_time,
            event.received_at,
        )
