from typing import Any

from django.core.management.base import BaseCommand
from tqdm import tqdm

from lineage.intake.rebuild import rebuild


class Command(BaseCommand):
    help = "Drop the current-state tables and make them again from the fact rows, identically."

    def handle(self, **options: Any) -> None:
        with tqdm(unit="event", desc="Folding", disable=None) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            counts = rebuild(progress)
        self.stdout.write(f"Rebuilt {counts['nodestate']} nodes and {counts['edge']} edges.")
