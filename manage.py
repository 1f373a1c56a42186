#!/usr/bin/env python
"""Django's command line for Plumbline; it has the embedded database running where a command needs it."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext

#: Commands that never ask the database.
WITHOUT_DATABASE = {"check", "collectstatic", "help", "spectacular", "version", "--help", "--version", "-h"}


def database(command: str) -> AbstractContextManager[None]:
    """Return what keeps the database running while `command` runs."""
    if command in ("migrate", "restore") and (owner := os.environ.get("DATABASE_OWNER_URL")):
        # Tables belong to a role of their own; the one that Plumbline runs as owns nothing.
        os.environ["DATABASE_URL"] = owner
    from factory import preflight

    settings = preflight.settings()
    if command in WITHOUT_DATABASE or not settings.EMBEDDED_DATABASE:
        return nullcontext()
    from factory.database import running

    return running(settings.VAR)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "factory.settings")
    from django.core.management import execute_from_command_line

    from factory.database import DatabaseProblem
    from factory.preflight import Unfit

    try:
        with database(sys.argv[1] if len(sys.argv) > 1 else "help"):
            execute_from_command_line(sys.argv)
    except (DatabaseProblem, Unfit) as problem:
        sys.exit(f"plumbline: {problem}")


if __name__ == "__main__":
    main()
