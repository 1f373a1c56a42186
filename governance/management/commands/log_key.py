"""manage.py log_key: makes, shows and rotates the keys that sign the audit log; see docs/keys.md."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from factory.kit.recording import CONSOLE
from governance.audit.signing.begin_log import CanNotBegin, follow
from governance.audit.signing.keys import PublishedKey, held, published_keys, signers, too_open
from governance.audit.signing.private_keys import BadKey, new_key
from governance.audit.signing.rotate_key import OVERLAP, CanNotRotate, rotate
from governance.audit.store import current_log
from governance.audit.tlog.notes import Ed25519Signer


class Command(BaseCommand):
    help = "Make, show and rotate the keys that sign the audit log (docs/keys.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        new = acts.add_parser(
            "new", help="print a new private key on standard output, the public key beside it"
        )
        new.add_argument("name", nargs="?", default="", help="the origin of the log (default: LOG_ORIGIN)")
        acts.add_parser("show", help="print the public keys of the log, and which one signs now")
        rotated = acts.add_parser("rotate", help="take the new key in LOG_KEY into use; it is put on record")
        rotated.add_argument(
            "--overlap",
            type=float,
            default=OVERLAP.days,
            metavar="DAYS",
            help="how long the former key signs too (default: %(default)s)",
        )
        begun = acts.add_parser("follow", help="begin a new log that cites this one, whose key is lost")
        begun.add_argument("--reason", required=True, help="why; it stands in the first entry")

    def handle(self, *args: Any, act: str, **options: Any) -> None:
        try:
            getattr(self, act)(options)
        except (BadKey, CanNotRotate, CanNotBegin) as problem:
            raise CommandError(str(problem)) from None

    def new(self, options: dict[str, Any]) -> None:
        private = new_key(options["name"] or settings.LOG_ORIGIN)
        self.stdout.write(private)
        self.stderr.write(f"public key: {Ed25519Signer.parse(private).key}")

    def show(self, options: dict[str, Any]) -> None:
        log = current_log()
        self.stdout.write(f"log {log.origin if log else settings.LOG_ORIGIN}")
        published = published_keys(log) if log else []
        for each in published:
            self.stdout.write(f"{each.key}\n  {_use(each)}")
        known = [each.key for each in published]
        for signer in held():
            if signer.key not in known:
                use = "`manage.py log_key rotate` takes it into use" if log else "the log begins with it"
                self.stdout.write(f"{signer.key}\n  in LOG_KEY, not in use: {use}")
        for line in too_open():
            self.stderr.write(f"warning: {line}")
        signers()  # refuses where LOG_KEY and the record don't agree

    def rotate(self, options: dict[str, Any]) -> None:
        row = rotate(timedelta(days=options["overlap"]), CONSOLE)
        self.stdout.write(
            f"from now on {row.key} signs; the key before it signs too until "
            f"{row.former_until:%Y-%m-%d %H:%M} UTC. Take it out of LOG_KEY after that, not before."
        )

    def follow(self, options: dict[str, Any]) -> None:
        log = follow(options["reason"], CONSOLE)
        assert log.cites is not None
        self.stdout.write(
            f"the log {log.origin} has begun; it cites {log.cites['origin']} with {log.cites['size']} entries"
        )


def _use(each: PublishedKey) -> str:
    since = f"since {each.since:%Y-%m-%d %H:%M} UTC"
    if each.current:
        return f"signs {since}"
    return f"signed {since}, until {each.until:%Y-%m-%d %H:%M} UTC"
