"""What of a trace is drawn: which nodes are folded away, and which stand together in one box."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple

from lineage.entities.keys import ENTITY_KIND, UNKNOWN, BadKey, NodeKey
from lineage.graph.trace import Trace, TraceEdge, TraceNode

#: So many of what is alike are drawn, the newest; the others share a box.
SHOWN_ALIKE = 6
#: So many of what is alike and needs attention are drawn on top of that.
SHOWN_MARKED = 6
PLURAL = {
    "dataset": "datasets",
    "dataset_version": "versions",
    "job": "jobs",
    "run": "runs",
    "model": "models",
    "model_version": "model versions",
    "system": "systems",
    "deployment": "deployments",
    "agent": "agents",
    "agent_version": "agent versions",
    "tool": "tools",
    "department": "departments",
    "user": "people",
    "outcome": "outcomes",
    "incident": "incidents",
}
LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Box(NamedTuple):
    """One box: a node, or (`id` begins with `g-`) a group of alike nodes.

    `marks` says in words what needs attention. `hidden` counts the nodes folded away behind it;
    `foldable` that something could be; `more` that the graph goes on where the trace ended.
    """

    id: str
    kind: str
    name: str
    detail: str
    members: tuple[TraceNode, ...]
    marks: tuple[str, ...] = ()
    focus: bool = False
    hidden: int = 0
    foldable: bool = False
    more: bool = False

    @property
    def is_group(self) -> bool:
        return self.id.startswith("g-")


class Line(NamedTuple):
    """All edges from one box to another."""

    source: str
    target: str
    kinds: tuple[str, ...]
    inferred: bool
    edges: int


class Opened(NamedTuple):
    """A group that is drawn member by member because the reader asked for it."""

    id: str
    label: str


class Picture(NamedTuple):
    boxes: dict[str, Box]
    lines: list[Line]
    opened: list[Opened]
    folded_away: int


def when(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" if moment else ""


def failed_checks(node: TraceNode) -> int:
    """How many data quality assertions the node failed."""
    failed = node.attributes.get("assertions_failed") or 0
    return len(failed) if isinstance(failed, list) else int(failed)


def job_of(node: TraceNode) -> NodeKey | None:
    """The job that a run is a run of."""
    try:
        return NodeKey.parse(str(node.attributes.get("job") or ""))
    except BadKey:
        return None


def name_of(node: TraceNode) -> str:
    """What a person calls the node: a run by its job's name, all else by their own."""
    job = job_of(node) if node.kind == "run" else None
    return job.name if job else node.name


def version_of(node: TraceNode) -> str:
    """A version in words: one that Plumbline named after its run is told by when it came into being."""
    if node.version == UNKNOWN:
        return "no version named"
    if node.inferred and node.version.startswith("run-"):
        return f"made {when(node.began_at)}" if node.began_at else node.version
    return f"version {node.version}"


def detail_of(node: TraceNode) -> str:
    """The second line of a box."""
    if node.kind in ENTITY_KIND:
        return version_of(node)
    parts = [
        node.kind.replace("_", " "),
        when(node.began_at) if node.kind != "deployment" else "",
    ]
    if node.kind == "deployment":
        parts += [str(node.attributes.get("environment") or ""), node.state]
    return " · ".join(part for part in parts if part)


def marks_of(node: TraceNode) -> tuple[str, ...]:
    """What about a node needs a person's attention, the worst first."""
    marks = []
    if failed := failed_checks(node):
        marks.append(f"{failed} failed check{'s' if failed > 1 else ''}")
    if node.state.lower() in ("fail", "failed", "abort"):
        marks.append("aborted" if node.state.lower() == "abort" else "failed")
    if node.conflicting:
        marks.append("conflict")
    if node.version == UNKNOWN:
        marks.append("unknown")
    elif node.inferred:
        marks.append("inferred")
    return tuple(marks)


def needs_attention(node: TraceNode) -> bool:
    return any(mark != "inferred" for mark in marks_of(node))


