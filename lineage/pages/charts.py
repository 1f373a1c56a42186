"""Charts: figures made in Python, drawn by static/js/charts.js, always with their table beside them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import plotly.graph_objects as go
from django.db import connection

#: The newest readings that hourly counts look at: bounds the work, whatever the rate.
LOOKED_AT = 200_000
MOST_SERIES = 8
OTHERS = "all others"


class Chart(NamedTuple):
    """A figure with its words: `figure` is plotly's JSON as an object; `rows` are the table's."""

    id: str
    title: str
    summary: str
    figure: dict[str, Any]
    columns: list[str]
    rows: list[tuple[datetime, list[int]]]


def hourly(since: datetime) -> list[tuple[datetime, str, str, str, int]]:
    """Return (hour, door, source, outcome, count) of readings known since then, oldest first.

    Looks at the newest LOOKED_AT readings at most.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT date_trunc('hour', known_at, 'UTC') AS hour, door, source, outcome, count(*)
               FROM (SELECT known_at, door, source, outcome FROM lineage_reading
                     WHERE known_at >= %s ORDER BY known_at DESC LIMIT %s) newest
               GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""",
            [since, LOOKED_AT],
        )
        return cursor.fetchall()


def hours_between(start: datetime, end: datetime) -> list[datetime]:
    """The full hours from `start`'s to `end`'s."""
    hour = start.replace(minute=0, second=0, microsecond=0)
    hours = []
    while hour <= end:
        hours.append(hour)
        hour += timedelta(hours=1)
    return hours


def events_per_hour(
    counts: Sequence[tuple[datetime, str, int]],
    hours: Sequence[datetime],
    *,
    chart_id: str,
    title: str,
    order: Sequence[str] = (),
) -> Chart | None:
    """Stacked bars of (hour, series, count); None where nothing came.

    The series are those of `order`; without it the largest first, and the smallest are added up."""
    totals: dict[str, int] = {}
    for _, name, count in counts:
        totals[name] = totals.get(name, 0) + count
    if not totals:
        return None
    names = list(order) or sorted(totals, key=lambda name: (-totals[name], name))
    kept = names if len(names) <= MOST_SERIES else [*names[: MOST_SERIES - 1], OTHERS]
    table: dict[datetime, dict[str, int]] = {hour: {} for hour in hours}
    for hour, name, count in counts:
        if hour in table:
            shown = name if name in kept else OTHERS
            table[hour][shown] = table[hour].get(shown, 0) + count
    bars = [
        go.Bar(
            name=name,
            x=[f"{hour:%Y-%m-%d %H:%M}" for hour in hours],
            y=[table[hour].get(name, 0) for hour in hours],
            hovertemplate="%{x} UTC<br>%{y} events<extra>" + name.replace("<", "&lt;") + "</extra>",
        )
        for name in kept
    ]
    layout = go.Layout(template="none", barmode="stack", bargap=0.15, xaxis={"type": "date"})
    total, most = sum(totals.values()), max(totals, key=lambda name: totals[name])
    return Chart(
        chart_id,
        title,
        f"{title}: {total} events in {len(hours)} hours, most of them {most}.",
        go.Figure(bars, layout).to_plotly_json(),
        list(kept),
        [(hour, [table[hour].get(name, 0) for name in kept]) for hour in reversed(hours) if table[hour]],
    )
