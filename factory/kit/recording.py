"""How any room puts an act on record, without knowing the room that keeps the audit trail."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string


class Actor(NamedTuple):
    """Who acted: `type` is `user`, `token`, `console`, `system` or `anonymous`, `id` its id.

    `on_behalf_of` is the id of whom they acted for, where that is somebody else; `authentication` is
    how they proved who they are (`password`, `session`, `token`, or empty).
    """

    type: str
    id: str = ""
    on_behalf_of: str = ""
    authentication: str = ""


#: Whoever can run commands on the machine.
CONSOLE = Actor("console")
#: Plumbline itself, in the background.
SYSTEM = Actor("system")
#: Somebody who has not signed in.
ANONYMOUS = Actor("anonymous")


def actor_of(request: HttpRequest) -> Actor:
    """Return who sent the request: the signed-in person, the source that holds the token, or nobody."""
    return getattr(getattr(request, "user", None), "actor", ANONYMOUS)


class Append(Protocol):
    """What settings.AUDIT_APPEND names; see `record` for the arguments."""

    def __call__(
        self,
        action: str,
        *,
        actor: Actor | None = None,
        request: HttpRequest | None = None,
        targets: Iterable[str] = (),
        outcome: str = "success",
        reason: str = "",
        policy: tuple[str, str] | None = None,
        trace_id: str = "",
        before: bytes | None = None,
        after: bytes | None = None,
        detail: dict[str, Any] | None = None,
        occurred_at: datetime | None = None,
    ) -> UUID: ...


def record(
    action: str,
    *,
    actor: Actor | None = None,
    request: HttpRequest | None = None,
    targets: Iterable[str] = (),
    outcome: str = "success",
    reason: str = "",
    policy: tuple[str, str] | None = None,
    trace_id: str = "",
    before: bytes | None = None,
    after: bytes | None = None,
    detail: dict[str, Any] | None = None,
    occurred_at: datetime | None = None,
) -> UUID:
    """Write one audit entry in the caller's transaction and return its id.

    `action` is `subject.verb`, e.g. `submission.replayed`. Give `request`, which tells the actor and
    the address, or an `actor` where there is no request (or both, where the actor is not the one that
    the request names). `targets` are node keys, or `kind:id` of what has none. `outcome` is `success`,
    `denied` or `failed`. `policy` is (id, revision). `before` and `after` are SHA-256 digests of the
    thing acted upon. `detail` is JSON, and holds no personal data.

    Raises RuntimeError outside a transaction: an entry and what it records stand or fall together.
    """
    append: Append = import_string(settings.AUDIT_APPEND)
    return append(
        action,
        actor=actor,
        request=request,
        targets=targets,
        outcome=outcome,
        reason=reason,
        policy=policy,
        trace_id=trace_id,
        before=before,
        after=after,
        detail=detail,
        occurred_at=occurred_at,
    )
