"""Intake health: how each source does, what lies in quarantine and why, and reading it again."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from factory.kit.lists import Column, Filter, ListPage
from factory.kit.recording import actor_of
from lineage.intake.models import Reading, Replay
from lineage.intake.replay import replay
from lineage.intake.sources import in_quarantine
from lineage.intake.work import ask
from lineage.pages import charts, links
from lineage.pages.sources import DOORS, all_sources

CHART_HOURS = 48
#: Replays that the page still tells of.
REPLAYS_SHOWN = 5
REPLAYS_TOLD_FOR = timedelta(days=1)


def _submission_link(row: Reading) -> str:
    where = f"event {row.index + 1}" if row.index else "submission"
    href = f"{reverse('lineage:submission', args=[row.submission_id])}#reading-{row.pk}"
    return format_html('<a href="{}">{}</a>', href, where)


def _replay_button(row: Reading) -> str:
    return format_html(
        '<button class="btn btn-sm" form="replay-one" name="submission" value="{}">Read again'
        '<span class="visually-hidden"> {}</span></button>',
        row.submission_id,
        row.code,
    )


COLUMNS = (
    Column("known_at", "Received", lambda row: row.known_at, order=("id",), heading=True),
    Column("door", "Door", lambda row: row.door, lambda row: DOORS.get(row.door, row.door)),
    Column("source", "Source", lambda row: row.source),
    Column(
        "code", "Code", lambda row: row.code, lambda row: format_html('<span class="tag">{}</span>', row.code)
    ),
    Column("reason", "Reason", lambda row: row.reason, wide=True),
    Column(
        "pointer",
        "Where",
        lambda row: row.pointer,
        lambda row: format_html("<code>{}</code>", row.pointer) if row.pointer else "",
    ),
    Column("submission", "Evidence", lambda row: str(row.submission_id), _submission_link),
    Column("replay", "After a fix", lambda row: "", _replay_button),
)


def quarantine() -> ListPage:
    """The list of what lies in quarantine."""
    return ListPage(
        label="Quarantine",
        columns=COLUMNS,
        rows=lambda on: in_quarantine(**on),
        sort="-known_at",
        filters=(
            Filter("door", "Door", tuple(DOORS.items())),
            Filter("source", "Source"),
            Filter("code", "Code"),
        ),
        filename="quarantine",
    )


def intake(request: HttpRequest) -> HttpResponseBase:
    """GET /intake/; `format=csv` gives the quarantine list."""
    listed = quarantine()
    now = timezone.now()
    since = now - timedelta(hours=CHART_HOURS)
    context: dict[str, Any] = {}
    if request.GET.get("format") != "csv":
        counts = [(hour, source, count) for hour, _, source, _, count in charts.hourly(since)]
        context = {
            "sources": all_sources(now),
            "on": listed.filters_on(request),
            "chart": charts.events_per_hour(
                counts,
                charts.hours_between(since, now),
                chart_id="events-by-source",
                title="Events per hour by source",
            ),
        } | replays()
    return listed.answer(request, "lineage/intake.html", context)


def _chosen(request: HttpRequest) -> dict[str, Any]:
    """What is to be read again: one submission, or what door, source and code leave."""
    if text := request.POST.get("submission", ""):
        try:
            return {"submission": UUID(text)}
        except ValueError:
            raise Http404("there is no such submission") from None
    given = ((name, request.POST.get(name, "").strip()) for name in ("door", "source", "code"))
    return {name: value for name, value in given if value}


@require_POST
def replay_quarantined(request: HttpRequest) -> HttpResponse:
    """POST /intake/replay/: asks first; with `sure` reads again what was refused, and tells the result."""
    chosen = _chosen(request)
    submission = chosen.pop("submission", None)
    rows = in_quarantine(**chosen)
    if submission is not None:
        rows, chosen = rows.filter(submission=submission), {"submission": submission}
    waiting = rows.count()
    if not request.POST.get("sure"):
        return render(request, "lineage/intake_replay.html", {"chosen": chosen, "waiting": waiting})
    if submission is not None:
        counts = replay(submission=submission, actor=actor_of(request))
        told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
        messages.success(request, f"Read again: {told or 'nothing to read'}.")
        return HttpResponseRedirect(links.page("lineage:intake"))
    ask(actor_of(request), str(request.user), **chosen)
    messages.success(request, "It is being read again in the background.")
    return HttpResponseRedirect(links.page("lineage:intake", **chosen))


def replays() -> dict[str, Any]:
    """The newest replays, and whether any is still at work."""
    newest = Replay.objects.filter(asked_at__gte=timezone.now() - REPLAYS_TOLD_FOR).order_by("-asked_at")
    shown = list(newest[:REPLAYS_SHOWN])
    return {"replays": shown, "replaying": any(one.finished_at is None for one in shown)}


@never_cache
def replay_progress(request: HttpRequest) -> HttpResponse:
    """GET /intake/replays/: how far replays have come, a fragment for htmx."""
    return render(request, "lineage/intake_replays.html", replays())
