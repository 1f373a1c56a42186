"""The record as a stream of rows, table by table: written into a snapshot, compared with one, read back.

Rows are as PostgreSQL's COPY spells them, in the order of their keys. The fact tables are only ever added
to, in the order of their keys, so what a snapshot has of one is its beginning for good.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from django.db import connection, models, transaction
from psycopg import sql

from factory.kit.bulk import fetch
from lineage.entities.models import Node, NodeState, Retracted, Statement
from lineage.graph.models import ClaimFact, Edge, EdgeFact
from lineage.intake.models import Reading, Submission
from lineage.intake.source_models import Numbered
from lineage.usage.models import Measurement, Revenue, Target, Task, Usage


class Table(NamedTuple):
    """A table with the columns that are written, ordered by `key`, a number that only grows."""

    name: str
    key: str
    columns: tuple[str, ...]


def _table(model: type[models.Model], key: str, without: Iterable[str] = ()) -> Table:
    columns = (field.column or field.name for field in model._meta.concrete_fields)
    return Table(model._meta.db_table, key, tuple(name for name in columns if name not in without))


#: What everything else is folded from. Of submissions what is known of them, without what was in them.
FACTS = (
    _table(Submission, "number", ["body"]),
    _table(Reading, "id"),
    _table(Node, "id"),
    _table(Statement, "id"),
    _table(ClaimFact, "id"),
    _table(EdgeFact, "id"),
    _table(Numbered, "reading_id"),
    *(_table(model, "id") for model in (Usage, Measurement, Target, Revenue, Task)),
)
#: What `rebuild` makes of them; without what is only another form of the same.
STATE = (
    _table(NodeState, "node_id", ["fold", "search"]),
    _table(Edge, "id"),
    _table(Retracted, "reading_id"),
)
#: How COPY spells times, bytes and numbers depends on these.
_SPELLING = """
    SELECT set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO, YMD', true),
           set_config('intervalstyle', 'postgres', true), set_config('bytea_output', 'hex', true),
           set_config('extra_float_digits', '1', true)
"""


class NoSuchTable(ValueError):
    """The snapshot has a table or columns that this database doesn't."""


def newest(table: Table) -> int:
    """Return the largest key of a table; -1 where it is empty."""
    return fetch(f'SELECT coalesce(max("{table.key}"), -1) FROM "{table.name}"')[0][0]


def rows(table: Table, upto: int) -> Iterator[bytes]:
    """Yield the rows with keys up to `upto`, each a line, in the transaction of the caller."""
    query = sql.SQL("COPY (SELECT {} FROM {} WHERE {} <= {} ORDER BY {}) TO STDOUT").format(
        _columns(table),
        sql.Identifier(table.name),
        sql.Identifier(table.key),
        sql.Literal(upto),
        sql.Identifier(table.key),
    )
    fetch(_SPELLING)
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(query) as copy:
        for row in copy:
            yield bytes(row)


def digest(table: Table, upto: int) -> tuple[int, str]:
    """Return how many rows there are with keys up to `upto`, and the SHA-256 of them, in hex."""
    hashed, count = hashlib.sha256(), 0
    with transaction.atomic():
        for row in rows(table, upto):
            hashed.update(row)
            count += 1
    return count, hashed.hexdigest()


def known(name: str, key: str, columns: Iterable[str]) -> Table:
    """Return the fact table that a snapshot names. Raises NoSuchTable."""
    table = next((each for each in FACTS if each.name == name), None)
    columns = tuple(columns)
    if table is None or key != table.key or not set(columns) <= set(table.columns):
        raise NoSuchTable(f"this database has no table {name} with the columns {', '.join(columns)}")
    return table._replace(columns=columns)


def add(table: Table, lines: Iterable[bytes]) -> int:
    """Add the rows that are missing, in the transaction of the caller; return how many.

    Submissions get an empty body, which nobody can open. Raises django.db.DatabaseError.
    """
    fetch(_SPELLING)
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.execute(
            sql.SQL("CREATE TEMP TABLE come_back ON COMMIT DROP AS SELECT {} FROM {} LIMIT 0").format(
                _columns(table), sql.Identifier(table.name)
            )
        )
        with cursor.copy(sql.SQL("COPY come_back ({}) FROM STDIN").format(_columns(table))) as copy:
            for line in lines:
                copy.write(line)
        more, value = ("body,", "''::bytea,") if table.name == "lineage_submission" else ("", "")
        cursor.execute(
            sql.SQL("INSERT INTO {} ({} {}) SELECT {} {} FROM come_back ON CONFLICT DO NOTHING").format(
                sql.Identifier(table.name), sql.SQL(more), _columns(table), sql.SQL(value), _columns(table)
            )
        )
        count = cursor.rowcount
        cursor.execute("DROP TABLE come_back")
        _go_on_after(table, cursor)
    return count


def _go_on_after(table: Table, cursor: Any) -> None:
    """Let the table's next row have a key that is larger than those there are."""
    sequence = "lineage_submission_number" if table.key == "number" else ""
    if not sequence:
        cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table.name, table.key])
        sequence = cursor.fetchone()[0]
    if sequence and (last := newest(table)) > 0:
        cursor.execute(
            f"SELECT setval(%s, greatest(%s, (SELECT last_value FROM {sequence})))", [sequence, last]
        )


def _columns(table: Table) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, table.columns))
