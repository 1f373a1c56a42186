"""Search: every kind at once, grouped, by words and by how a name begins."""

from itertools import groupby
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from factory.templatetags.display import plural
from lineage.entities.find import find_node, nodes
from lineage.entities.keys import ENTITY_KIND, KINDS, BadKey
from lineage.entities.models import NodeState
from lineage.graph.standing import standing
from lineage.pages.links import node_href, page

#: How many are shown of each kind, and looked at in all.
OF_A_KIND = 8
LOOKED_AT = 300
#: Kinds of which one name has many: looked at apart, so that they don't crowd out the others.
MANY = ("run", "outcome", *ENTITY_KIND)


class Group(NamedTuple):
    """What was found of one kind; `more` leads to all of it, or is empty."""

    title: str
    rows: list[NodeState]
    more: str


def search_all(q: str) -> list[Group]:
    """Return what `q` finds, kinds in their usual order: two queries."""
    found = standing(nodes(q=q)).defer("fold", "search", "attributes")
    rows = [*found.exclude(kind__in=MANY)[:LOOKED_AT], *found.filter(kind__in=MANY)[:LOOKED_AT]]
    by_kind = sorted(rows, key=lambda row: (KINDS.index(row.kind), row.name, row.namespace, row.version))
    groups = []
    for kind, of_kind in groupby(by_kind, key=lambda row: row.kind):
        all_of_kind = list(of_kind)
        more = page("lineage:inventory", kind, q=q) if len(all_of_kind) > OF_A_KIND else ""
        groups.append(Group(plural(kind).capitalize(), all_of_kind[:OF_A_KIND], more))
    return groups


def search(request: HttpRequest) -> HttpResponse:
    """GET /search/?q=; a request by htmx gets the results alone. A whole key leads to its node."""
    q = request.GET.get("q", "").replace("\x00", "").strip()[:400]
    live = bool(request.headers.get("HX-Request"))
    if ":" in q and not live:
        try:
            return HttpResponseRedirect(node_href(find_node(q).key))
        except (BadKey, NodeState.DoesNotExist):
            pass
    context: dict[str, Any] = {"q": q, "groups": search_all(q) if q else []}
    return render(request, "lineage/search_results.html" if live else "lineage/search.html", context)
