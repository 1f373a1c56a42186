"""What can't be beaten by the database: the same bytes by COPY."""

import time
from collections.abc import Sequence
from hashlib import sha256

import psycopg

TABLE = "CREATE TABLE {} (id bigserial PRIMARY KEY, digest bytea, body bytea); CREATE INDEX ON {} (digest)"


def make_tables() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for name in ("bench_copied", "bench_posted"):
            cursor.execute(TABLE.format(name, name))


def copied_per_second(events: Sequence[bytes], together: int) -> float:
    """COPY the events into an indexed table, `together` a transaction; return events per second."""
    from django.db import connection

    connection.ensure_connection()
    raw: psycopg.Connection[tuple[object, ...]] = connection.connection
    rows = [(sha256(event).digest(), event) for event in events]
    started = time.perf_counter()
    for first in range(0, len(rows), together):
        with raw.cursor() as cursor, cursor.copy("COPY bench_copied (digest, body) FROM STDIN") as copy:
            for row in rows[first : first + together]:
                copy.write_row(row)
    return len(rows) / (time.perf_counter() - started)
