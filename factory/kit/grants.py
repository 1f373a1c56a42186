"""What a token allows its holder to do, and how a new one is had, as lower rooms see it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol, runtime_checkable

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from factory.kit.problems import Problem

QUESTIONS = "questions"
AUDIT = "audit"


@runtime_checkable
class Grant(Protocol):
    """`request.auth` of a request that came with an API token; None for a signed-in person.

    Cheap: every method works on what is in memory.
    """

    @property
    def id(self) -> str:
        """The token's id, for the record."""

    @property
    def name(self) -> str:
        """The source's name: what it asserts is kept under this name."""

    def may_use(self, door: str) -> bool:
        """Whether the token opens `openlineage`, `cloudevents`, `otlp`, `mlflow`, `questions` or `audit`."""

    def may_send(self, event_type: str, namespace: str) -> str | None:
        """Return None where an event of this type may speak for the namespace, else the reason why not."""


class MayAsk(BasePermission):
    """Signed-in people, and tokens that open the questions."""

    door = QUESTIONS

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.auth is None:
            return bool(request.user and request.user.is_authenticated)
        _require(request.auth, self.door)
        return True


class MayAudit(MayAsk):
    """Signed-in people, and tokens that read the log, which is of all departments."""

    door = AUDIT


class MayUse(BasePermission):
    """Tokens that open the view's door, named by its attribute `door`; people push nothing."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.auth is None:
            return False
        _require(request.auth, view.door)
        return True


def _require(grant: Any, door: str) -> None:
    if not grant.may_use(door):
        raise Problem(
            403, detail=f"this token doesn't open {door!r}; a token with that scope does", code="wrong_scope"
        )


class Issued(NamedTuple):
    """A new token. `secret` is what its holder shows; it can't be had again."""

    id: str
    name: str
    secret: str


class IssueToken(Protocol):
    """What settings.TOKEN_ISSUER names; see `issue_token`."""

    def __call__(
        self,
        name: str,
        *,
        doors: Sequence[str],
        event_types: Sequence[str] = (),
        namespaces: Sequence[str] = (),
        expires_at: datetime | None = None,
        request: HttpRequest | None = None,
    ) -> Issued: ...


def grant_of(source: str, at: datetime) -> Grant | None:
    """Return what the token allowed that the source held at the moment; None where there was none."""
    found: Grant | None = import_string(settings.GRANT_OF)(source, at)
    return found


def issue_token(
    name: str,
    *,
    doors: Sequence[str],
    event_types: Sequence[str] = (),
    namespaces: Sequence[str] = (),
    expires_at: datetime | None = None,
    request: HttpRequest | None = None,
) -> Issued:
    """Make a token for the source `name`, on record, and return it with its secret.

    `doors` are names of doors, `questions` or `all`; empty `event_types` (each may end in `.*`) and
    `namespaces` (each may end in `*`) bound nothing. Without a `request` it is made at the console.

    Raises ValueError, with a sentence to show, where the name is taken or a value isn't valid, and
    django.core.exceptions.PermissionDenied where the person lacks `governance.add_apitoken`.
    """
    issue: IssueToken = import_string(settings.TOKEN_ISSUER)
    return issue(
        name,
        doors=doors,
        event_types=event_types,
        namespaces=namespaces,
        expires_at=expires_at,
        request=request,
    )
