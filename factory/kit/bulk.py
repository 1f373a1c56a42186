"""Many rows in and out in one round trip."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import msgspec
from django.db import connection, models
from django.db.backends.postgresql.base import ServerBindingCursor
from psycopg import sql


def copy_in(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Add rows, if any, to the model's table by COPY, in the current transaction.

    Values are adapted by psycopg; pass jsonb as `json_text`, arrays of text as `array_text`.
    """
    copy_rows(model._meta.db_table, columns, rows)


def copy_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """As `copy_in`, into a table that has no model."""
    rows = list(rows)
    if not rows:
        return
    statement = _copy_statement(table, tuple(columns))
    # COPY goes past Django's cursor, and its errors would too
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


@cache
def _copy_statement(table: str, columns: tuple[str, ...]) -> str:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names).as_string(None)


def json_text(value: Any) -> str:
    """Spell a value for a column of JSON."""
    return msgspec.json.encode(value).decode()


def array_text(values: Sequence[str]) -> str:
    """Spell texts for a column or a parameter of type text[]: far quicker than a list."""
    if not values:
        return "{}"
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"


def take_ids(model: type[models.Model], count: int) -> list[int]:
    """Return `count` new ids of the model's table, ascending."""
    if not count:
        return []
    rows = fetch_often(
        """WITH sequence AS MATERIALIZED (SELECT pg_get_serial_sequence(%s, 'id')::regclass AS name)
           SELECT nextval(name) FROM sequence, generate_series(1, %s)""",
        [model._meta.db_table, count],
    )
    return [row[0] for row in rows]


def fetch(query: str, params: Sequence[Any] | dict[str, Any] = ()) -> list[tuple[Any, ...]]:
    """Run one query and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return cursor.fetchall()


def fetch_often(query: str, params: Sequence[Any] | dict[str, Any] = ()) -> list[tuple[Any, ...]]:
    """As `fetch`, of a query that is asked for every event, in the same words: PostgreSQL plans it once a
    connection (setting prepare_threshold), where planning takes longer than answering.

    Parameters are bound by the server, so where one's type can't be told from its place, cast it.
    """
    connection.ensure_connection()
    bare: Any = ServerBindingCursor(connection.connection)  # type: ignore[call-arg]
    with connection.make_cursor(bare) as cursor:
        cursor.execute(query, params)
        return cursor.fetchall()
