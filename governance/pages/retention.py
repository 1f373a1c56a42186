"""Retention: how long what is kept, legal holds, what goes when, and pruning."""

from datetime import UTC, datetime
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from factory.kit.recording import actor_of
from governance.audit.retention import classes as retention
from governance.audit.retention import holds
from governance.audit.retention import work as pruning
from governance.audit.retention.classes import PATTERNS, RetentionRefused
from governance.audit.retention.forecast import forecast
from governance.audit.retention.holds import HoldRefused
from governance.audit.retention.models import Hold, Pruning, RetentionClass, Scope, Snapshot
from governance.audit.retention.snapshot import path_of
from governance.audit.retention.work import PruningRefused
from governance.audit.store import current_log
from governance.pages.tokens import Lines

ONLY_ADMINISTRATORS = "Only an administrator can change classes, place or lift holds, and prune."
PRUNINGS_SHOWN = 10
#: Lines of the forecast that are shown.
STEPS_SHOWN = 24
_MOMENT = "%Y-%m-%d %H:%M"


def _may_change(request: HttpRequest) -> bool:
    return request.user.has_perm("governance.change_retentionclass")


def _require(request: HttpRequest) -> None:
    if not _may_change(request):
        raise PermissionDenied(ONLY_ADMINISTRATORS)


@never_cache
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """GET /retention/"""
    log = current_log()
    found = forecast(log, timezone.now().date())
    prunings = Pruning.objects.select_related("snapshot").order_by("-asked_at")[:PRUNINGS_SHOWN]
    shown = [(one, one.snapshot is not None and path_of(one.snapshot.pk).exists()) for one in prunings]
    context = {
        "shares": [(share, retention.words(share.row.months)) for share in found.shares],
        "forecast": found,
        "steps": found.steps[:STEPS_SHOWN],
        "more_steps": len(found.steps) > STEPS_SHOWN,
        "holds": Hold.objects.select_related("placed_by", "lifted_by").order_by(
            F("lifted_at").desc(nulls_first=True), "-placed_at"
        ),
        "prunings": shown,
        "at_work": any(one.finished_at is None for one, _ in shown),
        "may_change": _may_change(request),
        "why_not": ONLY_ADMINISTRATORS,
    }
    return render(request, "governance/retention.html", context)


# --- classes --------------------------------------------------------------------------------------
class ClassForm(forms.Form):
    """A class of entries and how long they are kept."""

    name = forms.CharField(max_length=200)
    months = forms.IntegerField(
        label="Kept for, in months",
        required=False,
        min_value=1,
        max_value=12 * 200,
        help_text="From the day on which an entry is put on record. Empty: for ever.",
    )
    basis = forms.CharField(
        label="Basis", widget=forms.Textarea, help_text="Where it is written, or who decided it."
    )
    actions = Lines(label="Acts", help_text="One a line, e.g. approval.granted; approval.* is all of them.")
    event_types = Lines(label="Event types", help_text="Of submissions; one a line, * at the end for any.")
    doors = Lines(label="Doors", help_text="Only submissions that came in by these doors, e.g. otlp.")
    sources = Lines(label="Sources", help_text="Only submissions of these sources.")
    reason = forms.CharField(
        required=False,
        max_length=500,
        help_text="Goes on record. Needed where the length is below what the basis asks for.",
    )


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """GET and POST /retention/classes/<id>/ and /retention/classes/new/"""
    _require(request)
    row = get_object_or_404(RetentionClass, pk=pk) if pk else RetentionClass()
    names = ("name", "months", "basis", *PATTERNS)
    now = {name: getattr(row, name) for name in names}
    lines = {name: "\n".join(now[name]) for name in PATTERNS}
    form = ClassForm(request.POST or None, initial={**now, **lines})
    if request.method == "POST" and form.is_valid():
        for name in names:
            setattr(row, name, form.cleaned_data[name])
        try:
            changed = retention.save(row, reason=form.cleaned_data["reason"], request=request)
        except RetentionRefused as refusal:
            form.add_error(None, _sentence(refusal))
        else:
            said = f"{row} is kept {_for(row.months)}." if changed else f"Nothing of {row} was changed."
            messages.success(request, said)
            return redirect("governance:retention")
    context = {"form": form, "row": row, "least": retention.words(row.least_months)}
    return render(request, "governance/retention_class.html", context, status=422 if form.errors else 200)


