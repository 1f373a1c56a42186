"""Makes a token, on record."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from factory.kit.grants import Issued
from factory.kit.recording import CONSOLE, actor_of, record
from governance.people.models import ApiToken, User, secret_digest
from governance.people.scope import DOORS, Scope

#: What every token starts with, so that one in a log or a repository is recognised.
PREFIX = "plb_"
PERMISSION = "governance.add_apitoken"


class TokenRefused(ValueError):
    """No token can be made so; the message says why."""


def issue_token(
    name: str,
    *,
    doors: Sequence[str],
    event_types: Sequence[str] = (),
    namespaces: Sequence[str] = (),
    expires_at: datetime | None = None,
    request: HttpRequest | None = None,
) -> Issued:
    """Make a token and its audit entry in one transaction; see `factory.kit.grants.issue_token`.

    Raises TokenRefused or PermissionDenied.
    """
    creator = _creator(request)
    name = name.strip()
    scope = Scope(tuple(doors), tuple(event_types), tuple(namespaces))
    _check(name, scope, expires_at)
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        name=name,
        digest=secret_digest(secret),
        doors=list(scope.doors),
        event_types=list(scope.event_types),
        namespaces=list(scope.namespaces),
        created_by=creator,
        expires_at=expires_at,
    )
    with transaction.atomic():
        try:
            with transaction.atomic():
                token.save(force_insert=True)
        except IntegrityError as error:
            if "token_name_once_among_unrevoked" in str(error):
                raise TokenRefused(f"there is a token named {name!r} already; revoke it first") from None
            raise
        record(
            "token.created",
            actor=CONSOLE if request is None else actor_of(request),
            request=request,
            targets=[f"token:{token.pk}"],
            detail={
                "name": name,
                "doors": scope.doors,
                "event_types": scope.event_types,
                "namespaces": scope.namespaces,
                "expires_at": expires_at.isoformat() if expires_at else None,
            },
        )
    return Issued(str(token.pk), name, secret)


def _creator(request: HttpRequest | None) -> User | None:
    """The person who asks; None at the console. A token can't make tokens."""
    if request is None:
        return None
    user = request.user
    if not isinstance(user, User) or not user.has_perm(PERMISSION):
        raise PermissionDenied("Only an administrator can create a token.")
    return user


def _check(name: str, scope: Scope, expires_at: datetime | None) -> None:
    if not name:
        raise TokenRefused("a token needs a name: that of the source that will use it")
    if len(name) > 200 or not name.isprintable():
        raise TokenRefused("a token's name has at most 200 characters, all of them printable")
    if not scope.doors:
        raise TokenRefused("a token needs at least one door")
    if unknown := [door for door in scope.doors if door not in DOORS]:
        raise TokenRefused(f"there is no door {unknown[0]!r}; doors are {', '.join(DOORS)}")
    for bound, longest in [(scope.event_types, 200), (scope.namespaces, 500)]:
        if any(not text or len(text) > longest or not text.isprintable() for text in bound):
            raise TokenRefused(f"an event type or a namespace is empty or longer than {longest} characters")
    if expires_at is not None and expires_at <= timezone.now():
        raise TokenRefused("the token would have expired already")
