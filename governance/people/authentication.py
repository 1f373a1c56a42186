"""Tells which source sent a request, by its API token: `Authorization: Bearer plb_...`."""

import time
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from factory.kit.recording import Actor, record
from governance.people.models import ApiToken, secret_digest
from governance.people.scope import Scope

#: Seconds for which a process goes on trusting what it read of a token. A revoked token is refused
#: everywhere within a second.
TRUSTED_FOR = 0.5
#: Tokens that a process remembers at a time.
REMEMBERED = 10_000
#: How often `last_used_at` is written.
USE_NOTED_EVERY = timedelta(minutes=1)


class TokenGrant(NamedTuple):
    """A token as requests carry it in `request.auth`: a `factory.kit.grants.Grant`."""

    id: str
    name: str
    scope: Scope
    expires_at: datetime | None

    def may_use(self, door: str) -> bool:
        return self.scope.may_use(door)

    def may_send(self, event_type: str, namespace: str) -> str | None:
        return self.scope.may_send(event_type, namespace)


class Machine:
    """The `request.user` of a request with a token: a source, and no person."""

    is_authenticated = True
    is_active = True
    is_anonymous = is_staff = is_superuser = False
    pk = id = None

    def __init__(self, grant: TokenGrant) -> None:
        self.name = grant.name
        self.actor = Actor("token", grant.id, authentication="token")

    def __str__(self) -> str:
        return self.name

    def has_perm(self, permission: str, thing: object = None) -> bool:
        """What a token may do is in its scope; it holds no permission of a person."""
        return False

    def has_perms(self, permissions: list[str], thing: object = None) -> bool:
        return not permissions

    def has_module_perms(self, app_label: str) -> bool:
        return False


class TokenAuthentication(BaseAuthentication):
    """Answers 401 with `WWW-Authenticate: Bearer` where there is no token, or a wrong one.

    One look-up by an indexed digest, or none where this process read the token in the last half
    second. A request without a token is left to the next class of the view (the session).
    """

    def authenticate(self, request: Request) -> tuple[Machine, TokenGrant] | None:
        scheme, _, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        return authenticated(secret.strip())

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="plumbline"'


_remembered: dict[bytes, tuple[float, Machine, TokenGrant]] = {}


def authenticated(secret: str) -> tuple[Machine, TokenGrant]:
    """Return who holds the token. Raises AuthenticationFailed where it is wrong, revoked or expired."""
    digest = secret_digest(secret)
    known = _remembered.get(digest)
    if known is None or known[0] < time.monotonic():
        known = _read(digest)
    _, machine, grant = known
    if grant.expires_at is not None and grant.expires_at <= timezone.now():
        raise AuthenticationFailed("the token has expired")
    return machine, grant


def _read(digest: bytes) -> tuple[float, Machine, TokenGrant]:
    """Look the token up and remember it."""
    # Taken before the look-up, so that a slow database doesn't lengthen the trust.
    trusted_until = time.monotonic() + TRUSTED_FOR
    token = ApiToken.objects.filter(digest=digest).first()
    if token is None or token.revoked_at is not None:
        _remembered.pop(digest, None)
        # A revoked token gets the words of a wrong one: its holder learns nothing.
        raise AuthenticationFailed("the token is not valid")
    grant = TokenGrant(str(token.pk), token.name, token.scope, token.expires_at)
    if token.state == "active":
        _note_use(token)
    if len(_remembered) >= REMEMBERED:
        _remembered.clear()
    known = _remembered[digest] = (trusted_until, Machine(grant), grant)
    return known


def _note_use(token: ApiToken) -> None:
    """Keep when the token was last used, and put its first use on record."""
    now = timezone.now()
    unused = ApiToken.objects.filter(pk=token.pk, last_used_at=None)
    if token.last_used_at is None:
        with transaction.atomic():
            # Only one of many requests at once finds the row still unused.
            if unused.update(last_used_at=now):
                actor = Actor("token", str(token.pk), authentication="token")
                record("token.first_used", actor=actor, targets=[f"token:{token.pk}"])
    elif token.last_used_at <= now - USE_NOTED_EVERY:
        ApiToken.objects.filter(
            Q(last_used_at__lte=now - USE_NOTED_EVERY), pk=token.pk, revoked_at=None
        ).update(last_used_at=now)
