"""Counts what is kept by month and kind, so that pages tell of millions of entries in a few rows."""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from celery import shared_task
from django.db import connection, transaction
from django.utils import timezone

from factory.kit.bulk import fetch
from governance.audit.models import Log
from governance.audit.retention.classes import ENTRIES
from governance.audit.retention.models import Tallied, Tally
from governance.audit.store import current_log, head_of

#: Entries that are counted in one transaction.
_CHUNK = 20_000
_LOCK = 0x706C756D74  # "plumt"

_COUNT = f"""
    SELECT %(log)s AS log_id, date_trunc('month', e.recorded_at AT TIME ZONE 'UTC')::date AS month,
           e.action,
           coalesce(b.door, '') AS door, coalesce(b.source, '') AS source,
           coalesce(t.types, '') AS event_types,
           count(*) AS entries, sum(octet_length(e.leaf) + coalesce(octet_length(b.body), 0)) AS size,
           min(p.index) AS first_index
    FROM {ENTRIES}
    LEFT JOIN LATERAL (
        SELECT string_agg(DISTINCT r.event_type, E'\\n' ORDER BY r.event_type) AS types
        FROM lineage_reading r WHERE r.submission_id = b.id
    ) t ON true
    WHERE p.log_id = %(log)s AND p.index >= %(start)s AND p.index < %(end)s
    GROUP BY 1, 2, 3, 4, 5, 6
"""
_COLUMNS = "log_id, month, action, door, source, event_types, entries, size, first_index"
_ADD = f"""
    INSERT INTO governance_tally AS t ({_COLUMNS}) {_COUNT}
    ON CONFLICT (log_id, month, action, door, source, event_types) DO UPDATE SET
        entries = t.entries + excluded.entries, size = t.size + excluded.size,
        first_index = least(t.first_index, excluded.first_index)
"""
_TAKE_AWAY = f"""
    WITH gone AS ({_COUNT})
    UPDATE governance_tally t
    SET entries = t.entries - gone.entries, size = greatest(t.size - gone.size, 0),
        first_index = greatest(t.first_index, %(end)s)
    FROM gone WHERE (t.log_id, t.month, t.action, t.door, t.source, t.event_types)
        = (gone.log_id, gone.month, gone.action, gone.door, gone.source, gone.event_types)
"""


class Kind(NamedTuple):
    """Entries of one kind that were put on record in the month that begins on `month`.

    `size` is their bytes. No entry of them has an index below `first_index`.
    """

    month: date
    action: str
    door: str
    source: str
    event_types: list[str]
    entries: int
    size: int
    first_index: int


def count(log: Log) -> int:
    """Bring the tally up to date; return up to which index it goes."""
    while True:
        with transaction.atomic():
            fetch("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            head = head_of(log)
            size = head.size if head else 0
            row, _ = Tallied.objects.get_or_create(log=log, defaults={"at": timezone.now()})
            end = min(row.size + _CHUNK, size)
            if end > row.size:
                with connection.cursor() as cursor:
                    cursor.execute(_ADD, {"log": log.pk, "start": row.size, "end": end})
            row.size, row.at = end, timezone.now()
            row.save()
        if end >= size:
            return end


def take_away(log: Log, start: int, end: int) -> None:
    """Take entries out of the tally, in the transaction that deletes them and before it does."""
    fetch("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    row = Tallied.objects.filter(log=log).first()
    if row is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_AWAY, {"log": log.pk, "start": start, "end": min(end, row.size)})
        cursor.execute("DELETE FROM governance_tally WHERE log_id = %s AND entries <= 0", [log.pk])
    if row.size < end:
        row.size = end
        row.save(update_fields=["size"])


def kinds(log: Log) -> Iterator[Kind]:
    """Yield everything that is counted."""
    rows = Tally.objects.filter(log=log).values_list(
        "month", "action", "door", "source", "event_types", "entries", "size", "first_index"
    )
    for month, action, door, source, types, *numbers in rows:
        yield Kind(month, action, door, source, types.split("\n") if types else [], *numbers)


@shared_task(ignore_result=True)
def count_entries() -> None:
    """Bring the current log's tally up to date."""
    log = current_log()
    if log is not None:
        count(log)
