"""Adds entries to the audit log, in the transaction of what they record.

An entry is written with the hash of its leaf in `governance_waiting`, from where the sequencer takes it
into the log. Writers share nothing, so that they never wait for each other.
"""

import ipaddress
import re
from collections.abc import Sequence
from typing import Any, Unpack
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from factory.kit.bulk import array_text, copy_in, copy_rows, fetch_often
from factory.kit.ids import new_id
from factory.kit.recording import Actor, Said, actor_of
from governance.audit.leaf import ROW, Act
from governance.audit.models import Entry
from governance.audit.subjects import hidden, seal
from governance.audit.tlog.merkle import leaf_hash

_WRITE = f"""
    WITH waiting AS (INSERT INTO governance_waiting (entry_id, hash) VALUES (%s, %s))
    INSERT INTO governance_entry ({", ".join(ROW)}) VALUES ({", ".join(["%s"] * len(ROW))})
    RETURNING 1
"""
_TRACE_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_TARGETS, _LEAF = ROW.index("targets"), ROW.index("leaf")


def append(action: str, **said: Unpack[Said]) -> UUID:
    """Write one entry in the caller's transaction and return its id; see `factory.kit.recording.Said`.

    Raises RuntimeError outside a transaction, ValueError where neither `actor` nor `request` tells who
    acted, LeafError where `detail` holds what JSON can't say.
    """
    _require_transaction(action)
    request, actor = said.get("request"), said.get("actor")
    if actor is None:
        if request is None:
            raise ValueError(f"{action}: an audit entry says who acted")
        actor = actor_of(request)
    now = timezone.now()
    address = _address(request)
    # Where a machine calls from says nothing of a person.
    of_a_person = actor.type in ("user", "anonymous")
    act = Act(
        id=new_id(),
        occurred_at=said.get("occurred_at") or now,
        recorded_at=now,
        actor=actor,
        action=action,
        targets=hidden(said.get("targets", ())),
        outcome=said.get("outcome", "success"),
        reason=said.get("reason", ""),
        policy=said.get("policy") or ("", ""),
        address="" if of_a_person else address,
        service="web" if request is not None else "",
        request_id=_header(request, "X-Request-ID")[:100],
        trace_id=said.get("trace_id") or _trace_id(request),
        digests=(said.get("before"), said.get("after")),
        detail=said.get("detail"),
        sealed=_sealed(actor, address if of_a_person else "", said),
    )
    row = act.row()
    fetch_often(_WRITE, (act.id, leaf_hash(row[_LEAF]), *row))
    return act.id


def _sealed(actor: Actor, address: str, said: Said) -> tuple[dict[str, str], ...]:
    """Seal what is personal, each part under the key of whom it is about."""
    about: dict[str, dict[str, Any]] = {}
    own = f"{actor.type}:{actor.id}" if actor.id else _nobody(actor, said)
    if address:
        about[own] = {"address": address}
    if personal := said.get("personal"):
        subject = said.get("subject") or own
        about[subject] = about.get(subject, {}) | personal
    return tuple(seal(subject, data) for subject, data in about.items())


def _nobody(actor: Actor, said: Said) -> str:
    """Whose key what somebody without a name leaves behind lies under: that of the person whose account they
    tried, else one for each day."""
    tried = next((target for target in said.get("targets", ()) if target.startswith("user:")), "")
    return tried or f"{actor.type}:{timezone.now():%Y-%m-%d}"


def append_many(acts: Sequence[Act]) -> None:
    """Write many entries in the caller's transaction. Raises RuntimeError, LeafError."""
    if acts:
        _require_transaction(acts[0].action)
        hashes = write_rows(acts)
        copy_rows("governance_waiting", ("entry_id", "hash"), zip((a.id for a in acts), hashes, strict=True))


def write_rows(acts: Sequence[Act]) -> list[bytes]:
    """Write the rows of entries, which wait for nothing; return the hashes of their leaves."""
    rows = [act.row() for act in acts]
    copy_in(Entry, ROW, ((*r[:_TARGETS], array_text(r[_TARGETS]), *r[_TARGETS + 1 :]) for r in rows))
    return [leaf_hash(row[_LEAF]) for row in rows]


def _require_transaction(action: str) -> None:
    if not connection.in_atomic_block:
        raise RuntimeError(f"{action}: an audit entry is written in the transaction of what it records")


def _header(request: HttpRequest | None, name: str) -> str:
    return request.headers.get(name, "").replace("\0", "") if request is not None else ""


def _trace_id(request: HttpRequest | None) -> str:
    """The trace id of W3C Trace Context (section 3.2), or the empty string."""
    parts = _header(request, "traceparent").split("-")
    return parts[1] if len(parts) >= 4 and _TRACE_ID.fullmatch(parts[1]) else ""


def _address(request: HttpRequest | None) -> str:
    """Where the request came from, before the proxies of settings.TRUSTED_PROXIES; empty if unknown."""
    if request is None:
        return ""
    address = request.META.get("REMOTE_ADDR", "")
    hops = _header(request, "X-Forwarded-For").split(",")
    if 0 < settings.TRUSTED_PROXIES <= len(hops):
        address = hops[-settings.TRUSTED_PROXIES].strip() or address
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return ""
