"""manage.py snapshot: checks the signed snapshot of the derived state, and starts from one."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from governance.audit.models import Log
from governance.audit.retention.models import Snapshot
from governance.audit.retention.snapshot import BadSnapshot, changed_since, digest_of, load, open_file
from governance.audit.signing.keys import verifier_keys
from governance.audit.tlog.notes import NoteError, VerifierKey
from lineage.intake.rebuild import rebuild
from lineage.intake.snapshot import NoSuchTable


class Command(BaseCommand):
    help = (
        "verify FILE: hold a snapshot's file against its signature and digests. compare: hold the fact rows "
        "of this database against the newest snapshot. load FILE: add the fact rows that are missing here "
        "and rebuild the state of them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=["verify", "compare", "load"])
        parser.add_argument("file", nargs="?", type=Path)
        parser.add_argument(
            "--key",
            action="append",
            default=[],
            metavar="KEY",
            help="the log's public key, where it isn't taken from this database",
        )

    def handle(self, *, act: str, file: Path | None, key: list[str], **options: Any) -> None:
        if act != "compare" and file is None:
            raise CommandError(f"snapshot {act} takes a file")
        with tqdm(unit=" tables", disable=None) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            try:
                keys = tuple(map(VerifierKey.parse, key)) or _keys()
                said = self._act(act, file, keys, progress)
            except (BadSnapshot, NoSuchTable, NoteError, OSError) as error:
                raise CommandError(str(error)) from None
        self.stdout.write(said)

    def _act(self, act: str, file: Path | None, keys: tuple[VerifierKey, ...], progress: Any) -> str:
        if file is None:
            return _compared(progress)
        if act == "verify":
            manifest = open_file(file, keys)
            return (
                f"Good: signed by the log {manifest.origin}, made {manifest.made_at}, for the minimum index "
                f"{manifest.minimum_index}. The entry log.pruned names it by {digest_of(manifest.encode())}."
            )
        added = load(file, keys, progress)
        counts = rebuild()
        return f"Added {added:,} rows; rebuilt {counts['nodestate']:,} nodes and {counts['edge']:,} edges."


def _keys() -> tuple[VerifierKey, ...]:
    return tuple(key for log in Log.objects.all() for key in verifier_keys(log))


def _compared(progress: Any) -> str:
    newest = Snapshot.objects.order_by("-made_at").first()
    if newest is None:
        return "There is no snapshot yet."
    if changed := changed_since(newest, progress):
        raise BadSnapshot(
            f"rows of {newest.made_at:%Y-%m-%d %H:%M} UTC were changed since, by an erasure or "
            f"by hand, in {', '.join(changed)}"
        )
    return f"Every fact row of {newest.made_at:%Y-%m-%d %H:%M} UTC is as the snapshot signed it."