def merged(trace: Trace, further: Iterable[Trace]) -> tuple[list[TraceNode], list[TraceEdge]]:
    """The nodes and edges of several traces, each once, the first one's first."""
    nodes: dict[str, TraceNode] = {}
    edges: dict[tuple[str, str, str], TraceEdge] = {}
    for one in (trace, *further):
        for node in one.nodes:
            nodes.setdefault(node.key, node)
        for edge in one.edges:
            edges.setdefault((edge.source, edge.target, edge.kind), edge)
    ends = [edge for edge in edges.values() if edge.source in nodes and edge.target in nodes]
    return list(nodes.values()), ends


def all_groups(signature: tuple[str, ...]) -> bool:
    """Whether all neighbours in a neighbourhood are groups."""
    neighbours = [part for part in signature[1:] if part != ">"]
    return ">" in signature and bool(neighbours) and all(part.startswith("g-") for part in neighbours)


def span_of(nodes: Iterable[TraceNode]) -> str:
    """`2026-03-01 to 2026-03-31`."""
    moments = sorted(when(node.began_at)[:10] for node in nodes if node.began_at)
    if not moments:
        return ""
    return moments[0] if moments[0] == moments[-1] else f"{moments[0]} to {moments[-1]}"


class Drawing:
    """The making of one picture: fold away, group, then state the boxes and lines."""

    def __init__(self, nodes: list[TraceNode], edges: list[TraceEdge], focus: Collection[str]):
        self.nodes = {node.key: node for node in nodes}
        self.edges = edges
        self.focus = [key for key in focus if key in self.nodes]
        self.before: dict[str, list[str]] = defaultdict(list)
        self.after: dict[str, list[str]] = defaultdict(list)
        for edge in edges:
            self.before[edge.target].append(edge.source)
            self.after[edge.source].append(edge.target)
        self.upstream = self.reach(self.focus, self.before, ())
        self.downstream = self.reach(self.focus, self.after, ())

    def reach(
        self, starts: Iterable[str], side: dict[str, list[str]], stops: Collection[str]
    ) -> dict[str, None]:
        """The nodes that one comes to from `starts`, those included, not going on beyond `stops`."""
        reached = dict.fromkeys(starts)
        pending = list(reached)
        while pending:
            node = pending.pop()
            for other in side[node] if node not in stops else ():
                if other not in reached:
                    reached[other] = None
                    pending.append(other)
        return reached

    def beyond(self, key: str) -> dict[str, None]:
        """What lies behind a node, seen from the focus: the node itself and all that would be folded."""
        side = self.before if key in self.upstream else self.after
        return self.reach([key], side, self.focus)

    def folded(self, collapsed: Collection[str]) -> set[str]:
        """The nodes that aren't drawn because what they lead to is collapsed."""
        stops = set(collapsed) - set(self.focus)
        if not stops:
            return set()
        left = {
            *self.reach(self.focus, self.before, stops),
            *self.reach(self.focus, self.after, stops),
        }
        return {*self.upstream, *self.downstream} - left

    def groups(
        self, shown: list[str], expanded: Collection[str]
    ) -> tuple[dict[str, str], dict[str, list[str]], list[Opened]]:
        """Which nodes share a box: {node: group}, {group: nodes}, and the groups that were opened."""
        stands_in: dict[str, str] = {}
        members: dict[str, list[str]] = {}
        opened: dict[str, Opened] = {}

        def gather(alike: dict[tuple[str, ...], list[str]]) -> bool:
            found = False
            for signature, keys in alike.items():
                rest = self.rest_of(keys, among_groups=all_groups(signature))
                if len(rest) < 2:
                    continue
                group = "g-" + blake2b("\n".join(signature).encode(), digest_size=6).hexdigest()
                if group in expanded:
                    opened[group] = Opened(group, self.group_name(rest))
                    continue
                members[group] = rest
                stands_in.update(dict.fromkeys(rest, group))
                found = True
            return found

        free = [key for key in shown if key not in self.focus]
        versions: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for key in free:
            node = self.nodes[key]
            if node.kind in ENTITY_KIND:
                side = "upstream" if key in self.upstream else "downstream"
                versions[node.kind, node.namespace, node.name, side].append(key)
        gather(versions)
        for _ in range(8):  # grouping makes other nodes alike
            alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
            for key in free:
                if key not in stands_in:
                    alike[self.neighbourhood(key, stands_in)].append(key)
            if not gather(alike):
                break
        return stands_in, members, list(opened.values())

    def neighbourhood(self, key: str, stands_in: dict[str, str]) -> tuple[str, ...]:
        """A node's kind and neighbours: who has the same is alike."""
        before = sorted({stands_in.get(other, other) for other in self.before[key]})
        after = sorted({stands_in.get(other, other) for other in self.after[key]})
        return (self.nodes[key].kind, *before, ">", *after)

    def rest_of(self, keys: list[str], *, among_groups: bool) -> list[str]:
        """Of alike nodes those that aren't drawn one by one: neither the newest nor marked ones.

        None is drawn where all that they are joined to is groups.
        """
        shown = 0 if among_groups else SHOWN_ALIKE
        if len(keys) <= shown + 1:
            return []
        newest = sorted(
            keys,
            key=lambda key: (self.nodes[key].began_at or LONG_AGO, key),
            reverse=True,
        )
        marked = [key for key in newest if needs_attention(self.nodes[key])][:SHOWN_MARKED]
        plain = [key for key in newest if key not in marked]
        return plain[shown:]

    def group_name(self, keys: list[str]) -> str:
        return f"… {len(keys):,} more {PLURAL[self.nodes[keys[0]].kind]}"

    def group_box(self, group: str, keys: list[str]) -> Box:
        nodes = tuple(self.nodes[key] for key in keys)
        names = list(dict.fromkeys(name_of(node) for node in nodes))
        marks: dict[str, int] = defaultdict(int)
        for node in nodes:
            for mark in marks_of(node):
                marks["failed checks" if mark[0].isdigit() else mark] += 1
        return Box(
            id=group,
            kind=nodes[0].kind,
            name=self.group_name(keys),
            detail=f"of {names[0]}" if len(names) == 1 else span_of(nodes),
            members=nodes,
            marks=tuple(f"{count:,} {mark}" for mark, count in marks.items()),
        )

    def node_box(
        self,
        key: str,
        folded: set[str],
        collapsed: Collection[str],
        more: Collection[str],
    ) -> Box:
        node = self.nodes[key]
        focus = key in self.focus
        further = self.before if key in self.upstream else self.after
        return Box(
            id=key,
            kind=node.kind,
            name=name_of(node),
            detail=detail_of(node),
            members=(node,),
            marks=marks_of(node),
            focus=focus,
            hidden=len(folded.intersection(self.beyond(key))) if key in collapsed and not focus else 0,
            foldable=bool(further[key]) and not focus,
            more=key in more,
        )


