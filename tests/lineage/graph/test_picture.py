"""What of a trace is drawn, and how it looks as SVG."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from lineage.entities.keys import NodeKey
from lineage.graph.picture import Picture, draw
from lineage.graph.svg import Links, draw_svg, fitted, text_width
from lineage.graph.trace import TraceEdge, TraceNode

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"


class Bank:
    """A trace, put together edge by edge."""

    def __init__(self) -> None:
        self.nodes: dict[str, TraceNode] = {}
        self.edges: list[TraceEdge] = []

    def node(self, kind: str, name: str, version: str = "", **more: Any) -> str:
        key = str(NodeKey(kind, "bank", name, version))
        blank: dict[str, Any] = dict.fromkeys(("title", "department", "classification", "state"), "")
        blank |= {"owners": [], "began_at": NOON, "ended_at": None, "inferred": False, "conflicting": False}
        blank |= {"attributes": {}, "depth": 0} | more
        self.nodes[key] = TraceNode(key=key, kind=kind, namespace="bank", name=name, version=version, **blank)
        return key

    def edge(self, source: str, target: str, kind: str = "read", basis: str = "declared") -> None:
        self.edges.append(
            TraceEdge(source, target, kind, basis, NOON, None, NOON, None, ["s-1"], ["airflow"], {})
        )

    def drawn(self, focus: str, **options: Any) -> Picture:
        return draw(list(self.nodes.values()), self.edges, [focus], **options)


@pytest.fixture
def bank() -> Bank:
    return Bank()


def line(bank: Bank, *keys: str) -> None:
    for source, target in pairwise(keys):
        bank.edge(source, target)


def test_alike_siblings_share_a_box_and_the_newest_stay(bank: Bank) -> None:
    deployment = bank.node("deployment", "credit-risk")
    for number in range(40):
        outcome = bank.node("outcome", f"loan-{number:02}", began_at=NOON + timedelta(minutes=number))
        bank.edge(deployment, outcome, "answered")
    picture = bank.drawn(deployment)
    (group,) = [box for box in picture.boxes.values() if box.is_group]
    assert group.name == "… 34 more outcomes"
    assert "outcome:bank/loan-39" in picture.boxes
    assert "outcome:bank/loan-00" not in picture.boxes
    opened = bank.drawn(deployment, expanded=[group.id])
    assert len(opened.boxes) == 41
    assert [one.label for one in opened.opened] == ["… 34 more outcomes"]


def test_versions_of_one_dataset_share_a_box_and_so_do_the_runs_that_wrote_them(bank: Bank) -> None:
    model = bank.node("model_version", "risk", "1")
    for day in range(1, 21):
        moment = NOON + timedelta(days=day)
        version = bank.node("dataset_version", "raw", f"{day:02}", began_at=moment)
        run = bank.node("run", f"run-{day:02}", began_at=moment)
        line(bank, run, version, model)
    picture = bank.drawn(model)
    assert sorted(box.name for box in picture.boxes.values() if box.is_group) == [
        "… 14 more runs",
        "… 14 more versions",
    ]
    assert len(picture.boxes) == 1 + 6 + 6 + 2


def test_what_needs_attention_is_not_hidden_in_a_group(bank: Bank) -> None:
    model = bank.node("model_version", "risk", "1")
    for day in range(1, 21):
        failed = {"assertions_failed": 2} if day == 3 else {}
        bank.edge(bank.node("dataset_version", "raw", f"{day:02}", attributes=failed), model, "trained")
    assert bank.drawn(model).boxes["dataset_version:bank/raw@03"].marks == ("2 failed checks",)


def test_folding_hides_what_is_only_reached_through_the_node(bank: Bank) -> None:
    raw, other, clean, model = (
        bank.node("dataset_version", name, "1") for name in ("raw", "other", "clean", "model")
    )
    line(bank, raw, clean, model)
    bank.edge(other, clean)
    bank.edge(other, model)
    picture = bank.drawn(model, collapsed=[clean])
    assert set(picture.boxes) == {other, clean, model}
    assert picture.boxes[clean].hidden == 1
    assert picture.folded_away == 1
    assert not picture.boxes[model].foldable


def test_circles_don_t_hinder(bank: Bank) -> None:
    a, b = bank.node("dataset_version", "a", "1"), bank.node("dataset_version", "b", "1")
    line(bank, a, b, a)
    assert len(bank.drawn(a, collapsed=[b]).boxes) == 2


def test_marks_say_what_is_the_matter(bank: Bank) -> None:
    boxes = bank.drawn(bank.node("dataset_version", "raw", "unknown", inferred=True)).boxes
    assert next(iter(boxes.values())).marks == ("unknown",)
    bank.node("dataset_version", "twice", "1", conflicting=True, inferred=True)
    bank.node("run", "night", state="FAIL")
    marks = {box.name: box.marks for box in bank.drawn("").boxes.values()}
    assert marks["twice"] == ("conflict", "inferred")
    assert marks["night"] == ("failed",)


def svg_of(picture: Picture, **options: Any) -> ElementTree.Element:
    def links(box: Any) -> Links:
        return Links(f"?node={box.id}&mode=impact", "/node/", "?fold")

    return ElementTree.fromstring(draw_svg(picture, links, title="A", description="B", **options))


def test_the_picture_is_links_with_names_and_neither_script_nor_inline_style(bank: Bank) -> None:
    raw, clean = bank.node("dataset_version", '<raw>&"', "1"), bank.node("dataset_version", "clean", "1")
    bank.edge(raw, clean, "derived", "inferred")
    root = svg_of(bank.drawn(clean))
    assert root.get("role") == "group"
    links = root.findall(f".//{SVG}a")
    assert len(links) == 6
    assert all(link.get("aria-label") and link.get("href") for link in links)
    assert any((link.get("aria-label") or "").startswith('<raw>&" version 1') for link in links)
    assert not [element for element in root.iter() if element.get("style") or element.tag == f"{SVG}script"]
    (edge,) = root.findall(f".//{SVG}g[@class='lines']/{SVG}path")
    assert edge.get("class") == "line inferred derived"
    assert root.find(f".//{SVG}style") is None


def test_a_picture_for_elsewhere_carries_its_style_and_says_what_it_is(bank: Bank) -> None:
    root = svg_of(bank.drawn(bank.node("run", "night")), style=".picture{}", caption=["Lineage of night"])
    assert root.findtext(f"{SVG}style") == ".picture{}"
    assert root.findtext(f"{SVG}text") == "Lineage of night"


@pytest.mark.parametrize(
    "text", ["short", "warehouse/marts/credit/features_of_every_day", "W" * 90, "日本" * 40]
)
def test_a_text_never_outgrows_its_box(text: str) -> None:
    short = fitted(text, 12.5, 120)
    assert text_width(short, 12.5) <= 120
    assert short == text or "…" in short
