"""The lineage page: a picture of where a node comes from and what it affects, and the same as a table."""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from factory.kit.lists import spelt
from lineage.graph.failure import in_order_of_making
from lineage.graph.picture import PLURAL, detail_of, marks_of, name_of, when
from lineage.graph.svg import anchor_of, draw_svg, sample
from lineage.graph.trace import TraceEdge, TraceNode
from lineage.pages.links import node_href
from lineage.pages.moments import field_value
from lineage.pages.question import (
    DEEPEST,
    MOST_SHOWN,
    Asked,
    BadQuestion,
    Lineage,
    answer,
    asked_of,
    links_of,
)
from lineage.pages.receipt import receipt_of

MODES = {
    "both": "Both ways",
    "provenance": "Provenance: where it comes from",
    "impact": "Impact: what it affects",
}
#: CSS classes, look, words.
LEGEND = (
    ("data", "data", "Dataset version"),
    ("run", "run", "Run of a job"),
    ("model", "model", "Model version"),
    ("deployment", "deployment", "Deployment"),
    ("outcome", "outcome", "Outcome"),
    ("agent", "agent", "Agent or tool"),
    ("data guessed", "data", "Inferred: no source named the version"),
    ("data failing", "data", "Failed"),
    ("data conflicting", "data", "In conflict or unknown"),
    ("", "", "Declared or observed"),
    ("inferred", "", "Inferred"),
)


class Row(NamedTuple):
    """One node as a row of the table: `sources` are (name, href, words) of what it comes from."""

    node: TraceNode
    name: str
    detail: str
    marks: tuple[str, ...]
    href: str
    centre: str
    anchor: str
    sources: list[tuple[str, str, str]]


def lineage_page(request: HttpRequest) -> HttpResponse:
    """GET /lineage/?node=&mode=&depth=&at=&known_at=&collapsed=&expanded=&show="""
    context: dict[str, Any] = {"modes": MODES, "given": request.GET, "deepest": DEEPEST}
    try:
        asked = asked_of(request)
        if not asked.node:
            return render(request, "lineage/lineage.html", context | {"asked": asked})
        lineage = answer(asked)
    except BadQuestion as bad:
        context |= {
            "asked": Asked(node=request.GET.get("node", "")),
            "errors": bad.errors,
        }
        return render(request, "lineage/lineage.html", context, status=bad.status)
    return render(request, "lineage/lineage.html", context | page_of(asked, lineage))


def page_of(asked: Asked, lineage: Lineage) -> dict[str, Any]:
    """What the template shows."""
    picture = lineage.picture
    title = title_of(asked, lineage)
    names = {node.key: name_of(node) for node in lineage.nodes}
    focus = {lineage.trace.root, *lineage.trace.roots}
    return {
        "asked": asked,
        "root": lineage.root,
        "root_href": node_href(lineage.root.key),
        "title": title,
        "svg": draw_svg(
            picture,
            links_of(asked),
            title=title,
            description=description_of(lineage),
        ),
        "nodes": lineage.nodes,
        "drawn": len(picture.boxes),
        "rows": rows_of(asked, lineage),
        "cut_off": lineage.trace.next is not None,
        "receipt": receipt_of(lineage.trace),
        "more": asked.query(show=min(MOST_SHOWN, asked.show * 2)) if asked.show < MOST_SHOWN else "",
        "deeper": asked.query(depth=min(DEEPEST, asked.depth + 2))
        if lineage.trace.completeness.truncated and asked.depth < DEEPEST
        else "",
        "impact": impact_of(lineage.nodes, focus) if asked.mode == "impact" else None,
        "jumps": sorted((names[node.key], detail_of(node), node.key) for node in lineage.nodes),
        "opened": [
            (
                group.label,
                asked.query(expanded=tuple(key for key in asked.expanded if key != group.id)),
            )
            for group in picture.opened
        ],
        "unfold": asked.query(collapsed=(), expanded=()) if asked.collapsed or asked.expanded else "",
        "mode_links": [(MODES[mode], asked.query(mode=mode), mode == asked.mode) for mode in MODES],
        "here": asked.query(),
        "at": field_value(asked.at),
        "known_at": field_value(asked.known_at),
        "legend": [(sample(classes, look), words) for classes, look, words in LEGEND],
    }


def title_of(asked: Asked, lineage: Lineage) -> str:
    words = {"both": "Lineage", "provenance": "Provenance", "impact": "Impact"}[asked.mode]
    root = lineage.root
    version = f", version {root.version}" if root.version else ""
    return f"{words} of {root.name}{version}"


def description_of(lineage: Lineage) -> str:
    kinds = counted(lineage.nodes)
    return f"{kinds}. Data flows from left to right. The same is told as a table on this page."


