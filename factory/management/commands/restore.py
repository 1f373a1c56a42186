"""manage.py restore: an archive back into an empty database, and how the log goes on then."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from factory.archive import keys
from factory.archive.container import BadArchive, Reader
from factory.archive.load import CanNotRestore, Checked, check, load
from factory.archive.log import heads_of
from factory.archive.progress import counted
from factory.kit.recording import CONSOLE, record
from governance.audit import carry_on as going_on
from governance.audit.published import check_not_behind
from governance.audit.sequencer import Refused
from governance.audit.signing.begin_log import CanNotBegin
from governance.audit.signing.private_keys import BadKey
from governance.audit.store import current_log, head_of
from governance.audit.verify.stores import Archive, Directory, Unreadable


class Command(BaseCommand):
    help = (
        "Put an archive that `backup` wrote into the empty database of this installation, all of it or "
        "nothing, and bring it to the form of this version. It is checked before anything is written. "
        "Without FILE: say how the log of the database goes on."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", help="the archive")
        parser.add_argument(
            "--continue",
            dest="carry_on",
            metavar="HOW",
            help="how the log goes on. A file or folder: an export of it, whose newer entries are taken; "
            "`new`: in a new log, under another LOG_ORIGIN and LOG_KEY, that cites this one; `here`: where "
            "it is, for nothing was signed after the archive was made",
        )
        parser.add_argument(
            "--by-other-means",
            action="store_true",
            help="say that PostgreSQL's own tools put this database back, before Plumbline starts on it",
        )
        parser.add_argument("--reason", default="", help="why, for the record")
        parser.add_argument(
            "--other-keys",
            action="store_true",
            help="restore although BODY_KEY or LOG_KEY is lost: what it opened stays closed for good",
        )

    def handle(
        self,
        *args: Any,
        file: Path | None,
        carry_on: str | None,
        reason: str,
        other_keys: bool,
        by_other_means: bool,
        **options: Any,
    ) -> None:
        if file is None and carry_on is None and not by_other_means:
            raise CommandError("say which archive to restore, or how the log goes on: restore --help")
        try:
            if file is not None:
                self.restore(file, other_keys)
            elif by_other_means:
                self.stdout.write(f"Noted, at {going_on.mark_restored(reason):,} entries of the log.")
            if carry_on is not None:
                self.carry_on(carry_on, reason)
        except (CanNotRestore, BadArchive, going_on.CanNotCarryOn, CanNotBegin, BadKey, Unreadable) as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(f"the database refused, and nothing was kept: {str(error).strip()}") from error
        self.say_whether_the_log_goes_on()

    def restore(self, file: Path, other_keys: bool) -> None:
        """Check the archive and load it."""
        try:
            with Reader(file) as reader:
                checked = check(reader, self.stderr.write, other_keys=other_keys)
                load(reader, self.stderr.write, lambda: _put_on_record(reader, checked))
                rows = sum(member.rows for member in reader.tables.values())
        except OSError as error:
            raise CommandError(f"{file} can't be read: {error.strerror or error}") from error
        # what came back is no new installation, which would be filled with the sample
        (settings.VAR / "run").mkdir(exist_ok=True)
        (settings.VAR / "run" / "sample-sent").touch()
        self.stdout.write(f"{rows:,} rows of {len(reader.tables)} tables are back.")

    def carry_on(self, how: str, reason: str) -> None:
        """Have the log go on as `how` says."""
        if how == "here":
            size = going_on.here(reason)
            self.stdout.write(f"The log goes on after its {size:,} entries.")
        elif how == "new":
            log = going_on.in_a_new_log(reason)
            self.stdout.write(f"The log {log.origin} begins; its first entry cites the one before it.")
        else:
            self.take_from(Path(how))

    def take_from(self, export: Path) -> None:
        """Take what the export has more."""
        store = Directory(export) if export.is_dir() else Archive(export)
        try:
            with counted("Verifying the export", 0, self.stderr.write) as progress:
                done = 0

                def tell(count: int, total: int) -> None:
                    nonlocal done
                    progress(count - done)
                    done = count

                taken = going_on.from_export(store, tell)
        finally:
            store.close()
        more = taken.after - taken.before
        self.stdout.write(f"The log has {taken.after:,} entries again, {more:,} of them from the export.")
        for count, what in (
            (taken.bodies, "submissions came after the backup: the log proves them, their bodies are gone"),
            (taken.apart, "entries name by digest only what was too long for the log, and that is gone"),
            (taken.erasures, "erasures were done after the backup; Plumbline does them again by itself"),
        ):
            if count:
                self.stdout.write(f"{count:,} {what}.")

    def say_whether_the_log_goes_on(self) -> None:
        """Say now what the sequencer will say when it starts."""
        log = current_log()
        if log is None:
            return
        try:
            check_not_behind(log, head_of(log))
        except Refused as why:
            self.stdout.write(f"The log does not go on yet: {why}")


def _put_on_record(reader: Reader, checked: Checked) -> None:
    detail: dict[str, Any] = {"made_at": reader.manifest["made_at"], "logs": heads_of(reader.manifest)}
    if "BODY_KEY" in checked.other_keys:
        detail["given_up"] = keys.give_up_closed()
    record("archive.restored", actor=CONSOLE, before=checked.digest, detail=detail)
