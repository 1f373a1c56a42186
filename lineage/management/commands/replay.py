from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandParser
from tqdm import tqdm

from factory.kit.recording import CONSOLE
from lineage.intake.doors import DOORS
from lineage.intake.replay import replay


class Command(BaseCommand):
    help = "Read kept submissions again with today's readers: those in quarantine, or all that match."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--source", default="", help="only what this source sent")
        parser.add_argument("--door", default="", choices=["", *DOORS], help="only what came by this door")
        parser.add_argument("--code", default="", help="only what was refused with this code")
        parser.add_argument("--submission", type=UUID, help="only this submission")
        parser.add_argument("--all", action="store_true", help="also what was understood before")

    def handle(self, **options: Any) -> None:
        with tqdm(unit="submission", desc="Reading", disable=None) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            counts = replay(
                actor=CONSOLE,
                source=options["source"],
                door=options["door"],
                code=options["code"],
                submission=options["submission"],
                everything=options["all"],
                progress=progress,
            )
        told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
        self.stdout.write(f"Read again: {told or 'nothing matches'}.")
