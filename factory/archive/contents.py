"""What of the database goes into an archive: every table but those named here, with the reason."""

from typing import NamedTuple

from factory.kit.bulk import fetch

#: Tables that stay out. Whatever else lies in the schema is in the archive, whoever made it.
LEFT_OUT = {
    "django_migrations": "the manifest names the migrations, which a restore runs",
    "django_session": "its rows are what a browser shows to be let in; after a restore people sign in again",
    "account_emailconfirmation": "its rows are what a link in a mail shows to be let in",
    "factory_cache": "counts of failed sign-ins, which may be empty at any time",
}


class Table(NamedTuple):
    """A table and its columns in their order, computed ones left out; `size` is what it takes on disk."""

    name: str
    columns: tuple[str, ...]
    size: int


class Sequence(NamedTuple):
    """Where a sequence stands, as `setval` takes it."""

    name: str
    value: int
    called: bool


def tables() -> list[Table]:
    """Return every table that goes into an archive, by name."""
    found = fetch(
        """SELECT c.relname, pg_total_relation_size(c.oid),
                  array_agg(a.attname::text ORDER BY a.attnum)
           FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
           WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
             AND c.relnamespace = current_schema()::regnamespace
             AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
           GROUP BY c.oid, c.relname, c.relkind ORDER BY c.relname COLLATE "C" """
    )
    return [Table(name, tuple(columns), size) for name, size, columns in found if name not in LEFT_OUT]


def sequences() -> list[Sequence]:
    """Return where every sequence stands. Not under the snapshot: never behind it, perhaps ahead."""
    found = fetch(
        """SELECT s.sequencename, coalesce(s.last_value, s.start_value), s.last_value IS NOT NULL
           FROM pg_sequences s WHERE s.schemaname = current_schema() ORDER BY 1"""
    )
    left_out = tuple(f"{name}_id_seq" for name in LEFT_OUT)
    return [Sequence(*row) for row in found if row[0] not in left_out]


def migrations() -> list[tuple[str, str]]:
    """Return (app, name) of every migration that was applied, in the order in which they were."""
    return [(app, name) for app, name in fetch("SELECT app, name FROM django_migrations ORDER BY id")]


def nothing_there() -> bool:
    """Say whether the schema is empty: no table, no view, no sequence."""
    return not fetch(
        "SELECT 1 FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
        " AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f') LIMIT 1"
    )
