"""How the sources do: who sends how often, who fell silent, and what is known to be missing of each."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from lineage.intake.models import Source
from lineage.intake.report import (
    DEFAULT_PERIOD,
    LIMITS,
    SourceLine,
    lines,
    refused_pushes,
    state_of,
)
from lineage.intake.sources import hour_of
from lineage.pages import links

#: Doors as a person calls them.
DOORS = {
    "openlineage": "OpenLineage",
    "cloudevents": "CloudEvents",
    "otlp": "OpenTelemetry",
    "mlflow": "MLflow",
    "manual": "Decided by a person",
}


class SourceHealth(NamedTuple):
    """One source. `state` is `sending`, `silent` or `new` (known too short to tell what is usual);
    `due` is when it would count as silent."""

    source: Source
    state: str
    due: datetime | None

    @property
    def door(self) -> str:
        return DOORS.get(self.source.door, self.source.door)

    @property
    def href(self) -> str:
        return report_href(self.source.door, self.source.name)

    @property
    def per_hour(self) -> str:
        """How many events it sends, in words; nothing for a source that is known for minutes."""
        one = self.source
        known_for = one.last_seen - one.first_seen
        if known_for < SHORTEST_RATE:
            return ""
        an_hour = (one.accepted + one.repeated + one.quarantined) / (known_for / timedelta(hours=1))
        return f"{an_hour:,.0f} an hour" if an_hour >= 1 else f"{an_hour * 24:,.1f} a day"


#: A rate over a shorter time would say nothing.
SHORTEST_RATE = timedelta(hours=1)
#: Reasons of refused pushes that the list shows.
REFUSALS_SHOWN = 50


def report_href(door: str, name: str, **more: str) -> str:
    """The address of a source's report; of an empty name, of pushes with no token that is known."""
    return links.page("lineage:source-report", door=door, name=name, **more)


def health(source: Source, now: datetime) -> SourceHealth:
    """Judge one source: silent after SILENT_AFTER_PAUSES times its longest pause."""
    return SourceHealth(source, *state_of(source, now))


def all_sources(now: datetime | None = None) -> list[SourceHealth]:
    """Every source, the silent ones first: one query."""
    now = now or timezone.now()
    judged = [health(source, now) for source in Source.objects.order_by("door", "name")]
    return sorted(judged, key=lambda one: one.state != "silent")


def _lacks_something(line: SourceLine) -> bool:
    return line.state == "silent" or line.missing > 0 or line.unended_runs > 0


def sources(request: HttpRequest) -> HttpResponse:
    """GET /sources/: every source, those that lack something first."""
    now = timezone.now()
    found = sorted(
        lines(Source.objects.order_by("door", "name"), now), key=lambda line: not _lacks_something(line)
    )
    refused = list(refused_pushes(Q(hour__gte=hour_of(now) - DEFAULT_PERIOD)))
    context = {
        "lines": [(SourceHealth(one.source, one.state, one.due), one) for one in found],
        "refused": [
            (one, DOORS.get(one.door, one.door), report_href(one.door, one.name))
            for one in refused[:REFUSALS_SHOWN]
        ],
        "more_refused": len(refused) > REFUSALS_SHOWN,
        "limits": LIMITS,
    }
    return render(request, "lineage/sources.html", context)
