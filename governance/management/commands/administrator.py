"""manage.py administrator EMAIL: makes the first person who can sign in."""

import getpass
import secrets
import sys
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.people.make_administrator import make_administrator


class Command(BaseCommand):
    help = (
        "Make a person who may do everything. Asks for the password; with --password-file reads it; with "
        "--generate, or where nobody can be asked, makes one and prints it, alone, on standard output."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="")
        parser.add_argument("--password-file", type=Path)
        parser.add_argument("--generate", action="store_true")
        parser.add_argument("--reset", action="store_true", help="give an existing person a new password")

    def handle(
        self,
        *args: Any,
        email: str,
        name: str,
        password_file: Path | None,
        generate: bool,
        reset: bool,
        **options: Any,
    ) -> None:
        generate = generate or not (password_file or sys.stdin.isatty())
        try:
            if generate:
                password = secrets.token_urlsafe(15)
            elif password_file:
                password = password_file.read_text().strip()
            else:
                password = _ask()
            make_administrator(email, password, name, reset=reset)
        except OSError as error:
            raise CommandError(f"the password file can't be read: {error}") from error
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        if generate:
            self.stdout.write(password)


def _ask() -> str:
    password = getpass.getpass("Password (12 characters or more): ")
    if getpass.getpass("The same again: ") != password:
        raise ValidationError("the two passwords differ")
    return password
