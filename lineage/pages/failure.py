"""Trace a failure: which data shaped what failed, in one sentence and then step by step."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from factory.kit.times import BadTime
from lineage.entities.find import find_node
from lineage.entities.keys import BadKey
from lineage.entities.models import NodeState
from lineage.graph.failure import Failure, NotTraceable, trace_failure
from lineage.graph.picture import when
from lineage.pages.failure_words import (
    fresh_of,
    rows_of,
    said,
    sentence_of,
    version_name,
)
from lineage.pages.links import node_href, page
from lineage.pages.moments import field_value, read_moment
from lineage.pages.receipt import receipt_of

#: The parameters that may name what failed; `node` is any of the others.
NAMED_BY = ("deployment", "outcome", "incident", "node")
KINDS = ("deployment", "outcome", "incident")
OFFERED = 200
#: So many suspects are shown unless all are asked for.
SUSPECTS_SHOWN = 10


class Choice(NamedTuple):
    """Something that may have failed, as offered."""

    key: str
    name: str
    detail: str
    href: str


class BadChoice(Exception):
    """What was asked about can't be traced: the sentence says why."""

    def __init__(self, sentence: str, status: int, found: Iterable[NodeState] = ()):
        super().__init__(sentence)
        self.status = status
        self.found = list(found)


def failure_page(request: HttpRequest) -> HttpResponse:
    """GET /failure/?deployment=|outcome=|incident=|node=&at=&known_at=&all="""
    given = request.GET
    named = next(
        (text for name in NAMED_BY if (text := given.get(name, "").replace("\0", "").strip())),
        "",
    )
    context: dict[str, Any] = {
        "named": named,
        "at": given.get("at", ""),
        "known_at": given.get("known_at", ""),
    }
    status = 200
    if named:
        try:
            at, known_at = moments_of(request)
            failure = trace_failure(chosen(named), at, known_at)
            context |= told(failure, known_at, whole=bool(given.get("all")))
        except NodeState.DoesNotExist:
            context |= {"error": "Plumbline knew nothing of this node at that moment."}
            status = 404
        except NotTraceable as error:
            context |= {"error": str(error)}
            status = 400
        except BadChoice as error:
            context |= {
                "error": str(error),
                "meant": [choice_of(node) for node in error.found],
            }
            status = error.status
    context |= {"offers": offers()} if "answer" not in context else {}
    context |= {"choices": [choice for _, choices in context.get("offers", ()) for choice in choices]}
    return render(request, "lineage/failure.html", context, status=status)


def moments_of(request: HttpRequest) -> list[datetime | None]:
    moments = []
    for name in ("at", "known_at"):
        text = request.GET.get(name, "")
        try:
            moments.append(read_moment(text))
        except BadTime as error:
            raise BadChoice(f"“{text}” {error.reason}.", 400) from None
    return moments


def chosen(text: str) -> NodeState:
    """Find what was named: by its key, its own name or its title. Raises BadChoice."""
    try:
        return find_node(text)
    except NodeState.DoesNotExist:
        raise BadChoice("Nothing is known under this key. It may be spelt differently.", 404) from None
    except BadKey:
        pass
    candidates = NodeState.objects.filter(kind__in=KINDS, canonical=None).defer("fold", "search")
    found = list(candidates.filter(name=text)[:20]) or list(candidates.filter(title__iexact=text)[:20])
    if len(found) == 1:
        return found[0]
    if found:
        raise BadChoice(f"{len(found)} things are called “{text}”. Which one failed?", 400, found)
    raise BadChoice(f"No deployment, outcome or incident is called “{text}”.", 404)


def offers() -> list[tuple[str, list[Choice]]]:
    """What may have failed: open incidents first, then failed deployments, then the other ones."""
    nodes = NodeState.objects.filter(canonical=None).defer("fold", "search")
    incidents = nodes.filter(kind="incident", state="open").order_by("-began_at")[:OFFERED]
    deployments = list(nodes.filter(kind="deployment").order_by("name", "namespace")[:OFFERED])
    failed = [node for node in deployments if node.state == "failed"]
    groups = [
        ("Open incidents", list(incidents)),
        ("Failed deployments", failed),
        ("Other deployments", [node for node in deployments if node.state != "failed"]),
    ]
    return [(title, [choice_of(node) for node in found]) for title, found in groups if found]


def choice_of(node: NodeState) -> Choice:
    environment = str(node.attributes.get("environment") or "")
    parts = [environment or node.kind, node.state, node.department]
    if node.kind == "incident" and node.began_at:
        parts = [
            "incident",
            str(node.attributes.get("severity") or ""),
            f"opened {when(node.began_at)} UTC",
        ]
    detail = ", ".join(part for part in parts if part)
    key = str(node.key)
    return Choice(
        key,
        node.title or node.name,
        detail,
        page("lineage:failure", **{node.kind: key}),
    )


def told(failure: Failure, known_at: datetime | None, *, whole: bool) -> dict[str, Any]:
    """What the template shows of an answer."""
    key = str(failure.subject.key)
    kind = failure.subject.kind
    moments = {"at": field_value(failure.at), "known_at": field_value(known_at)}
    grave = [one for one in failure.suspects if one.grave]
    suspects = grave if whole else grave[:SUSPECTS_SHOWN]
    fresh = fresh_of(failure)
    return {
        "answer": sentence_of(failure),
        "named": key,
        "at": moments["at"],
        "failure": failure,
        "title": failure.about.title or failure.about.name,
        "subject_href": node_href(key),
        "suspects": [said(one, failure) for one in suspects],
        "left_out": len(grave) - len(suspects),
        "fresh": fresh,
        "previous": version_name(failure.previous.model) if failure.previous else "",
        "rows": rows_of(failure),
        "all": page("lineage:failure", all="1", **{kind: key}, **moments),
        "link": page("lineage:failure", **{kind: key}, **moments),
        "picture": page(
            "lineage:lineage", node=str(failure.about.key), mode="provenance", depth="10", **moments
        ),
        "receipt": receipt_of(failure.trace),
    }
