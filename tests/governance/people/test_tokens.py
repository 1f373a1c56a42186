import hashlib
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed

from factory.kit.grants import Grant, issue_token
from factory.kit.recording import Actor
from governance.audit.models import Entry
from governance.people import authentication
from governance.people.authentication import authenticated
from governance.people.issue_token import TokenRefused
from governance.people.models import ApiToken
from governance.people.revoke_token import revoke_token
from tests import personas

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_new_process() -> None:
    authentication._remembered.clear()


def as_person(user):
    request = RequestFactory().post("/settings/tokens/new/")
    request.user = user
    return request


def test_only_a_digest_is_kept() -> None:
    issued = personas.airflow()
    token = ApiToken.objects.get(pk=issued.id)
    assert issued.secret.startswith("plb_") and len(issued.secret) == 47
    assert bytes(token.digest) == hashlib.sha256(issued.secret.encode()).digest()
    assert Entry.objects.get(action="token.created").targets == [f"token:{issued.id}"]
    assert issued.secret not in str(list(Entry.objects.values()))


def test_a_token_tells_its_source() -> None:
    machine, grant = authenticated(personas.airflow().secret)
    assert isinstance(grant, Grant)
    assert grant.name == "airflow"
    assert grant.may_use("openlineage") and not grant.may_use("questions")
    assert grant.may_send("RunEvent", "bank.credit") is None
    assert grant.may_send("RunEvent", "shop") == "this token may not speak for the namespace 'shop'"
    assert machine.is_authenticated and machine.actor == Actor("token", grant.id, authentication="token")
    assert not machine.has_perm("governance.add_apitoken")


@pytest.mark.parametrize("secret", ["", "plb_wrong", "plb_" + "ä" * 43, "x" * 100_000])
def test_a_wrong_token_is_refused(secret: str) -> None:
    with pytest.raises(AuthenticationFailed):
        authenticated(secret)


def test_an_expired_token_is_refused_even_if_it_was_just_good() -> None:
    issued = issue_token("brief", doors=["all"], expires_at=timezone.now() + timedelta(hours=1))
    authenticated(issued.secret)
    digest = hashlib.sha256(issued.secret.encode()).digest()
    until, machine, grant = authentication._remembered[digest]
    expired = grant._replace(expires_at=timezone.now() - timedelta(seconds=1))
    authentication._remembered[digest] = (until, machine, expired)
    with pytest.raises(AuthenticationFailed, match="expired"):
        authenticated(issued.secret)


def test_a_revoked_token_is_refused_within_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    issued = personas.airflow()
    authenticated(issued.secret)
    assert revoke_token(ApiToken.objects.get(pk=issued.id), as_person(personas.dave()))
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 0.6)
    with pytest.raises(AuthenticationFailed):
        authenticated(issued.secret)


def test_one_look_up_serves_many_requests() -> None:
    secret = personas.airflow().secret
    authenticated(secret)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        for _ in range(100):
            authenticated(secret)
    assert len(queries) == 0


def test_use_is_noted_once_a_minute_and_the_first_is_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    issued = personas.airflow()
    tokens = ApiToken.objects.filter(pk=issued.id)

    def used_again() -> datetime | None:
        authentication._remembered.clear()
        authenticated(issued.secret)
        return tokens.get().last_used_at

    first = used_again()
    assert first is not None and used_again() == first
    earlier = timezone.now() - timedelta(seconds=61)
    tokens.update(last_used_at=earlier)
    latest = used_again()
    assert latest is not None and latest > earlier
    assert Entry.objects.filter(action="token.first_used").count() == 1


def test_a_name_is_free_again_after_the_token_is_revoked() -> None:
    first = personas.airflow()
    with pytest.raises(TokenRefused, match="already"):
        personas.airflow()
    revoke_token(ApiToken.objects.get(pk=first.id), as_person(personas.dave()))
    assert personas.airflow().id != first.id


def test_revoking_twice_is_one_act() -> None:
    token = ApiToken.objects.get(pk=personas.airflow().id)
    dave = as_person(personas.dave())
    assert [revoke_token(token, dave), revoke_token(token, dave)] == [True, False]
    entry = Entry.objects.get(action="token.revoked")
    assert (entry.actor_type, entry.actor_id) == ("user", str(personas.dave().pk))


def test_only_an_administrator_makes_and_revokes_tokens() -> None:
    token = ApiToken.objects.get(pk=personas.airflow().id)
    with pytest.raises(PermissionDenied):
        issue_token("mine", doors=["all"], request=as_person(personas.alice()))
    with pytest.raises(PermissionDenied):
        revoke_token(token, as_person(personas.alice()))
    machine, _ = authenticated(personas.everything().secret)
    with pytest.raises(PermissionDenied):
        issue_token("mine", doors=["all"], request=as_person(machine))


@pytest.mark.parametrize(
    ("name", "doors", "bounds"),
    [
        ("", ["all"], {}),
        ("  ", ["all"], {}),
        ("a\nb", ["all"], {}),
        ("a\0b", ["all"], {}),
        ("n" * 201, ["all"], {}),
        ("shop", [], {}),
        ("shop", ["window"], {}),
        ("shop", ["all"], {"namespaces": [""]}),
        ("shop", ["all"], {"event_types": ["t" * 201]}),
    ],
)
def test_what_no_token_can_be(name: str, doors: list[str], bounds: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        issue_token(name, doors=doors, **bounds)
    assert not ApiToken.objects.exists() and not Entry.objects.exists()


def test_without_its_entry_there_is_no_token(settings) -> None:
    settings.AUDIT_APPEND = "tests.governance.people.test_tokens.no_room"
    with pytest.raises(OSError), transaction.atomic():
        personas.airflow()
    assert not ApiToken.objects.exists()


def no_room(*args: object, **fields: object) -> None:
    raise OSError("the disk is full")


@pytest.mark.parametrize(
    "wrong",
    [
        {"revoked_at": timezone.now()},
        {"expires_at": timezone.now() - timedelta(days=1)},
        {"doors": []},
        {"name": ""},
    ],
)
def test_the_database_holds_the_pairs(wrong: dict[str, object]) -> None:
    issued = personas.airflow()
    with pytest.raises(IntegrityError), transaction.atomic():
        ApiToken.objects.filter(pk=issued.id).update(**wrong)
