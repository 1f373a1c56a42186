"""Signing in and out, with what is put on record about it."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from factory.kit.recording import ANONYMOUS, CONSOLE, Actor, actor_of, record
from governance.people.models import User


class AccountAdapter(DefaultAccountAdapter):
    """Tells allauth how this house signs people in: nobody signs up, and every act is on record."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Open the session and record it; if the entry can't be written, nobody is signed in."""
        with transaction.atomic():
            super().login(request, user)
            who = Actor("user", str(user.pk), authentication=_method(request, user))
            record("user.signed_in", actor=who, request=request, targets=[f"user:{user.pk}"])

    def logout(self, request: HttpRequest) -> None:
        with transaction.atomic():
            who = actor_of(request)
            record("user.signed_out", actor=who, request=request, targets=[f"user:{who.id}"])
            super().logout(request)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Refuse further attempts after too many failed ones (allauth's limit `login_failed`)."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            _record_failure(request, credentials, "too many failed attempts; locked for some minutes")
            raise

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        _record_failure(request, credentials, "wrong e-mail address or password")

    def respond_user_inactive(self, request: HttpRequest, user: AbstractBaseUser) -> Any:
        _record_failure(request, {"email": user.get_username()}, "the account is not active")
        return super().respond_user_inactive(request, user)

    def set_password(self, user: AbstractBaseUser, password: str) -> None:
        with transaction.atomic():
            super().set_password(user, password)
            actor = actor_of(self.request) if self.request is not None else CONSOLE
            record("user.password_changed", actor=actor, request=self.request, targets=[f"user:{user.pk}"])


def _method(request: HttpRequest, user: AbstractBaseUser) -> str:
    """How the person proved who they are, as allauth's stages noted it."""
    methods = [step["method"] for step in get_authentication_records(request, user)]
    return "+".join(dict.fromkeys(methods)) or "password"


def _record_failure(request: HttpRequest, credentials: dict[str, Any], reason: str) -> None:
    """Record a refused sign-in. Of an address that nobody has, only a keyed digest is kept: people
    type passwords there."""
    email = str(credentials.get("email") or "").strip().lower()
    known = User.objects.filter(email=email).values_list("pk", flat=True).first()
    digest = salted_hmac("plumbline.sign-in", email, algorithm="sha256").hexdigest()
    with transaction.atomic():
        record(
            "user.signed_in",
            actor=ANONYMOUS,
            request=request,
            targets=[f"user:{known}"] if known else [],
            outcome="denied",
            reason=reason,
            detail={} if known else {"email_digest": digest},
        )
