"""Installations of their own: a database and a folder each, to be backed up, destroyed and restored."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from django.test import override_settings

from factory.archive.contents import LEFT_OUT
from factory.children import HOME
from factory.kit.recording import SYSTEM, record
from governance.audit.sequencer import Sequencer
from governance.audit.signing.keys import verifier_keys
from governance.audit.store import current_log, head_of, reader, signed_note
from governance.audit.tlog.export import files_of, write_archive
from governance.audit.verify.asked import Trust
from governance.audit.verify.check import verify
from governance.audit.verify.report import Report
from governance.audit.verify.stores import Archive
from tests.conformance.plant import Plant, drop_database, named
from tests.lineage.stories import declared, ran, send

#: Written at the end of a restore or a backup only, so no part of what came back.
_OURS = ("archive.made", "archive.restored")


class House:
    """One installation: an empty database until it is migrated or restored into."""

    def __init__(self, folder: Path) -> None:
        self.var = folder / "var"
        for part in ("run", "log", "keys"):
            (self.var / part).mkdir(parents=True)
        self.name = f"plumb_house_{uuid4().hex[:12]}"
        self.url = named(settings.DATABASE_URL, self.name)
        self._plant = Plant(self.url, self.var)
        self.make_empty()

    def make_empty(self, template: str = "template1") -> None:
        drop_database(self.url)
        with psycopg.connect(named(self.url, "postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{self.name}" TEMPLATE "{template}"'.encode())

    def become_as(self, other: "House") -> None:
        """Have a copy of the database of `other`, to which nobody is connected."""
        self.make_empty(other.name)

    def pull_down(self) -> None:
        drop_database(self.url)

    @contextmanager
    def inside(self, **changed: Any) -> Iterator[None]:
        """Make this process one of the installation, with settings `changed`."""
        with self._plant.as_default(), override_settings(VAR=self.var, **changed):
            yield

    def manage(self, *arguments: object, **changed: Any) -> str:
        """Run a command inside this process; return what it printed. Raises CommandError."""
        output = StringIO()
        with self.inside(**changed):
            call_command(*map(str, arguments), stdout=output, stderr=output)
        return output.getvalue()

    def process(self, *arguments: object) -> "subprocess.Popen[str]":
        """Start a command of manage.py as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "manage.py", *map(str, arguments)],
            cwd=HOME,
            env=self._plant.environ() | {"LOG_KEY": settings.LOG_KEY, "LOG_ORIGIN": settings.LOG_ORIGIN},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    # --- its life ---------------------------------------------------------------------------------
    def live(self, morning: int = 0, entries: int = 300) -> None:
        """Take in two events that no other `morning` has, and have entries written and sequenced."""
        with self.inside():
            send(ran(f"night {morning}", morning, reads=["raw"], writes=["clean"]))
            send(declared("raw", str(morning), morning))
            with transaction.atomic():
                for number in range(entries):
                    record("page.read", actor=SYSTEM, detail={"morning": morning, "number": number})
            sequencer = Sequencer()
            while sequencer.round():
                pass

    def export(self, file: Path) -> Path:
        """Write the log as it is served to a ZIP."""
        with self.inside():
            log = current_log()
            assert log is not None
            head = head_of(log)
            assert head is not None
            write_archive(file, files_of(signed_note(head), head.size, reader(log)))
        return file

    def verified(self, folder: Path) -> Report:
        """Verify the log as an auditor does."""
        with self.inside():
            log = current_log()
            assert log is not None
            store = Archive(self.export(folder / f"{uuid4().hex}.zip"))
            return verify(store, Trust(verifier_keys(log), origin=log.origin))

    # --- its rows ---------------------------------------------------------------------------------
    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self._plant.rows(query)

    def tables(self) -> list[str]:
        """Whatever holds rows of its own."""
        return [
            name
            for (name,) in self.rows(
                "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p', 'm', 'f')"
                " AND NOT relispartition AND relnamespace = 'public'::regnamespace ORDER BY 1"
            )
        ]

    def digests(self) -> dict[str, Any]:
        """The number and the digest of every table's rows, in no order."""
        ours = ", ".join(f"'{action}'" for action in _OURS)
        also = {
            "governance_entry": f"WHERE action NOT IN ({ours})",
            "governance_waiting": "WHERE entry_id NOT IN "
            f"(SELECT id FROM governance_entry WHERE action IN ({ours}))",
        }
        return {
            name: self.rows(
                f'SELECT count(*), md5(string_agg(t::text, chr(10) ORDER BY t::text COLLATE "C"))'
                f' FROM "{name}" t {also.get(name, "")}'
            )
            for name in self.tables()
            if name not in LEFT_OUT
        }

    def form(self) -> list[tuple[Any, ...]]:
        """Every index, constraint, trigger and sequence, as the database spells them."""
        return self.rows(
            """SELECT 'index', pg_get_indexdef(indexrelid), indisvalid::text FROM pg_index
               WHERE indrelid::regclass::text !~ '^pg_'
               UNION ALL SELECT conname, pg_get_constraintdef(oid), convalidated::text FROM pg_constraint
               WHERE connamespace = 'public'::regnamespace
               UNION ALL SELECT tgname, pg_get_triggerdef(oid), tgenabled::text FROM pg_trigger
               WHERE NOT tgisinternal
               UNION ALL SELECT sequencename, last_value::text, '' FROM pg_sequences
               WHERE sequencename !~ '^django' ORDER BY 1, 2"""
        )

    @property
    def is_empty(self) -> bool:
        return not self.tables()
