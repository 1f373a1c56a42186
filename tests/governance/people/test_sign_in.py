import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from governance.audit.models import Entry
from governance.audit.subjects import personal_data
from tests import personas

pytestmark = pytest.mark.django_db


def sign_in(client: Client, email: str, password: str = personas.PASSWORD):
    return client.post(reverse("account_login"), {"login": email, "password": password})


def the_last(action: str) -> Entry:
    return Entry.objects.filter(action=action).latest("id")


@pytest.mark.parametrize("spelling", ["alice@bank.example", "Alice@Bank.Example", " ALICE@bank.example "])
def test_a_person_signs_in_with_their_address(client: Client, spelling: str) -> None:
    alice = personas.alice()
    assert sign_in(client, spelling).status_code == 302
    entry = the_last("user.signed_in")
    assert (entry.actor_type, entry.actor_id, entry.outcome) == ("user", str(alice.pk), "success")
    assert (entry.said["authentication"], entry.said["source"]) == ("password", {"service": "web"})
    assert personal_data(entry.said) == {"address": "127.0.0.1"}


def test_a_person_signs_out(client: Client) -> None:
    alice = personas.alice()
    sign_in(client, alice.email)
    assert client.post(reverse("account_logout")).status_code == 302
    assert the_last("user.signed_out").actor_id == str(alice.pk)
    assert client.get(reverse("governance:audit")).status_code == 302


def test_a_failed_attempt_is_on_record(client: Client) -> None:
    alice = personas.alice()
    assert sign_in(client, alice.email, "wrong").status_code == 200
    entry = the_last("user.signed_in")
    assert (entry.actor_type, entry.outcome, entry.targets) == ("anonymous", "denied", [f"user:{alice.pk}"])


def test_what_a_stranger_typed_is_not_kept(client: Client) -> None:
    sign_in(client, "my.secret.password@bank.example", "wrong")
    assert "secret" not in str(list(Entry.objects.values()))
    assert the_last("user.signed_in").targets == []


def test_who_has_left_stays_out(client: Client) -> None:
    sign_in(client, personas.frank().email)
    entry = the_last("user.signed_in")
    assert (entry.outcome, entry.reason) == ("denied", "the account is not active")
    assert "_auth_user_id" not in client.session


def test_five_failures_lock_the_account_even_for_the_right_password(client: Client) -> None:
    cache.clear()
    bob = personas.bob()
    for _ in range(5):
        sign_in(client, bob.email, "wrong")
    assert "_auth_user_id" not in client.session
    sign_in(client, bob.email)
    assert "_auth_user_id" not in client.session
    assert the_last("user.signed_in").reason.startswith("too many failed attempts")
    sign_in(client, personas.alice().email)
    assert "_auth_user_id" in client.session


def test_without_its_entry_nobody_is_signed_in(client: Client, settings) -> None:
    personas.alice()
    settings.AUDIT_APPEND = "tests.governance.people.test_tokens.no_room"
    client.raise_request_exception = False
    assert sign_in(client, personas.alice().email).status_code == 500
    assert "_auth_user_id" not in client.session


def test_a_new_password_ends_other_sessions(client: Client) -> None:
    alice = personas.alice()
    sign_in(client, alice.email)
    elsewhere = Client()
    sign_in(elsewhere, alice.email)
    new = "a staple of another kind"
    page = reverse("account_change_password")
    assert client.get(page).status_code == 200
    wrong = {"oldpassword": "wrong", "password1": new, "password2": new}
    assert client.post(page, wrong).status_code == 200
    assert not Entry.objects.filter(action="user.password_changed").exists()
    assert client.post(page, wrong | {"oldpassword": personas.PASSWORD}).status_code == 302
    assert the_last("user.password_changed").actor_id == str(alice.pk)
    assert client.get(reverse("governance:audit")).status_code == 200
    assert elsewhere.get(reverse("governance:audit")).status_code == 302


@pytest.mark.parametrize("path", ["signup/", "password/reset/", "email/", "login/code/"])
def test_nobody_signs_up_or_resets_by_mail(client: Client, path: str) -> None:
    assert client.get(f"/accounts/{path}").status_code in (302, 404)
    assert client.post(f"/accounts/{path}", {"email": "x@x.example"}).status_code in (302, 404)


@pytest.mark.parametrize("name", ["account_login", "account_inactive"])
def test_pages_for_strangers(client: Client, name: str) -> None:
    assert client.get(reverse(name)).status_code == 200


def test_forms_need_their_csrf_token() -> None:
    assert sign_in(Client(enforce_csrf_checks=True), personas.alice().email).status_code == 403
