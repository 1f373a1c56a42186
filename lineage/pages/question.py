"""The question that a lineage page's URL asks, and what it finds and draws."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Literal, NamedTuple
from urllib.parse import urlencode

import msgspec
from django.http import HttpRequest
from django.urls import reverse

from factory.kit.times import BadTime
from lineage.entities.find import find_node
from lineage.entities.keys import BadKey, NodeKey
from lineage.entities.models import NodeState
from lineage.graph.beyond import goes_on
from lineage.graph.complete import completeness_of
from lineage.graph.picture import Box, Drawing, Picture, draw, merged
from lineage.graph.svg import Links, anchor_of
from lineage.graph.trace import Trace, TraceEdge, TraceNode, trace
from lineage.pages.links import node_href
from lineage.pages.moments import field_value, read_moment

Direction = Literal["upstream", "downstream", "both"]
#: How a mode walks the graph, and what it is called.
DIRECTIONS: dict[str, Direction] = {
    "both": "both",
    "provenance": "upstream",
    "impact": "downstream",
}
DEFAULT_DEPTH = 3
DEEPEST = 100
#: How many nodes are traced unless more are asked for, and how many at most.
SHOWN = 300
MOST_SHOWN = 1000
MOST_UNFOLDED = 30


class Asked(NamedTuple):
    """What the URL asks for. `show` is how many nodes at most are traced."""

    node: str = ""
    mode: str = "both"
    depth: int = DEFAULT_DEPTH
    at: datetime | None = None
    known_at: datetime | None = None
    collapsed: tuple[str, ...] = ()
    expanded: tuple[str, ...] = ()
    show: int = SHOWN

    def query(self, **changes: Any) -> str:
        """The query string of this question with some of it changed; defaults are left out."""
        asked = self._replace(**changes)
        pairs: list[tuple[str, str]] = [("node", asked.node)]
        if asked.mode != "both":
            pairs.append(("mode", asked.mode))
        if asked.depth != DEFAULT_DEPTH:
            pairs.append(("depth", str(asked.depth)))
        pairs += [
            (name, field_value(moment))
            for name, moment in (("at", asked.at), ("known_at", asked.known_at))
            if moment
        ]
        pairs += [("collapsed", key) for key in asked.collapsed]
        pairs += [("expanded", key) for key in asked.expanded]
        if asked.show != SHOWN:
            pairs.append(("show", str(asked.show)))
        return "?" + urlencode(pairs)

    def centred_on(self, key: str) -> str:
        return self.query(node=key, collapsed=(), expanded=(), show=SHOWN)


class Lineage(NamedTuple):
    """The answer: what is drawn, and all that was found."""

    root: NodeState
    trace: Trace
    nodes: list[TraceNode]
    edges: list[TraceEdge]
    picture: Picture


class BadQuestion(Exception):
    """The URL can't be answered: `errors` says why, field by field."""

    def __init__(self, errors: dict[str, str], status: int = 400):
        super().__init__("; ".join(errors.values()))
        self.errors = errors
        self.status = status


def asked_of(request: HttpRequest) -> Asked:
    """Read the URL. Raises BadQuestion with all that is wrong with it."""
    given = request.GET
    errors: dict[str, str] = {}
    mode = given.get("mode", "")
    if not mode:
        directions: dict[str, str] = {direction: mode for mode, direction in DIRECTIONS.items()}
        mode = directions.get(given.get("direction") or "both", "")
    if mode not in DIRECTIONS:
        errors["mode"] = "The mode is provenance, impact or both."
    numbers = {"depth": (DEFAULT_DEPTH, DEEPEST), "show": (SHOWN, MOST_SHOWN)}
    for name, (default, most) in numbers.items():
        text = given.get(name, "") or str(default)
        if not re.fullmatch("[0-9]{1,4}", text) or not 1 <= int(text) <= most:
            errors[name] = f"The {name} is a whole number from 1 to {most:,}."
    moments: dict[str, datetime | None] = {"at": None, "known_at": None}
    for name in moments:
        try:
            moments[name] = read_moment(given.get(name, ""))
        except BadTime as error:
            errors[name] = f"“{given[name]}” {error.reason}."
    if errors:
        raise BadQuestion(errors)
    return Asked(
        node=given.get("node", "").replace("\0", "").strip(),
        mode=mode,
        depth=int(given.get("depth") or DEFAULT_DEPTH),
        at=moments["at"],
        known_at=moments["known_at"],
        collapsed=tuple(dict.fromkeys(given.getlist("collapsed")))[:MOST_SHOWN],
        expanded=tuple(dict.fromkeys(given.getlist("expanded")))[:MOST_SHOWN],
        show=int(given.get("show") or SHOWN),
    )


