"""The audit trail in the browser."""

from typing import NamedTuple
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from factory.kit.lists import Column, Filter, ListPage
from factory.templatetags.display import utc_seconds
from governance.audit.models import Entry, Outcome
from governance.audit.reading import actions, entries
from governance.people.models import ApiToken, User
from lineage.entities.keys import KINDS
from lineage.pages import links

#: Actors that have no id, in words.
NAMELESS = {"anonymous": "somebody not signed in", "console": "the console", "system": "Plumbline itself"}


def _actor(entry: Entry) -> str:
    return f"{entry.actor_type}:{entry.actor_id}" if entry.actor_id else entry.actor_type


def who(entry: Entry) -> str:
    actor = _actor(entry)
    if entry.actor_type == "source":
        return entry.actor_id
    return NAMELESS.get(actor) or entry.names.get(actor, actor)  # type: ignore[attr-defined]


def act_of(action: str) -> str:
    return action.replace(".", " ").replace("_", " ")


class Target(NamedTuple):
    """What an act was done to, and the page about it where there is one."""

    name: str
    href: str


def target_links(entry: Entry) -> list[Target]:
    """Return the entry's targets by their names; see `with_names`."""
    return [_target(target, entry.names) for target in entry.targets]  # type: ignore[attr-defined]


def _target(target: str, names: dict[str, str]) -> Target:
    kind, _, rest = target.partition(":")
    if kind == "submission":
        pk = _id(rest)
        # Of an id the last part tells one from another; the first ones are the time.
        name = f"submission {rest.rpartition('-')[2]}"
        return Target(name, links.page("lineage:submission", str(pk)) if pk else "")
    if kind in KINDS and links.parse(target):
        return Target(f"{kind.replace('_', ' ')} {links.named(target)}", links.node_href(target))
    return Target(names.get(target, target), "")


def _targets(entry: Entry) -> SafeString:
    return format_html_join(
        ", ",
        "{}",
        (
            (format_html('<a href="{}">{}</a>', target.href, target.name) if target.href else target.name,)
            for target in target_links(entry)
        ),
    )


def _act_link(entry: Entry) -> SafeString:
    address = reverse("governance:entry", args=[entry.pk])
    return format_html('<a href="{}">{}</a>', address, act_of(entry.action))


def _outcome(entry: Entry) -> str:
    words = entry.get_outcome_display()
    return f"{words}: {entry.reason}" if entry.reason else words


def _through(entry: Entry) -> str:
    return entry.said.get("source", {}).get("service", "")


COLUMNS = (
    Column(
        "when", "When", lambda entry: entry.occurred_at, lambda entry: utc_seconds(entry.occurred_at), ("id",)
    ),
    Column("actor", "Who", _actor, who),
    Column("action", "Act", lambda entry: entry.action, _act_link),
    Column("targets", "On what", lambda entry: entry.targets, _targets),
    Column("outcome", "Outcome", lambda entry: entry.outcome, _outcome),
    Column("through", "Through", _through),
)
#: What the page says in other columns, or leaves to an entry's own page.
ONLY_CSV = (
    Column("reason", "Reason", lambda entry: entry.reason),
    Column("id", "Entry", lambda entry: str(entry.pk)),
    Column("request_id", "Request", lambda entry: entry.said.get("request_id", "")),
)


def with_names(page: list[Entry]) -> None:
    """Give each entry the names of the `user:id` and `token:id` on the page: two queries in all."""
    ids: dict[str, set[UUID]] = {"user": set(), "token": set()}
    for entry in page:
        for text in [_actor(entry), *entry.targets]:
            kind, _, rest = text.partition(":")
            if kind in ids and (key := _id(rest)):
                ids[kind].add(key)
    users = User.objects.filter(pk__in=ids["user"]).only("name", "email")
    tokens = ApiToken.objects.filter(pk__in=ids["token"]).values_list("pk", "name")
    names = {f"user:{user.pk}": str(user) for user in users} | {f"token:{pk}": name for pk, name in tokens}
    for entry in page:
        entry.names = names  # type: ignore[attr-defined]


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@require_safe
def listing(request: HttpRequest) -> HttpResponseBase:
    """Every act on record, newest first."""
    page = ListPage(
        label="Entries",
        columns=(*COLUMNS, *ONLY_CSV) if request.GET.get("format") == "csv" else COLUMNS,
        rows=entries,
        sort="-when",
        filters=(
            Filter("action", "Act", [(action, act_of(action)) for action in actions()]),
            Filter("outcome", "Outcome", Outcome.choices),
            Filter("actor", "Who", hint="user:id, token:id, source:name, system"),
            Filter("target", "On what", hint="a node key, or token:id"),
        ),
        # Counting further would take longer than finding the page.
        counted=1_000,
        filename="audit-trail",
        dress=with_names,
    )
    return page.answer(request, "governance/audit.html", {})
