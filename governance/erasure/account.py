"""Erasing a person's account: the row stays, so that what they did stays done by somebody."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db.models import QuerySet

from factory.kit.background import Work
from governance.audit.models import Entry
from governance.audit.subjects import destroy, has_key
from governance.people.models import User

#: What pages call a person who was erased.
ERASED_NAME = "erased person"
#: Entries are counted up to here; what is more is said to be more.
COUNTED = 10_000


class Removed(NamedTuple):
    """What goes of a person with an account, or went: `keys` is the one that their data in entries lie
    under, `sign_in` what they signed in with beside the password, `named` where work names who asked."""

    accounts: int = 0
    keys: int = 0
    sessions: int = 0
    sign_in: int = 0
    named: int = 0


def count(user: User) -> Removed:
    """What would go."""
    return Removed(
        accounts=int(not is_erased(user)),
        keys=int(has_key(_subject(user))),
        sessions=sum(1 for _ in _sessions(user)),
        sign_in=sum(rows.count() for rows in _sign_in(user)),
        named=sum(rows.count() for rows in _named(user)),
    )


def entries_by(user: User) -> int:
    """How many entries name the person as who acted, `COUNTED` at most: they stay, by an id."""
    return Entry.objects.filter(actor_type="user", actor_id=str(user.pk))[:COUNTED].count()


def is_erased(user: User) -> bool:
    return user.email == _address(user.pk)


def why_not(user: User) -> str:
    """Return why this account can't be erased now; empty where it can."""
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    if user.is_superuser and not others.exists():
        return "They are the only administrator. Make somebody else one first."
    return ""


def erase(user: User) -> Removed:
    """Erase the account in the caller's transaction. Safe to repeat."""
    going = count(user)
    destroy(_subject(user))
    for session in list(_sessions(user)):
        session.delete()
    for rows in _sign_in(user):
        rows.delete()
    # counts of failed sign-ins, by address
    cache.clear()
    for rows in _named(user):
        rows.update(asked_by=ERASED_NAME)
    user.groups.clear()
    user.user_permissions.clear()
    user.email, user.name = _address(user.pk), ERASED_NAME
    user.is_active = user.is_superuser = False
    user.last_login = None
    user.set_unusable_password()
    user.save()
    return going


def _subject(user: User) -> str:
    return f"user:{user.pk}"


def _address(pk: UUID) -> str:
    # `.invalid` is no domain, for good (RFC 2606)
    return f"{pk}@erased.invalid"


def _sessions(user: User) -> Iterator[Session]:
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    for session in Session.objects.iterator():
        if store.decode(session.session_data).get("_auth_user_id") == str(user.pk):
            yield session


def _sign_in(user: User) -> list[QuerySet[Any]]:
    """What allauth keeps of a person: addresses, second factors, accounts elsewhere."""
    return [
        model._default_manager.filter(**{field.name: user})
        for model in apps.get_models()
        if model.__module__.startswith("allauth.")
        for field in model._meta.fields
        if field.related_model is User
    ]


def _named(user: User) -> list[QuerySet[Any]]:
    return [
        model._default_manager.filter(actor__0="user", actor__1=str(user.pk)).exclude(asked_by=ERASED_NAME)
        for model in apps.get_models()
        if issubclass(model, Work)
    ]