def _for(months: int | None) -> str:
    return "for ever" if months is None else f"for {retention.words(months)}"


def _sentence(refusal: Exception) -> str:
    text = str(refusal)
    return f"{text[0].upper()}{text[1:]}."


# --- holds ----------------------------------------------------------------------------------------
def _moment(label: str) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        required=False,
        input_formats=[_MOMENT, "%Y-%m-%d"],
        help_text="In UTC, e.g. 2026-03-01 or 2026-03-01 08:00. Only for a time range.",
    )


class HoldForm(forms.Form):
    """What nobody may prune or erase, and why."""

    scope = forms.ChoiceField(choices=Scope.choices, initial=Scope.NODE)
    node = forms.CharField(
        label="Node",
        required=False,
        help_text="Its key, e.g. model:credit/risk; all its versions too.",
    )
    source = forms.CharField(label="Source", required=False, help_text="The name of its token.")
    begins_at = _moment("From")
    ends_at = _moment("Until, without")
    reason = forms.CharField(max_length=500, help_text="Goes on record, e.g. the case; no names of people.")


@require_http_methods(["GET", "HEAD", "POST"])
def place_hold(request: HttpRequest) -> HttpResponse:
    """GET and POST /retention/holds/new/"""
    _require(request)
    form = HoldForm(request.POST or None, initial={"node": request.GET.get("node", "")})
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            hold = holds.place(
                Scope(values["scope"]),
                reason=values["reason"],
                node=values["node"],
                source=values["source"],
                begins_at=_utc(values["begins_at"]),
                ends_at=_utc(values["ends_at"]),
                request=request,
            )
        except HoldRefused as refusal:
            form.add_error(None, _sentence(refusal))
        else:
            messages.success(request, f"The hold on {hold} stands from now on.")
            return redirect("governance:retention")
    return render(
        request, "governance/retention_hold.html", {"form": form}, status=422 if form.errors else 200
    )


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None


@require_http_methods(["GET", "HEAD", "POST"])
def lift_hold(request: HttpRequest, pk: UUID) -> HttpResponse:
    """GET and POST /retention/holds/<id>/lift/: ask why, then lift it."""
    _require(request)
    hold = get_object_or_404(Hold, pk=pk)
    error = ""
    if request.method == "POST":
        try:
            holds.lift(hold, reason=request.POST.get("reason", ""), request=request)
        except HoldRefused as refusal:
            error = _sentence(refusal)
        else:
            messages.success(request, f"The hold on {hold} is lifted.")
            return redirect("governance:retention")
    context = {"hold": hold, "error": error}
    return render(request, "governance/retention_lift.html", context, status=422 if error else 200)


# --- pruning --------------------------------------------------------------------------------------
@require_http_methods(["GET", "HEAD", "POST"])
def prune(request: HttpRequest) -> HttpResponse:
    """GET and POST /retention/prune/: say what it means, then do it in the background."""
    _require(request)
    if request.method != "POST":
        return render(request, "governance/retention_prune.html", {})
    return _ask(request, trial=False, said="The log is being pruned in the background.")


@require_POST
def trial(request: HttpRequest) -> HttpResponse:
    """POST /retention/trial/: find out what would go; nothing is changed."""
    _require(request)
    return _ask(request, trial=True, said="It is being found out in the background; nothing is changed.")


def _ask(request: HttpRequest, *, trial: bool, said: str) -> HttpResponse:
    try:
        pruning.ask(actor_of(request), str(request.user), trial=trial)
    except PruningRefused as refusal:
        messages.error(request, _sentence(refusal))
    else:
        messages.success(request, said)
    return redirect("governance:retention")


@require_safe
def snapshot(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """GET /retention/snapshots/<id>/: the file of a snapshot. It holds all of the record."""
    _require(request)
    row = get_object_or_404(Snapshot, pk=pk)
    path = path_of(row.pk)
    if not path.exists():
        raise Http404("the file of this snapshot was taken away")
    name = f"plumbline-snapshot-{row.made_at:%Y-%m-%d}.zip"
    return FileResponse(path.open("rb"), as_attachment=True, filename=name, content_type="application/zip")
