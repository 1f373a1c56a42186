"""Erasure: what is about a person is looked for, shown before it goes, and destroyed for good."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from factory.kit.lists import Column, Filter, ListPage
from factory.kit.recording import actor_of
from factory.templatetags.display import utc
from governance.audit.subjects import unseal
from governance.erasure import erase
from governance.erasure.account import COUNTED, Removed
from governance.erasure.models import Erasure, Ground
from governance.erasure.plan import plan
from governance.erasure.target import NoTarget, Target
from lineage.intake.erase import Counts

ONLY_ADMINISTRATORS = "Only an administrator can erase personal data."
#: Of many submissions and outcomes these are listed before the act.
SHOWN = 20
#: What has to be typed before the act.
WORD = "erase"

#: What each count is of, in words.
WORDS = {
    "events": "events about them",
    "bodies": "bodies of submissions, whole",
    "bodies_in_part": "batches of which the events of others stay",
    "readings": "readings, their ids and reasons",
    "statements": "statements read out of them",
    "nodes": "names of outcomes and people",
    "accounts": "account: address, name, password, rights",
    "keys": "key under which the log keeps their data",
    "sessions": "sessions, which end",
    "sign_in": "second factors and sign-in addresses",
    "named": "names beside work that they asked for",
    "snapshots": "snapshot files that hold parts of the record",
}
KINDS = {
    "subject": "A data subject: whom outcomes are about",
    "person": "A person with an account here",
    "submission": "One submission",
}
FINDERS: dict[str, Callable[[str], Target]] = {
    "subject": Target.of_subject,
    "person": Target.of_person,
    "submission": Target.of_submission,
}


class Line(NamedTuple):
    number: int
    words: str


class FindForm(forms.Form):
    """Who or what; the answer never goes into an address or a log."""

    kind = forms.ChoiceField(choices=list(KINDS.items()), initial="subject")
    name = forms.CharField(max_length=500, label="Which")

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if "kind" in values and "name" in values:
            try:
                values["target"] = FINDERS[values["kind"]](values["name"])
            except NoTarget as why:
                self.add_error("name", f"{str(why)[0].upper()}{str(why)[1:]}.")
        return values


class ActForm(forms.Form):
    """Why, and that it is meant."""

    ground = forms.ChoiceField(
        choices=[("", "Choose one"), *((g.value, g.label) for g in Ground if g != Ground.RESTORED)]
    )
    note = forms.CharField(
        max_length=500,
        required=False,
        label="Note",
        help_text="The case's number. No names: who was erased must not come back through it.",
    )
    word = forms.CharField(label=f"Type “{WORD}” to confirm")

    def clean_word(self) -> str:
        word: str = self.cleaned_data["word"]
        if word.strip().lower() != WORD:
            raise forms.ValidationError(f"Type the word “{WORD}”: it can't be undone.")
        return word


def _rows(bounds: Mapping[str, str]) -> QuerySet[Erasure]:
    found = Erasure.objects.all()
    if kind := bounds.get("kind"):
        found = found.filter(target__startswith=f"{'user' if kind == 'person' else kind}:")
    return found


def _what(asked: Erasure) -> str:
    kind = asked.target.partition(":")[0]
    return {"user": "A person with an account", "subject": "A data subject"}.get(kind, "A submission")


def _state(asked: Erasure) -> str:
    if asked.error:
        return f"not done: {asked.error}"
    return "erased" if asked.finished_at else "under way"


def _link(asked: Erasure) -> SafeString:
    return format_html('<a href="{}">{}</a>', reverse("governance:erasure", args=[asked.pk]), _what(asked))


COLUMNS = (
    Column("what", "What", lambda asked: asked.target, _link, heading=True),
    Column("asked", "Asked", lambda asked: asked.asked_at, lambda asked: utc(asked.asked_at), ("asked_at",)),
    Column("by", "By", lambda asked: asked.asked_by),
    Column(
        "ground", "Ground", lambda asked: asked.ground, lambda asked: asked.get_ground_display(), wide=True
    ),
    Column("events", "Events", lambda asked: asked.counts.get("events", 0), numeric=True),
    Column("state", "State", _state, wide=True),
)


@never_cache
@sensitive_variables("form")
@require_http_methods(["GET", "HEAD", "POST"])
def listing(request: HttpRequest) -> HttpResponseBase:
    """What was erased, newest first; and where an erasure begins: whom or what to look for."""
    may = request.user.has_perm(erase.PERMISSION)
    form = FindForm(request.POST or None)
    if request.method == "POST":
        if not may:
            raise PermissionDenied(ONLY_ADMINISTRATORS)
        if form.is_valid():
            return redirect("governance:erasure-plan", str(form.cleaned_data["target"]))
    page = ListPage(
        label="Erasures",
        columns=COLUMNS,
        rows=_rows,
        sort="-asked",
        filters=(Filter("kind", "What", list(KINDS.items())),),
        filename="erasures",
    )
    context = {"form": form, "may": may, "why_not": ONLY_ADMINISTRATORS}
    return page.answer(request, "governance/erasures.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def planned(request: HttpRequest, target: str) -> HttpResponse:
    """Say what would go and what can't; then do it, once it is confirmed."""
    if not request.user.has_perm(erase.PERMISSION):
        raise PermissionDenied(ONLY_ADMINISTRATORS)
    try:
        what = Target.parse(target)
    except NoTarget as why:
        raise Http404(str(why)) from None
    form = ActForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            asked = erase.ask(
                what,
                actor=actor_of(request),
                asked_by=str(request.user),
                ground=form.cleaned_data["ground"],
                note=form.cleaned_data["note"],
            )
        except erase.Refused as why:
            form.add_error(None, str(why))
        else:
            return redirect("governance:erasure", asked.pk)
    found = plan(what)
    context = {
        "plan": found,
        "form": form,
        "lines": _lines(found.counts._asdict() | found.removed._asdict() | {"snapshots": found.snapshots}),
        "self": found.user == request.user,
        "submissions": found.submissions[:SHOWN],
        "nodes": found.nodes[:SHOWN],
        "more": max(len(found.submissions), len(found.nodes)) > SHOWN,
        "many_entries": found.entries >= COUNTED,
        "under_way": Erasure.objects.filter(target=str(what), finished_at=None).first(),
    }
    return render(request, "governance/erasure_plan.html", context, status=422 if form.errors else 200)


@require_safe
def one(request: HttpRequest, pk: UUID) -> HttpResponse:
    """An erasure: how far it has come, and what went."""
    asked = get_object_or_404(Erasure, pk=pk)
    note = unseal(asked.note) if asked.note else None
    context = {
        "asked": asked,
        "what": _what(asked),
        "note": (note or {}).get("note", ""),
        "lines": _lines(asked.counts),
        "submission": asked.target.partition(":")[2] if asked.target.startswith("submission:") else "",
    }
    template = (
        "governance/erasure_progress.html" if request.headers.get("HX-Request") else "governance/erasure.html"
    )
    return render(request, template, context)


def _lines(counts: Mapping[str, int]) -> list[Line]:
    order = [*Counts._fields, *Removed._fields, "snapshots"]
    return [Line(counts[name], WORDS[name]) for name in order if counts.get(name)]