def answer(asked: Asked) -> Lineage:
    """Trace and lay out what is asked for. Raises BadQuestion."""
    try:
        root = find_node(asked.node)
    except BadKey as error:
        raise BadQuestion({"node": f"This is not the key of one node: {error}."}) from None
    except NodeState.DoesNotExist:
        raise BadQuestion(
            {"node": "Nothing is known of this node. It may be spelt differently."}, 404
        ) from None
    try:
        found = traced(asked, root.key)
    except NodeState.DoesNotExist:
        raise BadQuestion({"known_at": "Plumbline knew nothing of this node at that moment."}, 404) from None
    focus = [found.root, *found.roots]
    nodes, edges, drawing = unfolded(asked, found, focus)
    if len(found.roots) > 1:  # the versions answer; the dataset itself is drawn only if it has edges
        ends = {end for edge in edges for end in (edge.source, edge.target)}
        nodes = [node for node in nodes if node.key != found.root or node.key in ends]
    picture = draw(
        nodes,
        edges,
        focus,
        collapsed=asked.collapsed,
        expanded=asked.expanded,
        more=going_on(drawing, asked),
    )
    return Lineage(root, found, nodes, edges, picture)


def traced(asked: Asked, root: NodeKey) -> Trace:
    """Trace in the directions asked for, each up to the limit: many outcomes push no source out."""
    both: tuple[Direction, Direction] = ("upstream", "downstream")
    traces = [
        trace(
            root,
            direction=direction,
            depth=asked.depth,
            at=asked.at,
            known_at=asked.known_at,
            limit=asked.show,
        )
        for direction in (both if asked.mode == "both" else (DIRECTIONS[asked.mode],))
    ]
    first, last = traces[0], traces[-1]
    if first is last:
        return first
    nodes, edges = merged(first, [last])
    cut_off = first.completeness.truncated or last.completeness.truncated
    return msgspec.structs.replace(
        first,
        direction="both",
        nodes=nodes,
        edges=edges,
        next=first.next or last.next,
        completeness=completeness_of(nodes, edges, truncated=cut_off),
    )


def unfolded(
    asked: Asked, found: Trace, focus: list[str]
) -> tuple[list[TraceNode], list[TraceEdge], Drawing]:
    """The trace with what lies one run beyond the nodes that the reader unfolded."""
    traces = [found]
    nodes, edges = merged(found, ())
    drawing = Drawing(nodes, edges, focus)
    for key in [one for one in asked.expanded if ":" in one][:MOST_UNFOLDED]:
        if key not in drawing.nodes:
            continue
        direction: Direction = "upstream" if key in drawing.upstream else "downstream"
        traces.append(
            trace(
                NodeKey.parse(key),
                direction=direction,
                depth=1,
                at=asked.at,
                known_at=asked.known_at,
                limit=asked.show,
            )
        )
        nodes, edges = merged(found, traces[1:])
        drawing = Drawing(nodes, edges, focus)
    return nodes, edges, drawing


def going_on(drawing: Drawing, asked: Asked) -> set[str]:
    """The nodes at the rim of the trace beyond which there is more."""

    def rim(reached: Iterable[str], side: dict[str, list[str]]) -> list[NodeKey]:
        return [NodeKey.parse(key) for key in reached if not side[key] and key not in asked.expanded]

    more: set[str] = set()
    if asked.mode != "impact":
        more |= goes_on(rim(drawing.upstream, drawing.before), "upstream", asked.known_at)
    if asked.mode != "provenance":
        more |= goes_on(rim(drawing.downstream, drawing.after), "downstream", asked.known_at)
    return more.difference(drawing.focus)


def links_of(asked: Asked, base: str = "") -> Callable[[Box], Links]:
    """Where the picture's boxes lead: relative to this page, or from elsewhere under `base`."""
    here = base + reverse("lineage:lineage") if base else ""
    entity = node_href("dataset:x/y").partition("?")[0]

    def links(box: Box) -> Links:
        anchor = "#" + anchor_of(box.id)
        if box.is_group:
            return Links(box=here + asked.query(expanded=(*asked.expanded, box.id)))
        page = f"{base}{entity}?{urlencode({'key': box.id})}" if entity else ""
        if box.focus:
            return Links(box=page)
        fold = ""
        if box.id in asked.collapsed:
            fold = asked.query(collapsed=tuple(key for key in asked.collapsed if key != box.id)) + anchor
        elif box.more:
            fold = asked.query(expanded=(*asked.expanded, box.id)) + anchor
        elif box.foldable:
            fold = asked.query(collapsed=(*asked.collapsed, box.id)) + anchor
        return Links(box=here + asked.centred_on(box.id), page=page, fold=fold and here + fold)

    return links
