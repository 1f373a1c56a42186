"""The sources: counting what each sends, and telling which fell silent."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from factory.kit.bulk import fetch_often
from lineage.intake.arrival import Arrival
from lineage.intake.erase_models import ERASED
from lineage.intake.models import Outcome, Reading, Source
from lineage.intake.numbering import missing_of

#: Seconds in which a long pause counts half: after some weeks of quicker pushes it is forgotten.
_HALF_LIFE = 7 * 24 * 3600.0


def count(arrivals: Sequence[Arrival]) -> None:
    """Add these bodies to their sources' counts, in all and by the hour. A replay counts as none: it was
    not sent again."""
    totals: dict[tuple[str, str], Counter[str]] = {}
    for arrival in arrivals:
        if arrival.stored:
            continue
        counter = totals.setdefault((arrival.door, arrival.source), Counter())
        counter.update(event.verdict.outcome for event in arrival.events if event.verdict)
    seen = {(a.door, a.source): a.received_at for a in arrivals if not a.stored}
    for (door, name), counter in totals.items():
        fetch_often(
            _COUNT,
            {
                "door": door,
                "name": name,
                "at": seen[door, name],
                "hour": hour_of(seen[door, name]),
                "half_life": _HALF_LIFE,
                **{outcome: counter[outcome] for outcome in ("accepted", "repeated", "quarantined")},
            },
        )


_COUNT = """
    WITH in_all AS (
        INSERT INTO lineage_source AS s
            (door, name, first_seen, last_seen, accepted, repeated, quarantined)
        VALUES (%(door)s, %(name)s, %(at)s, %(at)s, %(accepted)s, %(repeated)s, %(quarantined)s)
        ON CONFLICT (door, name) DO UPDATE SET
            last_seen = greatest(s.last_seen, excluded.last_seen),
            accepted = s.accepted + excluded.accepted,
            repeated = s.repeated + excluded.repeated,
            quarantined = s.quarantined + excluded.quarantined,
            longest_pause = greatest(
                extract(epoch FROM excluded.last_seen - s.last_seen),
                s.longest_pause * power(0.5, greatest(
                    extract(epoch FROM excluded.last_seen - s.last_seen), 0) / %(half_life)s)))
    INSERT INTO lineage_sourcehour AS h (door, name, hour, accepted, repeated, quarantined)
    VALUES (%(door)s, %(name)s, %(hour)s, %(accepted)s, %(repeated)s, %(quarantined)s)
    ON CONFLICT (door, name, hour) DO UPDATE SET
        accepted = h.accepted + excluded.accepted,
        repeated = h.repeated + excluded.repeated,
        quarantined = h.quarantined + excluded.quarantined
    RETURNING 1
"""


def hour_of(moment: datetime) -> datetime:
    """The beginning of a moment's hour, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


#: However often a source sends: a shorter pause is no silence.
SILENT_AT_LEAST = timedelta(minutes=10)
#: Before this long nobody can say what is usual: many sources send once a night, in one burst.
JUDGED_AFTER = timedelta(days=1)


def silent_from(source: Source) -> datetime | None:
    """Return when the source counts as silent if nothing comes; None: known too short to tell."""
    if source.longest_pause is None or source.last_seen - source.first_seen < JUDGED_AFTER:
        return None
    usual = timedelta(seconds=source.longest_pause)
    return source.last_seen + max(SILENT_AT_LEAST, usual * settings.SILENT_AFTER_PAUSES)


def in_quarantine(*, source: str = "", door: str = "", code: str = "") -> QuerySet[Reading]:
    """Return the readings of events that no reading has understood yet."""
    later = Reading.objects.filter(
        submission=OuterRef("submission"), index=OuterRef("index"), id__gt=OuterRef("id")
    )
    exact = {"source": source, "door": door, "code": code}
    return Reading.objects.filter(
        ~Exists(later),
        ~Q(code=ERASED),
        outcome=Outcome.QUARANTINED,
        **{name: value for name, value in exact.items() if value},
    )


def doubts(names: set[str]) -> tuple[int, list[str], int]:
    """What speaks against an answer that rests on these sources (see `graph.complete.Doubts`)."""
    now = timezone.now()
    silent = {
        source.name
        for source in Source.objects.filter(name__in=names)
        if (due := silent_from(source)) is not None and due < now
    }
    return in_quarantine().count(), sorted(silent), missing_of(names)
