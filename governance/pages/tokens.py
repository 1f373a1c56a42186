"""Settings -> tokens: who may send and ask, and until when."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from factory.kit.lists import Column, Filter, ListPage
from factory.templatetags.display import badge, utc
from governance.people import issue_token as issuing
from governance.people import revoke_token as revoking
from governance.people.models import ApiToken
from governance.people.scope import DOORS

NEVER = "0"
EXPIRIES = {"30": "30 days", "90": "90 days", "365": "1 year", NEVER: "Never"}
ONLY_ADMINISTRATORS = "Only an administrator can create or revoke tokens."


class Lines(forms.CharField):
    """One value a line, as a list; empty lines don't count."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=forms.Textarea({"rows": 3, "spellcheck": "false"}), required=False, **options)

    def to_python(self, value: str | None) -> list[str]:  # type: ignore[override]
        return list(dict.fromkeys(line.strip() for line in (value or "").splitlines() if line.strip()))


class TokenForm(forms.Form):
    """What a new token may do."""

    name = forms.CharField(
        max_length=200, help_text="The source's name. What it sends is kept and shown under this name."
    )
    doors = forms.MultipleChoiceField(
        label="May use",
        choices=list(DOORS.items()),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )
    event_types = Lines(
        label="Event types", help_text="One a line; factory.usage.* is every type under it. Empty: all types."
    )
    namespaces = Lines(
        label="Namespaces", help_text="One a line; bank* is every namespace that starts so. Empty: all."
    )
    expires = forms.ChoiceField(label="Expires after", choices=list(EXPIRIES.items()), initial="365")


def _rows(bounds: Mapping[str, str]) -> QuerySet[ApiToken]:
    tokens = ApiToken.objects.select_related("created_by", "revoked_by")
    if state := bounds.get("state"):
        tokens = tokens.in_state(state)
    if name := bounds.get("name"):
        tokens = tokens.filter(name__icontains=name)
    return tokens


def _state(token: ApiToken) -> SafeString:
    mark = render_to_string("components/badge.html", badge(token.state))
    if token.revoked_at is None:
        return mark
    return format_html("<span>{} {} by {}</span>", mark, utc(token.revoked_at), token.revoked_by)


def _created(token: ApiToken) -> SafeString:
    by = f"by {token.created_by}" if token.created_by else "at the console"
    return format_html("<span>{} {}</span>", utc(token.created_at), by)


def _revoking(token: ApiToken) -> SafeString | str:
    if token.revoked_at is not None:
        return ""
    address = reverse("governance:revoke-token", args=[token.pk])
    return format_html('<a href="{}">Revoke<span class="visually-hidden"> {}</span></a>', address, token.name)


COLUMNS = (
    Column("name", "Name", lambda token: token.name, order=("name",), heading=True),
    Column("scope", "May use", lambda token: str(token.scope)),
    Column("state", "State", lambda token: token.state, _state),
    Column("created", "Created", lambda token: token.created_at, _created, ("created_at",)),
    Column("expires", "Expires", lambda token: token.expires_at, lambda token: _moment(token.expires_at)),
    Column("used", "Last used", lambda token: token.last_used_at, lambda token: _moment(token.last_used_at)),
)
#: What an administrator can do with a token; nothing of it belongs in a CSV file.
ACTS = Column("acts", "Acts", lambda token: None, _revoking)


def _moment(time: datetime | None) -> SafeString | str:
    return utc(time) if time else "never"


@require_safe
def listing(request: HttpRequest) -> HttpResponseBase:
    """All tokens, newest first."""
    may_create = _may_create(request)
    page = ListPage(
        label="Tokens",
        columns=(*COLUMNS, ACTS) if may_create and request.GET.get("format") != "csv" else COLUMNS,
        rows=_rows,
        sort="-created",
        filters=(
            Filter("name", "Name"),
            Filter("state", "State", [("active", "Active"), ("expired", "Expired"), ("revoked", "Revoked")]),
        ),
        filename="tokens",
    )
    context = {"may_create": may_create, "why_not": ONLY_ADMINISTRATORS}
    return page.answer(request, "governance/tokens.html", context)


@never_cache
@sensitive_variables("issued")
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """Ask what the token may do; show the new one, this once."""
    if not _may_create(request):
        raise PermissionDenied(ONLY_ADMINISTRATORS)
    form = TokenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        days = values["expires"]
        try:
            issued = issuing.issue_token(
                values["name"],
                doors=values["doors"],
                event_types=values["event_types"],
                namespaces=values["namespaces"],
                expires_at=None if days == NEVER else timezone.now() + timedelta(days=int(days)),
                request=request,
            )
        except issuing.TokenRefused as refusal:
            form.add_error(None, f"{str(refusal)[0].upper()}{str(refusal)[1:]}.")
        else:
            return render(request, "governance/token_created.html", {"issued": issued})
    status = 422 if form.errors else 200
    return render(request, "governance/token_new.html", {"form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask once more, then end the token."""
    token = get_object_or_404(ApiToken, pk=pk)
    if not request.user.has_perm(revoking.PERMISSION):
        raise PermissionDenied(ONLY_ADMINISTRATORS)
    if request.method != "POST":
        return render(request, "governance/token_revoke.html", {"token": token})
    if revoking.revoke_token(token, request):
        messages.success(request, f"The token {token.name} is revoked. It is refused from now on.")
    else:
        messages.info(request, f"The token {token.name} was revoked already.")
    return redirect("governance:tokens")


def _may_create(request: HttpRequest) -> bool:
    return request.user.has_perm(issuing.PERMISSION)
