"""Fills an installation with the sample factory, through its own doors."""

import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from factory.sample.people import make_people, make_tokens, revoke_tokens
from factory.sample.send import NotTaken, present, send, standing_anchor


class Command(BaseCommand):
    help = "Tell the story of the sample bank to a running Plumbline, through its doors."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--url",
            default=f"http://127.0.0.1:{settings.PORT}",
            help="where Plumbline answers (default: %(default)s)",
        )
        parser.add_argument(
            "--anchor",
            type=date.fromisoformat,
            metavar="DATE",
            help="the story's last day (default: yesterday)",
        )
        parser.add_argument(
            "--again",
            action="store_true",
            help="send it although it is there; every event is then a repeat",
        )

    def handle(self, *args: Any, url: str, anchor: date | None, again: bool, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The sample makes people with known passwords: it is for trial mode only.")
        if present() and not again:
            self.stdout.write("The sample factory is here already; --again sends it once more, as repeats.")
            return
        anchor = self._anchor(anchor)
        try:
            import httpx
            import requests

            from factory.sample.clock import Clock
            from factory.sample.story import tell
        except ImportError as error:
            raise CommandError(f"The sample needs the dependency group `sample`: {error}") from None

        story = tell(Clock(anchor))
        make_people()
        started = datetime.now(UTC)
        try:
            secrets = make_tokens()
            with tqdm(
                total=len(story), desc="Sample factory", unit=" events", file=sys.stderr, disable=None
            ) as bar:
                send(story, url.rstrip("/"), secrets, bar.update)
        except NotTaken as error:
            raise CommandError(f"The sample was not taken: {error}") from None
        except (httpx.TransportError, requests.RequestException) as error:
            raise CommandError(f"{url} does not take the sample: {error}") from None
        finally:
            revoke_tokens()
        self._summary(story, anchor, (datetime.now(UTC) - started).total_seconds())

    def _anchor(self, asked: date | None) -> date:
        """The story's last day. One that has begun to be told is told on, with its own last day."""
        standing = standing_anchor()
        if asked and standing and asked != standing:
            raise CommandError(f"The sample here ends on {standing}; a second one would contradict it.")
        anchor = asked or standing or datetime.now(UTC).date() - timedelta(days=1)
        if anchor >= datetime.now(UTC).date():
            raise CommandError(
                "The story's last day must be over (in UTC): events of the future are refused."
            )
        return anchor

    def _summary(self, story: Any, anchor: date, seconds: float) -> None:
        events = [*story.frame, *(event for told in story.events.values() for event in told), story.incident]
        kinds = Counter(event.body["type"] for event in events)
        self.stdout.write(
            f"Sample factory: {len(story)} events in {seconds:.0f} s; its last day is {anchor}."
        )
        self.stdout.write(
            f"  {sum(map(len, story.runs.values())):6} OpenLineage events of pipelines and trainings"
        )
        for kind, count in sorted(kinds.items()):
            self.stdout.write(f"  {count:6} {kind}")
        self.stdout.write(f"  {len(story.faults):6} broken ones, refused and kept in quarantine")
