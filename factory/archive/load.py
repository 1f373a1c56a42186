"""Puts an archive into an empty database: all of it in one transaction, or nothing."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from psycopg import sql

from factory.archive import contents, keys, log
from factory.archive.container import Reader
from factory.archive.progress import Say, counted
from factory.archive.save import FORMAT
from factory.archive.standing_aside import indexes_stand_aside, triggers_stand_aside
from factory.kit.bulk import fetch


class CanNotRestore(Exception):
    """This archive can't go into this database; nothing was written. The message says what to do."""


class OtherKeys(CanNotRestore):
    """The keys here are not those that the archive's data are encrypted under."""


class Checked(NamedTuple):
    """What was found of an archive: its SHA-256 under the seal, and which keys here are others."""

    digest: bytes
    other_keys: tuple[str, ...]


def check(reader: Reader, say: Say, *, other_keys: bool) -> Checked:
    """Check the whole archive, the keys and the database, and write nothing.

    With `other_keys` it is no obstacle that keys here are others than the archive's.

    Raises BadArchive, CanNotRestore, OtherKeys.
    """
    manifest = reader.manifest
    if manifest["format"] != FORMAT:
        raise CanNotRestore(
            f"{reader.file} is of the form {manifest['format']}, which this Plumbline doesn't know; "
            f"restore it with Plumbline {manifest['product']}, which made it, or with a newer one"
        )
    others = tuple(
        name for name, value in keys.fingerprints().items() if manifest["keys"].get(name, value) != value
    )
    if manifest["logs"] and not log.is_signed_by_us(manifest["logs"][-1]):
        others += ("LOG_KEY",)
    if others and not other_keys:
        raise OtherKeys(
            f"{' and '.join(others)} here {'is' if len(others) == 1 else 'are'} not what the archive was "
            "made with. Put the old key in its place (in trial mode the file "
            f"{' and '.join(f'keys/{name.lower()}' for name in others)} under PLUMBLINE_VAR, else the "
            "setting) and restore again. Where it is lost, --other-keys restores what doesn't need it"
        )
    if not contents.nothing_there():
        raise CanNotRestore(
            "the database is not empty, and an archive goes into an empty one only. Make a new database, or "
            "stop Plumbline and move the folder `postgresql` of PLUMBLINE_VAR away; then restore again"
        )
    with counted("Checking", reader.packed_size + reader.size, say) as progress:
        digest = reader.check(progress)
        log.check_tiles(reader, progress)
    if "BODY_KEY" not in others and not reader.is_sealed_by(digest, keys.seal_key()):
        raise CanNotRestore(f"the seal of {reader.file} was not made with BODY_KEY: somebody has changed it")
    return Checked(digest, others)


def load(reader: Reader, say: Say, then: Callable[[], None]) -> None:
    """Load a checked archive, bring it to this Plumbline's form, call `then`, and commit it all.

    Raises CanNotRestore, BadArchive, DatabaseError; then the database is as empty as it was.
    """
    with transaction.atomic(durable=True):
        _make_tables(reader)
        with triggers_stand_aside(), indexes_stand_aside():
            _fill_tables(reader, say)
            say("Making the indexes")
        say("Recomputing the log from its entries")
        _run("ANALYZE governance_place, governance_entry, governance_tile")
        if difference := log.first_difference():
            raise CanNotRestore(f"the entries in the archive are not those that {difference} was made of")
        _set_sequences(reader.manifest["sequences"])
        ContentType.objects.clear_cache()
        call_command("migrate", interactive=False, verbosity=0)
        then()
    say("Gathering statistics")
    _run("ANALYZE")


def _make_tables(reader: Reader) -> None:
    """Make the tables as they were when the archive was made."""
    wanted = [(app, name) for app, name in reader.manifest["migrations"]]
    executor = MigrationExecutor(connection)
    if unknown := [f"{app}.{name}" for app, name in wanted if (app, name) not in executor.loader.graph.nodes]:
        raise CanNotRestore(
            f"the archive was made by Plumbline {reader.manifest['product']}, whose migrations "
            f"{', '.join(unknown)} this one doesn't have; restore it with that one or a newer one"
        )
    executor.migrate(wanted)
    here = {table.name: list(table.columns) for table in contents.tables()}
    said = reader.manifest["columns"]
    if different := sorted(name for name in here.keys() | said.keys() if here.get(name) != said.get(name)):
        raise CanNotRestore(
            f"the archive was made by another Plumbline ({reader.manifest['product']}), whose "
            f"{', '.join(different)} has other columns; restore it with that one"
        )


def _fill_tables(reader: Reader, say: Say) -> None:
    names = sorted(reader.tables)
    # migrations put rows into some; and what was emptied in this transaction is loaded frozen
    _run(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, names))))
    with counted("Loading", reader.size, say) as progress:
        for name in names:
            loaded = _copy_in(name, reader.manifest["columns"][name], reader.pieces(name), progress)
            if loaded != reader.tables[name].rows:
                raise CanNotRestore(
                    f"{loaded:,} rows of {name} arrived, the archive has {reader.tables[name].rows:,}"
                )


def _copy_in(name: str, columns: list[str], pieces: Iterable[bytes], progress: Callable[[int], None]) -> int:
    statement = sql.SQL("COPY {} ({}) FROM STDIN WITH (FREEZE)").format(
        sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor:
        with connection.wrap_database_errors, cursor.copy(statement) as copy:
            for piece in pieces:
                copy.write(piece)
                progress(len(piece))
        return cursor.rowcount


def _set_sequences(said: list[dict[str, Any]]) -> None:
    for sequence in said:
        fetch(
            "SELECT setval(format('%%I.%%I', current_schema(), %s::text)::regclass, %s, %s)",
            [sequence["name"], sequence["value"], sequence["called"]],
        )


def _run(statement: str | sql.Composed) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
