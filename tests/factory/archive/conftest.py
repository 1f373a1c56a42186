"""Two installations: the old house, which has lived, and the new one, whose database is empty."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.factory.archive.houses import House


@pytest.fixture(autouse=True)
def _databases_of_their_own(django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="session")
def _first(
    tmp_path_factory: pytest.TempPathFactory, django_test_environment: None, django_db_blocker: Any
) -> "Iterator[House]":
    with django_db_blocker.unblock():
        house = _house(tmp_path_factory.mktemp("first"))
        house.manage("migrate", "-v0")
        house.live()
        yield house
        house.pull_down()


@pytest.fixture
def old(tmp_path: Path, _first: "House") -> "Iterator[House]":
    house = _house(tmp_path / "old")
    house.become_as(_first)
    yield house
    house.pull_down()


@pytest.fixture
def new(tmp_path: Path) -> "Iterator[House]":
    house = _house(tmp_path / "new")
    yield house
    house.pull_down()


@pytest.fixture
def archive(old: "House", tmp_path: Path) -> Path:
    file = tmp_path / "archive.zip"
    old.manage("backup", file)
    return file


def _house(folder: Path) -> "House":
    # this file may be read before Django is set up
    from tests.factory.archive.houses import House

    return House(folder)
