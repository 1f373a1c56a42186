"""People who look at pages. Models are imported by the fixtures: conftests load before Django is set up."""

import pytest
from django.test import Client


@pytest.fixture
def alice(client: Client, db: None) -> Client:
    from tests import personas

    client.force_login(personas.alice())
    return client


@pytest.fixture
def dave(db: None) -> Client:
    from tests import personas

    client = Client()
    client.force_login(personas.dave())
    return client