def draw(
    nodes: list[TraceNode],
    edges: list[TraceEdge],
    focus: Collection[str],
    *,
    collapsed: Collection[str] = (),
    expanded: Collection[str] = (),
    more: Collection[str] = (),
) -> Picture:
    """State the boxes and lines of a picture.

    `focus` are the keys that the question is about; what lies beyond a `collapsed` node, seen from
    there, is folded away; alike nodes beyond a handful share a box unless the group's id is in
    `expanded`; `more` are the nodes at which the graph goes on.
    """
    drawing = Drawing(nodes, edges, focus)
    folded = drawing.folded(collapsed)
    shown = [key for key in drawing.nodes if key not in folded]
    stands_in, members, opened = drawing.groups(shown, expanded)
    boxes: dict[str, Box] = {}
    for key in shown:
        box = stands_in.get(key, key)
        if box in boxes:
            continue
        if box in members:
            boxes[box] = drawing.group_box(box, members[box])
        else:
            boxes[key] = drawing.node_box(key, folded, collapsed, more)
    joined: dict[tuple[str, str], list[TraceEdge]] = defaultdict(list)
    for edge in edges:
        if edge.source not in folded and edge.target not in folded:
            source = stands_in.get(edge.source, edge.source)
            target = stands_in.get(edge.target, edge.target)
            if source != target:
                joined[source, target].append(edge)
    lines = [
        Line(
            source,
            target,
            tuple(sorted({edge.kind for edge in between})),
            all(edge.basis == "inferred" for edge in between),
            len(between),
        )
        for (source, target), between in joined.items()
    ]
    return Picture(boxes, lines, opened, len(folded))
