"""What would only hold up a load stands aside while it runs, and is put back as it was, and checked."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from factory.kit.bulk import fetch

_FOREIGN_KEYS = """
    SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),
           format('ALTER TABLE %%s ADD CONSTRAINT %%I ', conrelid::regclass, conname)
               || pg_get_constraintdef(oid)
    FROM pg_constraint
    WHERE contype = 'f' AND conparentid = 0 AND connamespace = current_schema()::regnamespace
"""
_INDEXES = """
    SELECT format('DROP INDEX %%s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE c.relnamespace = current_schema()::regnamespace AND NOT c.relispartition
      AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid)
"""
_TRIGGERS = """
    SELECT format('ALTER TABLE %%s DISABLE TRIGGER %%I', t.tgrelid::regclass, t.tgname),
           format('ALTER TABLE %%s ENABLE TRIGGER %%I', t.tgrelid::regclass, t.tgname)
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND t.tgenabled = 'O' AND t.tgparentid = 0
      AND c.relnamespace = current_schema()::regnamespace
"""


@contextmanager
def indexes_stand_aside() -> Iterator[None]:
    """Drop foreign keys and indexes, and make them again at the end: far quicker than keeping them up.

    Primary keys and unique constraints stay. A foreign key that doesn't hold is found when it is made
    again. In the caller's transaction; raises IntegrityError.
    """
    _run("SET LOCAL maintenance_work_mem = '256MB'")
    foreign_keys = fetch(_FOREIGN_KEYS)
    # without foreign keys, an index that only one of them stood on is one to drop as well
    _run(*(drop for drop, _ in foreign_keys))
    indexes = fetch(_INDEXES)
    _run(*(drop for drop, _ in indexes))
    yield
    _run(*(make for _, make in indexes), *(make for _, make in foreign_keys))


@contextmanager
def triggers_stand_aside() -> Iterator[None]:
    """Disable our triggers: rows that come back have been through them. In the caller's transaction."""
    triggers = fetch(_TRIGGERS)
    _run(*(disable for disable, _ in triggers))
    yield
    _run(*(enable for _, enable in triggers))


def _run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
