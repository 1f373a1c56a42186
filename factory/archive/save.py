"""Makes an archive of the database: one snapshot, written, read back, and only then given its name."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from psycopg import sql

from factory.archive import contents, keys, log
from factory.archive.container import Reader, Writer
from factory.archive.progress import Say, counted
from factory.kit.bulk import fetch
from factory.kit.recording import CONSOLE, record
from factory.kit.times import format_time

#: The revision of the archive's form.
FORMAT = 1
_GATHER = 256 * 1024


def save(file: Path, say: Say) -> dict[str, Any]:
    """Write an archive of the whole database to `file` and return its manifest.

    What others write meanwhile is not in it, and they wait for nothing. Puts it on record.

    Raises FileExistsError, OSError (the disk is full, the folder is missing), DatabaseError, and BadArchive
    where what was read back is not what was written; in every case nothing is left at `file`.
    """
    with Writer(file) as writer:
        manifest = _write(writer, say)
        writer.seal(manifest, keys.seal_key())
        digest = _read_back(writer.draft, say)
        writer.publish()
    with transaction.atomic():
        record(
            "archive.made",
            actor=CONSOLE,
            after=digest,
            detail={"rows": rows_of(manifest), "logs": log.heads_of(manifest)},
        )
    return manifest


def _write(writer: Writer, say: Say) -> dict[str, Any]:
    with transaction.atomic(durable=True):
        _run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        manifest: dict[str, Any] = {
            "format": FORMAT,
            "made_at": format_time(datetime.now(UTC)),
            "product": settings.SPECTACULAR_SETTINGS["VERSION"],
            "server": fetch("SHOW server_version")[0][0],
            "keys": keys.fingerprints(),
            "logs": log.heads(),
            "migrations": contents.migrations(),
            "left_out": contents.LEFT_OUT,
            "columns": {},
            "tables": {},
        }
        tables = contents.tables()
        with counted("Saving", sum(table.size for table in tables), say) as progress:
            for table in tables:
                member = writer.add(table.name, copy_out(table), progress)
                manifest["columns"][table.name] = table.columns
                manifest["tables"][table.name] = member._asdict()
        # read last: what was handed out up to here may stand in the rows
        manifest["sequences"] = [sequence._asdict() for sequence in contents.sequences()]
    return manifest


def copy_out(table: contents.Table) -> Iterator[bytes]:
    """Yield the rows of the table in COPY's text format, in pieces that end with a row."""
    statement = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(
        sql.SQL(", ").join(map(sql.Identifier, table.columns)), sql.Identifier(table.name)
    )
    gathered = bytearray()
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        for row in copy:
            gathered += row
            if len(gathered) >= _GATHER:
                yield bytes(gathered)
                gathered.clear()
    if gathered:
        yield bytes(gathered)


def _read_back(file: Path, say: Say) -> bytes:
    with (
        Reader(file) as reader,
        counted("Reading back", reader.packed_size + reader.size, say) as progress,
    ):
        digest = reader.check(progress)
        log.check_tiles(reader, progress)
        return digest


def rows_of(manifest: dict[str, Any]) -> int:
    """How many rows an archive has."""
    return sum(table["rows"] for table in manifest["tables"].values())


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
