"""How the sources do: who sends how often, and who fell silent."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from lineage.intake.models import Source
from lineage.intake.sources import silent_from

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


def health(source: Source, now: datetime) -> SourceHealth:
    """Judge one source: silent after SILENT_AFTER_PAUSES times its longest pause."""
    due = silent_from(source)
    if due is None:
        return SourceHealth(source, "new", None)
    return SourceHealth(source, "silent" if now > due else "sending", due)


def all_sources(now: datetime | None = None) -> list[SourceHealth]:
    """Every source, the silent ones first: one query."""
    now = now or timezone.now()
    judged = [health(source, now) for source in Source.objects.order_by("door", "name")]
    return sorted(judged, key=lambda one: one.state != "silent")
