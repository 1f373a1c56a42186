"""Adds entries to the audit trail."""

import ipaddress
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from factory.kit.recording import Actor, actor_of
from governance.audit.models import Entry


def append(
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
    """Write one entry in the caller's transaction and return its id.

    The arguments are those of `factory.kit.recording.record`. Raises RuntimeError outside a
    transaction, ValueError where neither `actor` nor `request` tells who acted.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"{action}: an audit entry is written in the transaction of what it records")
    if actor is None:
        if request is None:
            raise ValueError(f"{action}: an audit entry says who acted")
        actor = actor_of(request)
    policy_id, policy_revision = policy or ("", "")
    entry = Entry(
        occurred_at=occurred_at or timezone.now(),
        actor_type=actor.type,
        actor_id=actor.id,
        on_behalf_of=actor.on_behalf_of,
        authentication=actor.authentication,
        action=action,
        targets=list(targets),
        outcome=outcome,
        reason=reason,
        policy_id=policy_id,
        policy_revision=policy_revision,
        source_address=_address(request),
        source_service="web" if request is not None else "",
        request_id=_header(request, "X-Request-ID")[:100],
        trace_id=trace_id or _trace_id(request),
        digest_before=before,
        digest_after=after,
        detail=detail or {},
    )
    entry.save(force_insert=True)
    return entry.pk


def _header(request: HttpRequest | None, name: str) -> str:
    return request.headers.get(name, "").replace("\0", "") if request is not None else ""


def _trace_id(request: HttpRequest | None) -> str:
    """The trace id of W3C Trace Context (section 3.2), or the empty string."""
    parts = _header(request, "traceparent").split("-")
    return parts[1] if len(parts) >= 4 and len(parts[1]) == 32 else ""


def _address(request: HttpRequest | None) -> str | None:
    """Where the request came from, before the proxies of settings.TRUSTED_PROXIES; None if unknown."""
    if request is None:
        return None
    address = request.META.get("REMOTE_ADDR", "")
    hops = _header(request, "X-Forwarded-For").split(",")
    if 0 < settings.TRUSTED_PROXIES <= len(hops):
        address = hops[-settings.TRUSTED_PROXIES].strip() or address
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None
