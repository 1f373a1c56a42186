"""One web process for all tests here. Every test sends in names of its own, so nothing is cleaned up."""

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from django.conf import settings

from factory.kit.grants import Issued
from tests.conformance.plant import Plant, drop_database, make_database, named


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory, django_test_environment: None, django_db_blocker: object
) -> Iterator[Plant]:
    """The web process as the plant runs it, on a database made for it."""
    name = f"{settings.DATABASE_URL.rpartition('/')[2].partition('?')[0]}_conformance"
    url = named(settings.DATABASE_URL, name)
    make_database(url)
    plant = Plant(url, tmp_path_factory.mktemp("plant"))
    try:
        plant.start()
        yield plant
    finally:
        plant.stop()
        drop_database(url)


@pytest.fixture(autouse=True)
def _rows_of_the_plant(server: Plant, django_db_blocker: object) -> Iterator[None]:
    """Let the test see the plant's rows with the product's own models."""
    with django_db_blocker.unblock(), server.as_default():  # type: ignore[attr-defined]
        yield


@pytest.fixture(scope="session")
def everything(server: Plant, django_db_blocker: object) -> Issued:
    """A token for every door and every question."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        return server.token("all")


@pytest.fixture
def client(server: Plant, everything: Issued) -> Iterator[httpx.Client]:
    """A client that holds the token for everything."""
    with server.client(everything) as client:
        yield client


@pytest.fixture
def here() -> str:
    """A namespace that no other test uses."""
    return f"ns-{uuid4().hex[:12]}"
