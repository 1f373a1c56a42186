"""How any room puts an act on record, without knowing the room that keeps the audit trail."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypedDict, Unpack
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


class Said(TypedDict, total=False):
    """What an entry says beside its action; every part may be left out, but one of the first two.

    Give `request`, which tells the actor and the address, or an `actor` where there is no request (or both,
    where the actor is not the one that the request names).
    """

    request: HttpRequest | None
    actor: Actor | None
    #: Node keys, or `kind:id` of what has none. Of people and outcomes only keyed digests are kept.
    targets: Iterable[str]
    #: `success` (the default), `denied` or `failed`.
    outcome: str
    #: For ever in clear, as is `detail`, which is JSON: neither holds personal data.
    reason: str
    detail: dict[str, Any] | None
    #: (id, revision)
    policy: tuple[str, str] | None
    trace_id: str
    #: SHA-256 digests of the thing acted upon.
    before: bytes | None
    after: bytes | None
    occurred_at: datetime | None
    #: Personal data, and texts that people type: JSON that is sealed under the key of `subject`, of the
    #: actor where that is left out, and can't be read any more once that person is erased.
    personal: dict[str, Any] | None
    subject: str


class Append(Protocol):
    """What settings.AUDIT_APPEND names."""

    def __call__(self, action: str, **said: Unpack[Said]) -> UUID: ...


def record(action: str, **said: Unpack[Said]) -> UUID:
    """Write one audit entry in the caller's transaction and return its id.

    `action` is `subject.verb`, e.g. `submission.replayed`; see `Said` for the rest.

    Raises RuntimeError outside a transaction: an entry and what it records stand or fall together.
    """
    append: Append = import_string(settings.AUDIT_APPEND)
    return append(action, **said)