def counted(nodes: Iterable[TraceNode]) -> str:
    """`3 runs, 1 deployment`."""
    counts = Counter(node.kind for node in nodes)
    said = []
    for kind, plural in PLURAL.items():
        if count := counts[kind]:
            said.append(f"{count:,} {plural if count > 1 else kind.replace('_', ' ')}")
    return ", ".join(said)


def impact_of(nodes: Iterable[TraceNode], focus: set[str]) -> list[tuple[int, str]]:
    """How many of each kind are affected, what people care about most first."""
    affected = [node for node in nodes if node.key not in focus]
    counts = Counter(node.kind for node in affected)
    departments = {node.department for node in affected if node.department}
    order = (
        "outcome",
        "deployment",
        "agent",
        "model_version",
        "dataset_version",
        "run",
    )
    kinds = [kind for kind in (*order, *(set(counts) - set(order))) if counts[kind]]
    said = [(counts[kind], PLURAL[kind] if counts[kind] > 1 else kind.replace("_", " ")) for kind in kinds]
    if departments:
        said.append((len(departments), "departments" if len(departments) > 1 else "department"))
    return said


def rows_of(asked: Asked, lineage: Lineage) -> list[Row]:
    """Everything that was found as rows, in the direction of the data."""
    nodes = {node.key: node for node in lineage.nodes}
    into: dict[str, list[TraceEdge]] = defaultdict(list)
    out: dict[str, list[TraceEdge]] = defaultdict(list)
    for edge in lineage.edges:
        into[edge.target].append(edge)
        out[edge.source].append(edge)
    hrefs = {key: node_href(key) for key in nodes}
    rows = []
    for key in in_order_of_making(nodes, into, out):
        node = nodes[key]
        sources = []
        for edge in into[key]:
            source = nodes[edge.source]
            words = edge.kind.replace("_", " ") + (", inferred" if edge.basis == "inferred" else "")
            sources.append((f"{name_of(source)}, {detail_of(source)}", hrefs[edge.source], words))
        rows.append(
            Row(
                node=node,
                name=name_of(node),
                detail=detail_of(node),
                marks=marks_of(node),
                href=hrefs[key],
                centre=asked.centred_on(key),
                anchor=anchor_of(key) if key in lineage.picture.boxes else "",
                sources=sources,
            )
        )
    return rows


# --- files ----------------------------------------------------------------------------------------


@cache
def standalone_style() -> str:
    """The picture's CSS with its light colours alone: what any viewer understands."""
    css = Path(str(finders.find("css/picture.css"))).read_text(encoding="utf-8")
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    return re.sub(r"light-dark\((#[0-9a-f]+), #[0-9a-f]+\)", r"\1", css).strip()


def lineage_svg(request: HttpRequest) -> HttpResponse:
    """GET /lineage.svg: the picture of the same question as a file of its own."""
    try:
        asked = asked_of(request)
        lineage = answer(asked)
    except BadQuestion as bad:
        return HttpResponse(str(bad), status=bad.status, content_type="text/plain; charset=utf-8")
    title = title_of(asked, lineage)
    caption = [
        title
        + (f", as of {when(asked.at)} UTC" if asked.at else "")
        + (f", as known at {when(asked.known_at)} UTC" if asked.known_at else ""),
        *receipt_of(lineage.trace).sentences,
    ]
    body = draw_svg(
        lineage.picture,
        links_of(asked, settings.PUBLIC_URL),
        title=title,
        description=description_of(lineage),
        style=standalone_style(),
        caption=caption,
    )
    response = HttpResponse(body, content_type="image/svg+xml")
    response["Content-Disposition"] = 'attachment; filename="lineage.svg"'
    return response


NODE_COLUMNS = (
    "key", "kind", "namespace", "name", "version", "depth", "title", "department", "owners",
    "classification", "state", "began_at", "ended_at", "inferred", "conflicting",
)  # fmt: skip
EDGE_COLUMNS = (
    "source", "target", "kind", "basis", "valid_from", "valid_to", "known_from", "superseded_at",
    "asserted_by", "evidence",
)  # fmt: skip


def lineage_csv(request: HttpRequest) -> HttpResponse:
    """GET /lineage.csv?table=nodes|edges: what was found, nothing folded away."""
    try:
        asked = asked_of(request)
        lineage = answer(asked)
    except BadQuestion as bad:
        return HttpResponse(str(bad), status=bad.status, content_type="text/plain; charset=utf-8")
    table = "nodes" if request.GET.get("table") == "nodes" else "edges"
    columns: tuple[str, ...] = NODE_COLUMNS if table == "nodes" else EDGE_COLUMNS
    rows: list[Any] = lineage.nodes if table == "nodes" else lineage.edges
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([spelt(getattr(row, column)) for column in columns] for row in rows)
    response = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="lineage-{table}.csv"'
    return response
