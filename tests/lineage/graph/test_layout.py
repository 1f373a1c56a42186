"""The layered layout: columns follow the data, nothing overlaps, no edge runs through a box."""

import random
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.graph.layout import Layout, lay_out

SIZE = (200.0, 50.0)


def drawn(edges: list[tuple[str, str]], focus: str = "", more: tuple[str, ...] = ()) -> Layout:
    names = sorted({name for edge in edges for name in edge} | set(more))
    return lay_out(dict.fromkeys(names, SIZE), edges, [focus] if focus else [])


def assert_sound(layout: Layout, edges: list[tuple[str, str]]) -> None:
    """No two boxes overlap, all is inside the picture, and routes only cross columns beside boxes."""
    columns: dict[int, list] = {}
    for place in layout.places.values():
        columns.setdefault(place.column, []).append(place)
        assert place.x >= 0 and place.y >= 0
        assert place.x + place.width <= layout.width and place.y + place.height <= layout.height
    for places in columns.values():
        places.sort(key=lambda place: place.y)
        for above, below in pairwise(places):
            assert below.y >= above.y + above.height + 1
    for (source, target), route in zip(edges, layout.routes, strict=True):
        if source == target:
            assert route == []
            continue
        for one, other in pairwise(route):
            assert 0 <= one.y <= layout.height
            left, right = sorted((one.x, other.x))
            top, bottom = sorted((one.y, other.y))
            for place in layout.places.values():
                apart = place.x + place.width <= left + 0.01 or place.x >= right - 0.01
                assert apart or place.y > bottom or place.y + place.height < top


def test_data_flows_from_left_to_right_with_the_focus_between():
    edges = [
        ("raw", "run1"),
        ("run1", "clean"),
        ("clean", "model"),
        ("model", "deployment"),
    ]
    layout = drawn(edges, "clean")
    xs = [layout.places[name].x for name in ("raw", "run1", "clean", "model", "deployment")]
    assert xs == sorted(set(xs))
    assert_sound(layout, edges)


def test_ancestors_stand_next_to_what_they_lead_to():
    edges = [("a", "b"), ("b", "c"), ("c", "focus"), ("late", "focus")]
    layout = drawn(edges, "focus")
    assert layout.places["late"].column == layout.places["c"].column


def test_a_chain_is_level():
    layout = drawn([("a", "b"), ("b", "c"), ("c", "d")], "b")
    assert len({round(place.y, 3) for place in layout.places.values()}) == 1


def test_a_long_edge_keeps_clear_of_the_boxes_that_it_passes():
    edges = [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")]
    layout = drawn(edges, "a")
    assert len(layout.routes[3]) == 6
    assert_sound(layout, edges)


def test_crossings_that_can_be_avoided_are_avoided():
    edges = [("a1", "b2"), ("a2", "b1"), ("b2", "c1"), ("b1", "c2")]
    layout = drawn(edges)
    y = {name: place.y for name, place in layout.places.items()}
    assert (y["a1"] < y["a2"]) == (y["b2"] < y["b1"]) == (y["c1"] < y["c2"])


def test_circles_and_loops_are_drawn_too():
    edges = [("a", "b"), ("b", "c"), ("c", "a"), ("b", "b")]
    layout = drawn(edges, "a")
    assert_sound(layout, edges)
    assert layout.routes[2][0].x > layout.routes[2][-1].x  # the edge that closes the circle runs back


def test_a_node_without_edges_and_no_node_at_all():
    assert drawn([], more=("alone",)).places["alone"].column == 0
    assert lay_out({}, []).places == {}


def test_an_edge_to_nowhere_is_an_error():
    with pytest.raises(KeyError):
        lay_out({"a": SIZE}, [("a", "b")])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 15), st.integers(0, 15)), max_size=40),
    st.lists(st.tuples(st.floats(20, 300), st.floats(20, 90)), min_size=16, max_size=16),
    st.integers(0, 15),
)
def test_any_graph_is_drawn_soundly_and_the_same_each_time(pairs, sizes, focus):
    edges = [(str(source), str(target)) for source, target in pairs]
    boxes = {str(index): size for index, size in enumerate(sizes)}
    layout = lay_out(boxes, edges, [str(focus)])
    assert_sound(layout, edges)
    assert layout == lay_out(boxes, edges, [str(focus)])


def pipelines(count: int) -> list[tuple[str, str]]:
    """Jobs that write dataset i and read i-1, i-2 and one that lies far back."""
    pick = random.Random(7)
    edges = []
    for index in range(count // 2):
        edges.append((f"job{index}", f"data{index}"))
        for back in {1, 2, pick.randrange(1, 40)}:
            if index >= back:
                edges.append((f"data{index - back}", f"job{index}"))
    return edges


@pytest.mark.parametrize(("count", "seconds"), [(150, 0.05), (1000, 1.0)])
def test_layout_is_quick(count, seconds):
    edges = pipelines(count)
    spent = []
    for _ in range(3):  # the best of three: the machine may be busy
        began = time.process_time()
        drawn(edges, f"data{count // 4}")
        spent.append(time.process_time() - began)
    assert min(spent) < seconds, f"{min(spent):.3f} s for {count} nodes"
