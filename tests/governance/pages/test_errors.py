"""What a person sees when something is not there, not theirs, or broken."""

import pytest
from django.db import OperationalError
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse

from factory.kit.problems import bad_request, server_error
from tests import personas

pytestmark = pytest.mark.django_db


def test_what_is_not_there(client: Client) -> None:
    client.force_login(personas.alice())
    page = client.get("/nowhere/")
    assert page.status_code == 404 and b"There is no such page" in page.content


def test_what_is_not_theirs(client: Client) -> None:
    client.force_login(personas.alice())
    page = client.get(reverse("governance:create-token"))
    assert page.status_code == 403 and b"Only an administrator" in page.content


@pytest.mark.parametrize("path", ["/api/v1/lineage", "/v1/traces", "/access/v1/evaluation", "/nowhere/"])
def test_faults_look_like_the_interface_they_came_through(path: str) -> None:
    request: HttpRequest = RequestFactory().get(path)
    kind = "text/html" if path == "/nowhere/" else "application/problem+json"
    for answer, status in ((server_error(request), 500), (bad_request(request, Exception()), 400)):
        assert answer.status_code == status
        assert answer["Content-Type"].startswith(kind)


def test_a_database_that_is_down_is_503_even_before_a_view() -> None:
    try:
        raise OperationalError("connection refused")
    except OperationalError:
        answer = server_error(RequestFactory().get("/api/v1/lineage"))
    assert answer.status_code == 503 and answer["Retry-After"]


def test_a_page_says_that_the_database_is_away() -> None:
    try:
        raise OperationalError("the connection was refused")
    except OperationalError:
        answer = server_error(RequestFactory().get("/audit/"))
    assert answer.status_code == 503 and answer["Retry-After"]
    assert "can't answer now" in answer.content.decode()


def test_no_shared_cache_keeps_a_page(client: Client) -> None:
    client.force_login(personas.alice())
    assert client.get("/audit/")["Cache-Control"] == "private, no-cache"
    assert "no-store" in client.get("/log/")["Cache-Control"]
