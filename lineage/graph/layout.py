"""Where the boxes of a lineage picture stand, and along which points its edges run.

A layered layout (Sugiyama, Tagawa, Toda 1981): columns in the direction of the data, left to right;
few crossings by barycentres; heights by weighted least squares under minimal distances. Pure and
deterministic: the same nodes and edges, in the same order, always give the same picture. A long edge
keeps a lane of its own in every column that it passes, so that it never runs through a box.
"""

from bisect import bisect_right, insort
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

MARGIN = 16.0
BOX_DISTANCE = 14.0
LANE_HEIGHT = 6.0
LANE_DISTANCE = 8.0
COLUMN_GAP = 48.0
WIDEST_GAP = 150.0
ORDER_ROUNDS = 10
HEIGHT_ROUNDS = 4
#: How much an edge wants to be level, by how many of its two ends are lanes: long edges run straight.
LEVEL = (1.0, 2.0, 8.0)


class Point(NamedTuple):
    x: float
    y: float


class Place(NamedTuple):
    """A box: its left upper corner, its size, and its column (0 is the leftmost). All in pixels."""

    x: float
    y: float
    width: float
    height: float
    column: int


class Layout(NamedTuple):
    """`routes` has one list of points for each edge as given, from its source to its target: the two
    ends, and between them pairs of points where it crosses a column on a level. An edge from a node
    to itself has an empty route."""

    places: dict[str, Place]
    routes: list[list[Point]]
    width: float
    height: float


class Graph:
    """Nodes as numbers; after `add_lanes` every edge joins neighbouring columns."""

    def __init__(
        self,
        heights: Sequence[float],
        edges: Sequence[tuple[int, int]],
        column: list[int],
    ):
        self.heights = list(heights)
        self.column = list(column)
        self.boxes = len(self.heights)
        self.left: list[list[int]] = [[] for _ in self.heights]
        self.right: list[list[int]] = [[] for _ in self.heights]
        #: For each edge the chain of nodes and lanes that it runs along, left to right.
        self.chains: list[list[int]] = []
        self.add_lanes(edges)

    def add_lanes(self, edges: Sequence[tuple[int, int]]) -> None:
        """Give every long edge a lane in each column it passes; edges of one source share theirs."""
        lanes: dict[tuple[int, int], int] = {}
        joined: set[tuple[int, int]] = set()
        for source, target in edges:
            chain = [source]
            for column in range(self.column[source] + 1, self.column[target]):
                if (source, column) not in lanes:
                    lanes[source, column] = len(self.heights)
                    self.heights.append(LANE_HEIGHT)
                    self.column.append(column)
                    self.left.append([])
                    self.right.append([])
                chain.append(lanes[source, column])
            chain.append(target)
            self.chains.append(chain)
            for one, other in pairwise(chain):
                if (one, other) not in joined:
                    joined.add((one, other))
                    self.right[one].append(other)
                    self.left[other].append(one)

    def is_lane(self, node: int) -> bool:
        return node >= self.boxes


def lay_out(
    sizes: Mapping[str, tuple[float, float]],
    edges: Sequence[tuple[str, str]],
    focus: Collection[str] = (),
) -> Layout:
    """Place boxes of the given (width, height) in pixels so that edges run from left to right.

    What leads to `focus` stands as near to its left as it can, everything else as near to its
    sources as it can. Edges that close a circle run from right to left. Raises KeyError where an
    edge names a node that `sizes` doesn't.
    """
    names = list(sizes)
    number = {name: index for index, name in enumerate(names)}
    pairs = [(number[source], number[target]) for source, target in edges]
    if not names:
        return Layout({}, [], 2 * MARGIN, 2 * MARGIN)
    forward = without_circles(len(names), pairs)
    focused = [number[name] for name in focus if name in number]
    column = columns(len(names), [pair for pair in forward if pair], focused)
    graph = Graph(
        [sizes[name][1] for name in names],
        [pair for pair in forward if pair is not None],
        column,
    )
    order = ordered(graph, focused)
    middle = heights(graph, order)
    top = min(middle[node] - graph.heights[node] / 2 for node in range(len(middle)))
    middle = [y - top + MARGIN for y in middle]
    left, right = column_edges(graph, order, middle, [sizes[name][0] for name in names])
    places = {}
    for node, name in enumerate(names):
        width, height = sizes[name]
        at = graph.column[node]
        places[name] = Place(left[at], middle[node] - height / 2, width, height, at)
    chains = iter(graph.chains)
    routes: list[list[Point]] = []
    for pair, kept in zip(pairs, forward, strict=True):
        if kept is None:
            routes.append([])
            continue
        route = route_of(graph, next(chains), middle, left, right, places, names)
        routes.append(route if pair == kept else route[::-1])
    bottom = max(middle[node] + graph.heights[node] / 2 for node in range(len(middle)))
    return Layout(places, routes, right[-1] + MARGIN, bottom + MARGIN)


