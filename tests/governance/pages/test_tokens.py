import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.audit.models import Entry
from governance.people.authentication import authenticated
from governance.people.issue_token import issue_token
from governance.people.models import ApiToken
from tests import personas

pytestmark = pytest.mark.django_db
NEW = {"name": "dbt", "doors": ["openlineage"], "namespaces": " bank* \r\n\r\nshop\r\n", "expires": "90"}


@pytest.fixture
def dave(client: Client) -> Client:
    client.force_login(personas.dave())
    return client


@pytest.fixture
def alice(client: Client) -> Client:
    client.force_login(personas.alice())
    return client


def test_the_list_costs_the_same_however_long(dave: Client, django_assert_max_num_queries) -> None:
    for number in range(30):
        issue_token(f"source {number}", doors=["all"])
    with django_assert_max_num_queries(5):
        page = dave.get(reverse("governance:tokens"))
    assert page.status_code == 200 and page.content.count(b"/revoke/") == 30


@pytest.mark.parametrize("state", ["active", "expired", "revoked"])
def test_the_list_is_narrowed_by_state(dave: Client, state: str) -> None:
    made = {
        name: ApiToken.objects.get(pk=issue_token(name, doors=["all"]).id) for name in ("active", "revoked")
    }
    dave.post(reverse("governance:revoke-token", args=[made["revoked"].pk]))
    past = timezone.now() - timedelta(days=1)
    ApiToken.objects.create(
        name="expired", doors=["all"], digest=b"e" * 32, created_at=past - timedelta(days=1), expires_at=past
    )
    answer = dave.get(reverse("governance:tokens"), {"state": state, "format": "csv"})
    lines = answer.getvalue().decode().splitlines()[1:]
    assert [line.split(",")[:3] for line in lines] == [[state, "Every door and every question", state]]


def test_a_token_is_made_and_shown_once(dave: Client) -> None:
    assert dave.get(reverse("governance:create-token")).status_code == 200
    page = dave.post(reverse("governance:create-token"), NEW)
    secret = re.search(r"plb_[\w-]{43}", page.content.decode())
    assert page.status_code == 200 and secret and "no-store" in page["Cache-Control"]
    _, grant = authenticated(secret[0])
    assert grant.scope.namespaces == ("bank*", "shop") and grant.scope.event_types == ()
    assert secret[0] not in dave.get(reverse("governance:tokens")).content.decode()
    entry = Entry.objects.get(action="token.created")
    assert entry.actor_id == str(personas.dave().pk) and entry.detail["name"] == "dbt"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, "This field is required"),
        ({"doors": []}, "Choose at least one"),
        ({"doors": ["window"]}, "not one of the available choices"),
        ({"expires": "7000"}, "not one of the available choices"),
        ({"namespaces": "n" * 501}, "longer than 500"),
        ({"name": "airflow"}, "already; revoke it first"),
    ],
)
def test_the_form_says_what_is_wrong(dave: Client, change: dict[str, object], words: str) -> None:
    personas.airflow()
    page = dave.post(reverse("governance:create-token"), NEW | change)
    assert page.status_code == 422 and words in page.content.decode()
    assert ApiToken.objects.count() == 1


def test_a_token_is_revoked_after_one_more_question(dave: Client) -> None:
    token = ApiToken.objects.get(pk=personas.airflow().id)
    page = reverse("governance:revoke-token", args=[token.pk])
    assert b"airflow" in dave.get(page).content
    token.refresh_from_db()
    assert token.state == "active"
    assert dave.post(page).status_code == 302
    token.refresh_from_db()
    assert token.state == "revoked" and token.revoked_by == personas.dave()
    assert Entry.objects.filter(action="token.revoked").count() == 1
    assert dave.post(page).status_code == 302
    assert Entry.objects.filter(action="token.revoked").count() == 1


def test_others_look_and_do_not_touch(alice: Client) -> None:
    token = personas.airflow()
    page = alice.get(reverse("governance:tokens")).content.decode()
    assert "airflow" in page and "/revoke/" not in page and "Only an administrator" in page
    assert alice.get(reverse("governance:create-token")).status_code == 403
    assert alice.post(reverse("governance:create-token"), NEW).status_code == 403
    assert alice.post(reverse("governance:revoke-token", args=[token.id])).status_code == 403
    assert ApiToken.objects.get().state == "active"


@pytest.mark.parametrize("name", ["governance:tokens", "governance:create-token", "governance:audit"])
def test_strangers_are_asked_to_sign_in(client: Client, name: str) -> None:
    answer = client.get(reverse(name))
    assert answer.status_code == 302 and answer["Location"].startswith(reverse("account_login"))


def test_a_token_opens_no_page(client: Client) -> None:
    answer = client.get(reverse("governance:tokens"), headers=personas.bearer(personas.everything()))
    assert answer.status_code == 302


def test_forms_need_their_csrf_token() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(personas.dave())
    assert client.post(reverse("governance:create-token"), NEW).status_code == 403
