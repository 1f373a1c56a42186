"""manage.py prune: deletes the beginning of the log that nothing keeps any longer."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from factory.kit.recording import CONSOLE
from governance.audit.retention.models import Pruning
from governance.audit.retention.prune import work_on
from governance.audit.retention.work import PruningRefused, begin


class Command(BaseCommand):
    help = (
        "Delete the beginning of the log up to the first entry that a class or a legal hold keeps, after a "
        "signed snapshot of the derived state. Goes on with a pruning that was interrupted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would go")

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        try:
            pruning = begin(CONSOLE, "the console", trial=dry_run)
        except PruningRefused as refusal:
            raise CommandError(str(refusal)) from None
        with tqdm(unit="", disable=None) as bar:

            def act(one: Pruning, tell: Any) -> dict[str, Any]:
                def progress(done: int, total: int) -> None:
                    tell(done, total)
                    bar.set_description(one.get_stage_display())
                    bar.total = total
                    bar.update(done - bar.n)

                return work_on(one, progress)

            Pruning.work_off(str(pruning.pk), act)
        pruning.refresh_from_db()
        if pruning.error or pruning.finished_at is None:
            raise CommandError(pruning.error or "somebody else is at work on it")
        self.stdout.write(_said(pruning))


def _said(pruning: Pruning) -> str:
    first, minimum = pruning.first_index, pruning.minimum_index
    if first is None or minimum is None or minimum <= first:
        return f"Nothing to go: {pruning.kept_by}."
    verb = "would go" if pruning.trial else "are gone"
    lines = [f"Entries {first:,} to {minimum - 1:,} {verb}; {pruning.kept_by}."]
    if pruning.snapshot is not None:
        lines.append(f"Snapshot {pruning.snapshot.pk}, entry {pruning.entry_id}.")
    return "\n".join(lines)
