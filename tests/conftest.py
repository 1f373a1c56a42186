"""The ground of every test: real PostgreSQL, the embedded one unless DATABASE_URL names another."""

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "factory.settings")
os.environ.setdefault("PLUMBLINE_VAR", str(Path(__file__).parent.parent / "build" / "test"))


def pytest_configure(config: pytest.Config) -> None:
    from django.conf import settings

    from factory.database import running

    # Pages are tested without collecting static files first.
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    if settings.EMBEDDED_DATABASE:
        stack = ExitStack()
        config.add_cleanup(stack.close)
        stack.enter_context(running(settings.VAR))
