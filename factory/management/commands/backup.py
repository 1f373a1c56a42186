"""manage.py backup FILE: one consistent archive of everything in the database."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from factory.archive.container import BadArchive
from factory.archive.save import save


class Command(BaseCommand):
    help = (
        "Write everything that the database holds, as it is at one moment, into one file, and read it back. "
        "Plumbline may run meanwhile. Keys are not in it: docs/backup.md says what to keep beside it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the archive to write; must not exist yet")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            manifest = save(file, self.stderr.write)
        except FileExistsError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{file} can't be written: {error.strerror or error}") from error
        except BadArchive as error:
            raise CommandError(f"{error}. Nothing was kept; look after the disk") from error
        except DatabaseError as error:
            there = " The archive itself is complete, but not on record." if file.exists() else ""
            raise CommandError(f"the database refused: {str(error).strip()}{there}") from error
        rows = sum(table["rows"] for table in manifest["tables"].values())
        self.stdout.write(
            f"{file}: {rows:,} rows of {len(manifest['tables'])} tables as of {manifest['made_at']}, "
            f"{file.stat().st_size / 1e6:,.1f} MB, read back and found equal.\n"
            "It can't be read without BODY_KEY; keep that elsewhere (docs/backup.md)."
        )
