"""manage.py erase: erases a person's data; says first what would go."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from factory.kit.recording import CONSOLE
from governance.erasure import owed
from governance.erasure.erase import Refused, ask, sweep, work
from governance.erasure.models import Erasure, Ground
from governance.erasure.plan import plan
from governance.erasure.target import NoTarget, Target


class Command(BaseCommand):
    help = (
        "Erase what is about a person. Without --yes it only says what would be destroyed. A subject digest "
        "is read from standard input, so that it stays in no shell's history."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--person", metavar="EMAIL", help="a person with an account: e-mail address or id")
        what.add_argument(
            "--subject", action="store_true", help="whom outcomes are about: the sender's subject digest"
        )
        what.add_argument("--submission", metavar="ID", help="one submission, and what was read from it")
        what.add_argument(
            "--again", action="store_true", help="erase again what a restored backup brought back"
        )
        what.add_argument(
            "--rewrite",
            action="store_true",
            help="write the tables anew that erasures have changed; locks them",
        )
        parser.add_argument("--ground", choices=[g.value for g in Ground if g != Ground.RESTORED])
        parser.add_argument("--note", default="", help="e.g. the case's number; no names")
        parser.add_argument("--yes", action="store_true", help="do it; it can't be undone")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["rewrite"]:
            return sweep(whole=True)
        if options["again"]:
            owed.erase_again()
            for asked in Erasure.objects.filter(finished_at=None, ground=Ground.RESTORED):
                self._work(asked)
            return None
        try:
            target = self._target(options)
            self._say(target)
            if not options["yes"]:
                self.stdout.write("Nothing was done. With --yes and --ground it is.")
                return None
            if not options["ground"]:
                raise CommandError("say on what --ground")
            asked = ask(
                target, actor=CONSOLE, asked_by="the console", ground=options["ground"], note=options["note"]
            )
        except (NoTarget, Refused) as why:
            raise CommandError(str(why)) from None
        self._work(asked)
        return None

    def _target(self, options: dict[str, Any]) -> Target:
        if options["person"]:
            return Target.of_person(options["person"])
        if options["submission"]:
            return Target.of_submission(options["submission"])
        return Target.of_subject(sys.stdin.readline())

    def _say(self, target: Target) -> None:
        found = plan(target)
        self.stdout.write(f"{target}")
        for name, number in (found.counts._asdict() | found.removed._asdict()).items():
            if number:
                self.stdout.write(f"  {name.replace('_', ' ')}: {number:,}")
        if found.nothing:
            self.stdout.write("  nothing is there")

    def _work(self, asked: Erasure) -> None:
        Erasure.work_off(str(asked.pk), work)
        asked.refresh_from_db()
        if asked.error:
            raise CommandError(asked.error)
        sweep()
        self.stdout.write(f"erased, entry {asked.entry_id}")
