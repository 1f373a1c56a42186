"""One node: what stands about it, its versions or runs, its facets, its neighbours, its history."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from factory.kit.lists import Column, ListPage, linked
from factory.templatetags.display import words
from lineage.entities.find import facets_of, find_node
from lineage.entities.keys import VERSION_KIND, BadKey
from lineage.entities.models import NodeState, Statement
from lineage.graph.standing import standing
from lineage.intake.models import Reading
from lineage.pages import facets as facet_views
from lineage.pages import inventory, links
from lineage.pages.neighbours import neighbours

HISTORY_PAGE = 20
#: Attributes that the summary shows by itself, or that the fold adds for it.
IN_SUMMARY = (
    "title",
    "description",
    "owners",
    "tags",
    "department",
    "classification",
    "not_applied",
    "conflicts",
    "dropped",
    "fields",
    "job",
    "parent",
    "state",
    "same_as",
)
#: Of these a person asks what shaped them when they failed.
CAN_FAIL = ("deployment", "outcome", "incident")


class Said(NamedTuple):
    """One statement of the history. `told` is what it said, `facets` the names of what came with it."""

    at: datetime
    known_at: datetime | None
    asserter: str
    submission: UUID | None
    told: dict[str, Any]
    facets: list[str]


VERSIONS = (
    Column(
        "version",
        "Version",
        lambda row: row.version,
        lambda row: linked(links.node_href(row.key), row.version),
        heading=True,
    ),
    Column("began_at", "Since", lambda row: row.began_at, order=("began_at",)),
    Column("ended_at", "Until", lambda row: row.ended_at),
    inventory.CLASSIFICATION,
    inventory.TAGS,
    inventory.REMARK,
)
RUNS = (
    Column(
        "run",
        "Run",
        lambda row: row.name,
        lambda row: linked(links.node_href(row.key), row.name),
        heading=True,
    ),
    inventory.STATE,
    Column("began_at", "Began", lambda row: row.began_at, order=("began_at",)),
    inventory.ENDED,
)


def members(node: NodeState, label: str, columns: tuple[Column, ...]) -> ListPage:
    """The versions of a dataset, model or agent, or the runs of a job."""

    def rows(_: Any) -> QuerySet[NodeState]:
        of_node = NodeState.objects.filter(entity_id=node.pk, canonical=None)
        return standing(of_node).defer("fold", "search", "attributes")

    return ListPage(
        label=label,
        columns=columns,
        rows=rows,
        sort="-began_at",
        size=20,
        filename=label.lower(),
        keep=("key",),
    )


def members_of(node: NodeState) -> ListPage | None:
    if node.kind in VERSION_KIND:
        return members(node, "Versions", VERSIONS)
    return members(node, "Runs", RUNS) if node.kind == "job" else None


def history(names: list[int], before: int | None) -> tuple[list[Said], int | None]:
    """Return statements about any of the node ids, newest reading first, and where the next page starts."""
    rows = Statement.objects.filter(node_id__in=names).order_by("-id")
    if before is not None:
        rows = rows.filter(id__lt=before)
    page = list(rows[: HISTORY_PAGE + 1])
    following = page[HISTORY_PAGE - 1].pk if len(page) > HISTORY_PAGE else None
    page = page[:HISTORY_PAGE]
    readings = Reading.objects.in_bulk({row.reading_id for row in page})
    told = []
    for row in page:
        body = msgspec.json.decode(bytes(row.body))
        reading = readings.get(row.reading_id)
        told.append(
            Said(
                row.at,
                reading.known_at if reading else None,
                row.asserter,
                reading.submission_id if reading else None,
                {name: value for name, value in body.get("attributes", {}).items() if name != "fields"},
                sorted(body.get("facets", {})),
            )
        )
    return told, following


def summary(node: NodeState, other_names: list[NodeState]) -> dict[str, Any]:
    """What the top of the page says."""
    told = node.attributes
    subject = told.get("subject")
    return {
        "node": node,
        "key": str(node.key),
        "kind": words(node.kind),
        "entity": node.entity.key if node.entity else None,
        "run_of": node.entity.name if node.kind == "run" and node.entity else "",
        "other_names": [row.key for row in other_names],
        "department": links.of_one_kind("department", node.department) if node.department else None,
        "not_applied": told.get("not_applied", []),
        "conflicts": told.get("conflicts", []),
        "dropped": told.get("dropped", []),
        "parent": told.get("parent"),
        "more": {name: value for name, value in told.items() if name not in IN_SUMMARY},
        "can_fail": str(subject or node.key) if node.kind in CAN_FAIL else "",
    }


def entity(request: HttpRequest) -> HttpResponseBase:
    """GET /node/?key=; `format=csv` gives its versions or runs."""
    text = request.GET.get("key", "")
    try:
        node = find_node(text)
    except BadKey as error:
        return not_a_key(request, text, str(error))
    except NodeState.DoesNotExist:
        raise Http404(f"Nothing is known of {text}") from None
    listed = members_of(node)
    if request.GET.get("format") == "csv":
        if listed is None:
            raise Http404("there is no list here")
        return listed.csv(request)
    other_names = list(NodeState.objects.filter(canonical_id=node.pk).defer("fold", "search"))
    before = request.GET.get("history", "")
    told, following = history(
        [node.pk, *(row.pk for row in other_names)],
        int(before) if before.isdecimal() and len(before) < 19 else None,
    )
    facets = facet_views.in_order(facets_of(node))
    context = {
        **summary(node, other_names),
        "page": listed.page(request) if listed else None,
        "facets": facets,
        "fields": [] if any(one.name == "schema" for one in facets) else facet_views.fields(node.attributes),
        "near": neighbours(node),
        "history": told,
        "history_next": links.page("lineage:entity", key=str(node.key), history=str(following or "")),
        "history_first": links.node_href(node.key) if before else "",
        "more_history": following is not None,
    }
    return render(request, "lineage/entity.html", context)


def not_a_key(request: HttpRequest, text: str, reason: str) -> HttpResponse:
    return render(request, "lineage/entity_unknown.html", {"key": text, "reason": reason}, status=400)
