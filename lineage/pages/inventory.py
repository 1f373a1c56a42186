"""Inventory: everything that is known, one kind at a time."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils.html import format_html
from django.utils.safestring import SafeString

from factory.kit.lists import COUNTED, Column, Filter, ListPage, linked
from factory.templatetags.display import number, plural, tone
from lineage.entities.find import nodes
from lineage.entities.keys import ENTITY_KIND, KINDS
from lineage.entities.models import NodeState
from lineage.graph.standing import standing
from lineage.pages.links import node_href, node_link, of_one_kind, page

CLASSIFICATIONS = ("public", "internal", "confidential", "restricted")
STATES = {
    "run": ("START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"),
    "deployment": ("serving", "stopped", "failed"),
    "agent": ("active", "suspended"),
    "agent_version": ("active", "suspended"),
    "incident": ("open", "closed"),
}
#: What happens, rather than what is: listed by news.
EVENTS = ("run", "outcome", "incident", *ENTITY_KIND)


def state_shown(state: str) -> SafeString | str:
    return format_html('<span class="state state-{}">{}</span>', tone(state), state.lower()) if state else ""


def breaking(text: str) -> SafeString | str:
    """Text that may break anywhere: addresses are long and have no spaces."""
    return format_html('<span class="breaks">{}</span>', text) if text else ""


def _name(row: NodeState) -> SafeString:
    link = linked(node_href(row.key), row.title or row.name)
    if row.title and row.title != row.name:
        return format_html('{} <span class="quiet">{}</span>', link, row.name)
    return link


def _remark(row: NodeState) -> str:
    marks = (("conflict", row.conflicting), ("inferred", row.inferred))
    return ", ".join(mark for mark, holds in marks if holds)


NAME = Column("name", "Name", lambda row: row.name, _name, order=("name",), heading=True)
RUN = Column(
    "name",
    "Run",
    lambda row: row.name,
    lambda row: format_html('<a href="{}"><code>{}</code></a>', node_href(row.key), row.name),
    order=("name",),
    heading=True,
)
NAMESPACE = Column(
    "namespace",
    "Namespace",
    lambda row: row.namespace,
    lambda row: breaking(row.namespace),
    order=("namespace", "name", "version"),
)
VERSION = Column(
    "version", "Version", lambda row: row.version, lambda row: linked(node_href(row.key), row.version)
)
DEPARTMENT = Column(
    "department",
    "Department",
    lambda row: row.department,
    lambda row: node_link(of_one_kind("department", row.department)) if row.department else "",
    order=("department",),
)
CLASSIFICATION = Column(
    "classification",
    "Classification",
    lambda row: row.classification,
    lambda row: state_shown(row.classification),
    order=("classification",),
)
STATE = Column("state", "State", lambda row: row.state, lambda row: state_shown(row.state), order=("state",))
OWNERS = Column("owners", "Owners", lambda row: row.owners, lambda row: breaking(", ".join(row.owners)))
TAGS = Column("tags", "Tags", lambda row: row.tags)
REMARK = Column("remark", "Remark", _remark, lambda row: state_shown(_remark(row)))
JOB = Column(
    "job",
    "Job",
    lambda row: str(row.entity or ""),
    lambda row: node_link(row.entity.key) if row.entity else "",
)
BEGAN = Column("began_at", "Began", lambda row: row.began_at)
ENDED = Column("ended_at", "Ended", lambda row: row.ended_at)
LAST_KNOWN = Column("last_known", "Last heard of", lambda row: row.last_known, order=("last_known",))
KEY = Column("key", "Key", lambda row: str(row.key), lambda row: "")

COLUMNS: dict[str, tuple[Column, ...]] = {
    "run": (RUN, JOB, STATE, BEGAN, ENDED, LAST_KNOWN),
    "job": (NAME, NAMESPACE, DEPARTMENT, OWNERS, TAGS, LAST_KNOWN),
    "dataset": (NAME, NAMESPACE, DEPARTMENT, CLASSIFICATION, OWNERS, TAGS, LAST_KNOWN),
    "model": (NAME, NAMESPACE, DEPARTMENT, OWNERS, TAGS, LAST_KNOWN),
    "deployment": (NAME, NAMESPACE, STATE, DEPARTMENT, OWNERS, LAST_KNOWN),
    "department": (NAME, OWNERS, LAST_KNOWN),
    "user": (NAME, DEPARTMENT, LAST_KNOWN),
    "outcome": (NAME, NAMESPACE, DEPARTMENT, LAST_KNOWN),
    "incident": (NAME, STATE, BEGAN, ENDED, LAST_KNOWN),
}
VERSION_COLUMNS = (NAME, VERSION, NAMESPACE, BEGAN, CLASSIFICATION, REMARK, LAST_KNOWN)
OTHER_COLUMNS = (NAME, NAMESPACE, STATE, DEPARTMENT, OWNERS, TAGS, LAST_KNOWN)

NAMED_ONLY = ("department", "user", "run")


class Tab(NamedTuple):
    """One kind with how many there are, counted up to a bound."""

    kind: str
    title: str
    href: str
    counted: str
    here: bool


def rows(kind: str, on: Mapping[str, str]) -> QuerySet[NodeState]:
    """The nodes of a kind that the filters let through."""
    known = {
        name: on[name] for name in ("namespace", "name", "q", "tag", "owner", "department") if name in on
    }
    found: QuerySet[NodeState] = standing(nodes(kind=kind, **known))
    for name in ("classification", "state"):
        if name in on:
            found = found.filter(**{name: on[name]})
    return found.select_related("entity").defer("fold", "search", "attributes")


def filters(kind: str) -> list[Filter]:
    found = [Filter("q", "Words"), Filter("name", "Name begins with")]
    if kind not in NAMED_ONLY:
        found += [Filter("namespace", "Namespace"), Filter("department", "Department")]
        found += [Filter("owner", "Owner"), Filter("tag", "Tag")]
    if kind.startswith("dataset"):
        found.append(Filter("classification", "Classification", [(word, word) for word in CLASSIFICATIONS]))
    if kind in STATES:
        found.append(Filter("state", "State", [(word, word.lower()) for word in STATES[kind]]))
    return found


def declaration(kind: str) -> ListPage:
    """The list page of one kind."""
    columns = VERSION_COLUMNS if kind in ENTITY_KIND else COLUMNS.get(kind, OTHER_COLUMNS)
    return ListPage(
        label=plural(kind).capitalize(),
        columns=columns,
        rows=lambda on: rows(kind, on),
        sort="-last_known" if kind in EVENTS else "name",
        filters=filters(kind),
        filename=plural(kind).replace(" ", "-"),
    )


def tabs(current: str) -> list[Tab]:
    """The kinds of which there is something, and the current one; one bounded query."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT k.kind, (SELECT count(*) FROM (
                   SELECT 1 FROM lineage_nodestate s
                   WHERE s.kind = k.kind AND s.canonical_id IS NULL LIMIT %s) bounded)
               FROM unnest(%s::text[]) AS k(kind)""",
            [COUNTED + 1, list(KINDS)],
        )
        counts: dict[str, int] = dict(cursor.fetchall())
    return [
        Tab(
            kind,
            plural(kind).capitalize(),
            page("lineage:inventory", kind),
            f"{number(COUNTED)}+" if counts[kind] > COUNTED else number(counts[kind]),
            kind == current,
        )
        for kind in KINDS
        if counts[kind] or kind == current
    ]


def inventory(request: HttpRequest, kind: str) -> HttpResponseBase:
    """GET /inventory/<kind>/, the list or its CSV."""
    if kind not in KINDS:
        raise Http404(f"there is no kind {kind!r}")
    context: dict[str, Any] = {"kind": kind}
    if request.GET.get("format") != "csv":
        context["tabs"] = tabs(kind)
    return declaration(kind).answer(request, "lineage/inventory.html", context)
