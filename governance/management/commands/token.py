"""manage.py token NAME --scope SCOPE ...: makes an API token."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from governance.people.issue_token import TokenRefused, issue_token
from governance.people.scope import BadScope, Scope


class Command(BaseCommand):
    help = (
        "Make an API token for a source and print it, alone, on standard output. It is shown this once. "
        "A scope is `all` (every door and every question), a door (openlineage, cloudevents, otlp, mlflow, "
        "questions, audit; also written door:NAME), type:TYPE or type:PREFIX.* (only these event types), "
        "namespace:NAME or namespace:PREFIX* (only these namespaces). Scopes that only narrow open every "
        "door for sending, and no questions."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the source's name; what it sends is kept under this name")
        parser.add_argument("--scope", nargs="+", action="extend", required=True, metavar="SCOPE")
        parser.add_argument(
            "--expires", type=int, metavar="DAYS", help="days until it expires (default: never)"
        )

    def handle(self, *args: Any, name: str, scope: list[str], expires: int | None, **options: Any) -> None:
        try:
            doors, event_types, namespaces = Scope.parse(scope)
            issued = issue_token(
                name,
                doors=doors,
                event_types=event_types,
                namespaces=namespaces,
                expires_at=None if expires is None else timezone.now() + timedelta(days=expires),
            )
        except (BadScope, TokenRefused, OverflowError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(issued.secret)
