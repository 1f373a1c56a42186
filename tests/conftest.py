"""The ground of every test: real PostgreSQL, the embedded one unless DATABASE_URL names another."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "factory.settings")
os.environ.setdefault("PLUMBLINE_VAR", str(Path(__file__).parent.parent / "build" / "test"))


def pytest_configure(config: pytest.Config) -> None:
    from django.conf import settings

    from factory.database import running

    # Pages are tested without collecting static files first.
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    # A thread would write past the test's transaction.
    settings.REFUSALS_WRITTEN_AFTER = 0
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    if settings.EMBEDDED_DATABASE:
        stack = ExitStack()
        config.add_cleanup(stack.close)
        stack.enter_context(running(settings.VAR))


@pytest.fixture(autouse=True)
def _queue_of_the_log(request: pytest.FixtureRequest, django_db_blocker: Any) -> Iterator[None]:
    """Empty the queue after tests that commit: it has no model, so Django doesn't flush it."""
    yield
    marker = request.node.get_closest_marker("django_db")
    if "transactional_db" in request.fixturenames or (marker and marker.kwargs.get("transaction")):
        from django.db import connection

        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM governance_waiting")