def without_circles(count: int, pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int] | None]:
    """The edges with those turned round that close a circle, in the order given; None for a loop."""
    after: list[list[int]] = [[] for _ in range(count)]
    has_source = [False] * count
    for source, target in pairs:
        if source != target:
            after[source].append(target)
            has_source[target] = True
    done = [0] * count  # 0 unseen, 1 on the path, 2 left
    turned: set[tuple[int, int]] = set()
    for start in sorted(range(count), key=lambda node: has_source[node]):
        if done[start]:
            continue
        done[start] = 1
        path = [(start, iter(after[start]))]
        while path:
            node, targets = path[-1]
            target = next(targets, -1)
            if target < 0:
                done[node] = 2
                path.pop()
            elif done[target] == 1:
                turned.add((node, target))
            elif not done[target]:
                done[target] = 1
                path.append((target, iter(after[target])))
    kept: list[tuple[int, int] | None] = []
    for source, target in pairs:
        if source == target:
            kept.append(None)
        else:
            kept.append((target, source) if (source, target) in turned else (source, target))
    return kept


def columns(count: int, edges: Sequence[tuple[int, int]], focus: Sequence[int]) -> list[int]:
    """The column of each node: longest path from the left, then the focus's ancestors pulled right."""
    after: list[list[int]] = [[] for _ in range(count)]
    before: list[list[int]] = [[] for _ in range(count)]
    for source, target in edges:
        after[source].append(target)
        before[target].append(source)
    waiting = [len(sources) for sources in before]
    sequence = [node for node in range(count) if not waiting[node]]
    column = [0] * count
    for node in sequence:  # grows while it is read
        for target in after[node]:
            column[target] = max(column[target], column[node] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                sequence.append(target)
    ancestors = set(focus)
    pending = list(focus)
    while pending:
        for source in before[pending.pop()]:
            if source not in ancestors:
                ancestors.add(source)
                pending.append(source)
    alone = max((column[node] for node in focus), default=0)
    for node in reversed(sequence):
        if after[node] and (node in ancestors or not before[node]) and node not in focus:
            column[node] = min(column[target] for target in after[node]) - 1
        elif not after[node] and not before[node]:
            column[node] = alone
    used = {old: new for new, old in enumerate(sorted(set(column)))}
    return [used[old] for old in column]


def ordered(graph: Graph, focus: Sequence[int]) -> list[list[int]]:
    """The nodes of each column from top to bottom, with few crossings."""
    order: list[list[int]] = [[] for _ in range(max(graph.column) + 1)]
    seen = [False] * len(graph.heights)
    for start in [*focus, *range(len(graph.heights))]:
        pending = [start]
        while pending:
            node = pending.pop()
            if not seen[node]:
                seen[node] = True
                order[graph.column[node]].append(node)
                pending.extend(reversed(graph.left[node] + graph.right[node]))
    position = [0.0] * len(graph.heights)
    for nodes in order:
        for index, node in enumerate(nodes):
            position[node] = index
    best, fewest = [list(nodes) for nodes in order], crossings(graph, order, position)
    stale = 0
    for turn in range(ORDER_ROUNDS):
        if not fewest or stale > 2:
            break
        rightwards = turn % 2 == 0
        for nodes in order if rightwards else reversed(order):
            by_barycentre(nodes, graph.left if rightwards else graph.right, position)
        now = crossings(graph, order, position)
        stale = stale + 1 if now >= fewest else 0
        if now < fewest:
            best, fewest = [list(nodes) for nodes in order], now
    return best


def by_barycentre(nodes: list[int], neighbours: list[list[int]], position: list[float]) -> None:
    """Sort one column by the mean position of each node's neighbours; who has none stays in place."""
    wanted = {}
    for node in nodes:
        near = neighbours[node]
        if len(near) == 1:
            wanted[node] = position[near[0]]
        else:
            wanted[node] = sum([position[other] for other in near]) / len(near) if near else position[node]
    nodes.sort(key=wanted.__getitem__)
    for index, node in enumerate(nodes):
        position[node] = index


def crossings(graph: Graph, order: list[list[int]], position: list[float]) -> int:
    """How many pairs of edges cross between neighbouring columns."""
    total = 0
    for nodes in order:
        met: list[float] = []
        for node in nodes:
            near = graph.right[node]
            ends = [position[near[0]]] if len(near) == 1 else sorted(position[other] for other in near)
            for end in ends:
                total += len(met) - bisect_right(met, end)
            for end in ends:
                insort(met, end)
    return total


def heights(graph: Graph, order: list[list[int]]) -> list[float]:
    """The middle of each node, in pixels: edges as level as the order and the distances allow."""
    middle = [0.0] * len(graph.heights)
    spaces = [distances(graph, nodes) for nodes in order]
    for nodes, space in zip(order, spaces, strict=True):
        for node, y in zip(nodes, space, strict=True):
            middle[node] = y - space[-1] / 2
    from_left, from_right = pulls(graph, graph.left), pulls(graph, graph.right)
    from_both = [one + other for one, other in zip(from_left, from_right, strict=True)]
    stacked = list(zip(order, spaces, strict=True))
    for _ in range(HEIGHT_ROUNDS):
        for nodes, space in stacked:
            level_column(nodes, space, from_left, middle)
        for nodes, space in reversed(stacked):
            level_column(nodes, space, from_right, middle)
    for nodes, space in stacked:
        level_column(nodes, space, from_both, middle)
    return middle


def distances(graph: Graph, nodes: Sequence[int]) -> list[float]:
    """How far below the first node of a column each one stands at least."""
    space = [0.0]
    for above, below in pairwise(nodes):
        free = LANE_DISTANCE if graph.is_lane(above) and graph.is_lane(below) else BOX_DISTANCE
        space.append(space[-1] + (graph.heights[above] + graph.heights[below]) / 2 + free)
    return space


def pulls(graph: Graph, side: list[list[int]]) -> list[list[tuple[int, float]]]:
    """For each node its neighbours on one side, and how strongly each draws it to its own level."""
    return [
        [(other, LEVEL[graph.is_lane(node) + graph.is_lane(other)]) for other in near]
        for node, near in enumerate(side)
    ]


def level_column(
    nodes: list[int],
    space: list[float],
    pull: list[list[tuple[int, float]]],
    middle: list[float],
) -> None:
    """Move one column's nodes to the weighted mean of their neighbours, keeping order and distance.

    Least squares under an order: blocks of nodes that would overlap are pooled (isotonic regression
    by pooling adjacent violators).
    """
    blocks: list[tuple[float, float, int]] = []  # weight, weighted sum, how many nodes
    for node, offset in zip(nodes, space, strict=True):
        weight = wanted = 0.0
        for other, strength in pull[node]:
            weight += strength
            wanted += strength * middle[other]
        if not weight:
            weight, wanted = 0.1, 0.1 * middle[node]
        many = 1
        wanted -= weight * offset
        while blocks and blocks[-1][1] * weight >= wanted * blocks[-1][0]:
            last = blocks.pop()
            weight, wanted, many = last[0] + weight, last[1] + wanted, last[2] + many
        blocks.append((weight, wanted, many))
    index = 0
    for weight, wanted, many in blocks:
        level = wanted / weight
        for at in range(index, index + many):
            middle[nodes[at]] = level + space[at]
        index += many


def column_edges(
    graph: Graph, order: list[list[int]], middle: list[float], widths: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Where each column begins and ends. The gap before a column grows with the steepest edge in it."""
    left: list[float] = []
    right: list[float] = []
    x = MARGIN
    for nodes in order:
        if left:
            steep = max(
                (abs(middle[node] - middle[other]) for node in nodes for other in graph.left[node]),
                default=0.0,
            )
            x += min(WIDEST_GAP, COLUMN_GAP + 0.12 * steep)
        left.append(x)
        x += max((widths[node] for node in nodes if not graph.is_lane(node)), default=0.0)
        right.append(x)
    return left, right


def route_of(
    graph: Graph,
    chain: list[int],
    middle: list[float],
    left: list[float],
    right: list[float],
    places: Mapping[str, Place],
    names: Sequence[str],
) -> list[Point]:
    """The points of one edge, left to right."""
    source = places[names[chain[0]]]
    route = [Point(source.x + source.width, middle[chain[0]])]
    if source.x + source.width < right[source.column]:
        route.append(Point(right[source.column], middle[chain[0]]))
    for lane in chain[1:-1]:
        column = graph.column[lane]
        route += [Point(left[column], middle[lane]), Point(right[column], middle[lane])]
    route.append(Point(places[names[chain[-1]]].x, middle[chain[-1]]))
    return route
