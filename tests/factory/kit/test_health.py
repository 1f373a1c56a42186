"""What monitors ask."""

from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

pytestmark = pytest.mark.django_db
FAR: dict[str, Any] = {"REMOTE_ADDR": "203.0.113.9"}


def test_the_process_lives_without_sign_in(client: Client) -> None:
    assert client.get("/healthz").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_ready_commits_something(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_insert_lsn()")
        before = cursor.fetchone()
        assert client.get("/readyz").status_code == 200
        cursor.execute("SELECT pg_current_wal_insert_lsn()")
        assert cursor.fetchone() != before


@pytest.mark.django_db(transaction=True)
def test_not_ready_where_nothing_can_be_written(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        answer = client.get("/readyz")
        cursor.execute("SET default_transaction_read_only = off")
    assert answer.status_code == 503
    assert answer["Retry-After"]


def test_metrics_are_for_this_machine(client: Client) -> None:
    client.get("/healthz")
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert 'plumbline_http_requests_total{method="GET",route="healthz",status="200"}' in answer.text


@pytest.mark.parametrize(
    "elsewhere", [FAR, {"HTTP_X_FORWARDED_FOR": "203.0.113.9"}, {"HTTP_FORWARDED": "for=x"}]
)
def test_metrics_are_for_nobody_else_without_a_token(client: Client, elsewhere: dict[str, Any]) -> None:
    assert client.get("/metrics", **elsewhere).status_code in (401, 403)


def test_metrics_with_a_token(client: Client) -> None:
    from governance.people.issue_token import issue_token

    token = issue_token("prometheus", doors=["questions"])
    answer = client.get("/metrics", HTTP_AUTHORIZATION=f"Bearer {token.secret}", **FAR)
    assert answer.status_code == 200


def test_a_route_is_counted_by_its_pattern_and_not_by_what_was_asked(client: Client) -> None:
    client.get("/no/such/page/alice@bank.example")
    assert "alice@bank" not in client.get("/metrics").text


def test_the_description_of_the_interface(client: Client) -> None:
    assert client.get("/api/schema/").status_code == 200
    assert str(settings.SPECTACULAR_SETTINGS["OAS_VERSION"]).startswith("3.1")
