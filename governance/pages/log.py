"""Verify the log: its newest checkpoint, what protects it, and verifications done here."""

from datetime import timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from factory.kit.downloads import TooMany, download
from factory.kit.recording import actor_of, record
from governance.audit import exporting, store, verifying
from governance.audit.models import Checkpoint, Log, Verification
from governance.audit.sequencer import REFUSED
from governance.audit.signing.keys import published_keys
from governance.audit.stamps import newest_stamp
from governance.audit.tlog.export import stream_archive
from governance.audit.witnessed import attendance, is_witnessed
from lineage.pages import links

#: A sequencer that has signed nothing for so long, with something waiting, is not at work.
LATE = timedelta(seconds=15)
VERIFICATIONS_SHOWN = 10


class Guarantee(NamedTuple):
    """One line of what is and isn't protected: `tone` is `good`, `warn` or `bad`."""

    tone: str
    state: str
    title: str
    text: str
    #: Where one reads on, and under which words.
    href: str = ""
    link: str = ""


def guarantees(log: Log, head: Checkpoint) -> list[Guarantee]:
    """Say plainly what the log protects from now, and what not."""
    return [
        Guarantee(
            "good",
            "protected",
            "An entry is changed, deleted or put in later",
            "Every entry is hashed into a tree whose head is signed. Who has an older checkpoint, an export "
            "or a receipt finds the change with the verifier, and so does a verification here.",
        ),
        _against_the_key_holder(log, head),
        _time(log, head),
        Guarantee(
            "warn",
            "not protected",
            "An event is never sent",
            "No log can prove that an event that was never sent did not happen. Sources that number their "
            "events show gaps.",
            links.page("lineage:sources"),
            "Sources",
        ),
    ]


def _against_the_key_holder(log: Log, head: Checkpoint) -> Guarantee:
    title = "Whoever holds the log's key rewrites all of it"
    if not settings.WITNESS_POLICY:
        return Guarantee(
            "bad",
            "not protected",
            title,
            "No witness is set up. Whoever has both the database and the signing key can make another "
            "history that verifies by itself. Only checkpoints, exports and receipts that others keep would "
            "show it. "
            "Set WITNESS_POLICY to a file that names witnesses on other machines.",
        )
    if settings.WITNESS_POLICY.is_met(()):
        why = (
            "The witness policy asks for nobody's cosignature, so a head that witnesses refuse is published."
        )
        return Guarantee("bad", "not protected", title, why)
    if not is_witnessed(head):
        why = "Witnesses are named, and not enough of them have cosigned a checkpoint so far."
        return Guarantee("bad", "not protected yet", title, why)
    newest = store.head_of(log) or head
    return Guarantee(
        "good",
        f"protected up to entry {head.size:,}",
        title,
        "Witnesses on other machines cosign the checkpoints and refuse a head that does not continue what "
        f"they saw. The published one covers {head.size:,} entries and has the cosignatures that it takes"
        + (f"; {newest.size - head.size:,} newer entries wait for them." if newest.size > head.size else "."),
    )


def _time(log: Log, head: Checkpoint) -> Guarantee:
    newest = newest_stamp(log, head)
    title = "Entries are dated back"
    if newest is None:
        return Guarantee(
            "warn",
            "by our own clock",
            title,
            "The times in the log are those of this machine and of the witnesses. A timestamp authority "
            "(RFC 3161, setting TIMESTAMP_URL) would say by its own clock that a checkpoint existed.",
        )
    return Guarantee(
        "good",
        "timestamped",
        title,
        f"The newest timestamp is by {newest.authority}: the checkpoint of {newest.checkpoint.size:,} "
        f"entries existed at {newest.at:%Y-%m-%d %H:%M:%S} UTC. An export of the whole log carries it.",
        links.page("governance:tlog-timestamp", str(newest.pk)),
        "The timestamp",
    )


def _witnesses(log: Log, head: Checkpoint) -> list[dict[str, Any]]:
    """What each witness of the policy cosigned last."""
    return [
        {"name": each.key.name, "size": each.size, "at": each.at, "behind": head.size - (each.size or 0)}
        for each in attendance(log)
    ]


def _verifications() -> dict[str, Any]:
    shown = list(Verification.objects.order_by("-asked_at")[:VERIFICATIONS_SHOWN])
    return {"verifications": shown, "verifying": any(one.finished_at is None for one in shown)}


@never_cache
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """GET /log/"""
    log = store.current_log()
    head = store.published(log) if log else None
    waiting = store.waiting()
    newest = store.head_of(log) if log else None
    context: dict[str, Any] = {
        "log": log,
        "head": head,
        "newest": newest,
        "waiting": waiting,
        "refused": cache.get(REFUSED),
    }
    if log and head and newest:
        context |= {
            "root": bytes(head.root).hex(),
            "late": bool(waiting) and timezone.now() - newest.signed_at > LATE,
            "keys": published_keys(log),
            "guarantees": guarantees(log, head),
            "witnesses": _witnesses(log, head),
            "older_logs": Log.objects.exclude(pk=log.pk).order_by("-id"),
        } | _verifications()
    return render(request, "governance/log.html", context)


@never_cache
@require_safe
def progress(request: HttpRequest) -> HttpResponse:
    """GET /log/verifications/: how far verifications have come, a fragment for htmx."""
    return render(request, "governance/log_verifications.html", _verifications())


@require_POST
def verify(request: HttpRequest) -> HttpResponse:
    """POST /log/verify/: start a verification in the background."""
    if Verification.objects.filter(finished_at=None).exists():
        messages.info(request, "A verification is at work already.")
    elif verifying.ask(actor_of(request), str(request.user)) is None:
        messages.error(request, "Nothing of the log is signed yet, so there is nothing to verify.")
    else:
        messages.success(request, "The log is being verified in the background.")
    return redirect("governance:log")


def _bound(request: HttpRequest, name: str, default: int, most: int) -> int:
    given = request.GET.get(name, "").strip()
    return min(int(given), most) if given.isascii() and given.isdigit() and len(given) < 20 else default


@require_safe
def export(request: HttpRequest) -> HttpResponseBase:
    """GET /log/export/?start=&end=: the log, or a range of it, as a zip in the standard layout."""
    log = store.current_log()
    head = store.published(log) if log else None
    if log is None or head is None:
        raise Http404("nothing of the log is signed yet")
    start = max(_bound(request, "start", 0, head.size), store.minimum_index(log))
    end = _bound(request, "end", head.size, head.size)
    if start >= end and head.size:
        messages.error(request, "The range to export is empty.")
        return redirect("governance:log")
    files = stream_archive(exporting.export(log, head, start=start, end=end))
    try:
        answer = download(files, "application/zip", f"plumbline-log-{start}-{end}.zip")
    except TooMany as busy:
        messages.error(request, str(busy))
        return redirect("governance:log")
    with transaction.atomic():
        record("log.exported", request=request, detail={"origin": log.origin, "start": start, "end": end})
    return answer
