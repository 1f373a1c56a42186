"""The audit trail in the browser."""

from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from factory.kit.lists import Column, Filter, ListPage
from factory.templatetags.display import utc_seconds
from governance.audit.models import Entry, Outcome
from governance.audit.reading import actions, entries
from governance.people.models import ApiToken, User

#: Actors that have no id, in words.
NAMELESS = {"anonymous": "somebody not signed in", "console": "the console", "system": "Plumbline itself"}


def _actor(entry: Entry) -> str:
    return f"{entry.actor_type}:{entry.actor_id}" if entry.actor_id else entry.actor_type


def _who(entry: Entry) -> str:
    actor = _actor(entry)
    return NAMELESS.get(actor) or entry.names.get(actor, actor)  # type: ignore[attr-defined]


def _act(action: str) -> str:
    return action.replace(".", " ").replace("_", " ")


def _targets(entry: Entry) -> str:
    return ", ".join(entry.names.get(target, target) for target in entry.targets)  # type: ignore[attr-defined]


def _outcome(entry: Entry) -> str:
    words = entry.get_outcome_display()
    return f"{words}: {entry.reason}" if entry.reason else words


def _through(entry: Entry) -> str:
    return entry.said.get("source", {}).get("service", "")


COLUMNS = (
    Column(
        "when", "When", lambda entry: entry.occurred_at, lambda entry: utc_seconds(entry.occurred_at), ("id",)
    ),
    Column("actor", "Who", _actor, _who),
    Column("action", "Act", lambda entry: entry.action, lambda entry: _act(entry.action)),
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


def _with_names(page: list[Entry]) -> None:
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
            Filter("action", "Act", [(action, _act(action)) for action in actions()]),
            Filter("outcome", "Outcome", Outcome.choices),
            Filter("target", "On what", hint="a node key, or token:id"),
        ),
        filename="audit-trail",
        dress=_with_names,
    )
    return page.answer(request, "governance/audit.html", {})
