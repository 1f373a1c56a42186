"""Laws 2, 3 and 4 of the house, on worlds of events that hypothesis makes up."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.kit.bulk import fetch
from factory.kit.recording import CONSOLE
from lineage.entities import fold as folding
from lineage.intake.rebuild import rebuild
from lineage.intake.replay import replay
from tests.lineage import stories, worlds
from tests.lineage.stories import Sent, undone

pytestmark = pytest.mark.django_db


def graph_of(groups: list[list[Sent]]) -> dict[str, Any]:
    """Send, look, and take it back."""
    with undone():
        for group in groups:
            stories.send_together(*group)
        return {"edges": stories.edges(), "nodes": stories.nodes(), "usage": stories.usage()}


@worlds.examples(150)
@given(data=st.data())
def test_order_and_repetition_do_not_matter(data: st.DataObject) -> None:
    world = data.draw(worlds.events())
    groups = data.draw(worlds.deliveries(world))
    in_time = sorted(world, key=lambda one: one.event.get("time") or one.event["eventTime"])
    found, expected = graph_of(groups), graph_of([[one] for one in in_time])
    assert set(found["edges"]) ^ set(expected["edges"]) == set()
    assert found == expected


# --- rebuild --------------------------------------------------------------------------------------
_STATE = """
    SELECT node_id, canonical_id, entity_id, kind, namespace, name, version, title, department,
           classification, state, owners, tags, began_at, ended_at, inferred, conflicting, attributes::text,
           first_known, last_known, search::text, fold
    FROM lineage_nodestate ORDER BY node_id
"""
_EDGE = """
    SELECT id, source_id, target_id, kind, basis, actor_id, entity_id, as_of, valid_from, valid_to,
           detail::text, known_from, superseded_at, mended
    FROM lineage_edge ORDER BY id
"""


def tables() -> dict[str, Any]:
    """The current-state tables, whole, with folds decoded."""
    return {
        "nodes": {
            (row[0], str(row[3:7])): (*row[1:-1], folding.load(bytes(row[-1]))) for row in fetch(_STATE)
        },
        "edges": fetch(_EDGE),
        "retracted": fetch("SELECT reading_id, by_reading_id, known_at FROM lineage_retracted ORDER BY 1"),
    }


@worlds.examples(150)
@given(data=st.data())
def test_rebuilding_gives_the_same_tables(data: st.DataObject) -> None:
    groups = data.draw(worlds.deliveries(data.draw(worlds.events())))
    stop = data.draw(st.integers(1, max(len(groups), 1)))
    with undone():
        for group in groups[:stop]:
            stories.send_together(*group)
        before = tables()
        rebuild()
        assert tables() == before
        for group in groups[stop:]:
            stories.send_together(*group)
        before = tables()
        rebuild()
        assert tables() == before


# --- the known clock ------------------------------------------------------------------------------
ROOTS = ("dataset", "model", "deployment", "outcome", "run", "dataset_version", "model_version")


def answers() -> list[tuple[Any, ...]]:
    """What is answered about everything at this moment: (root, options, nodes, edges)."""
    found = []
    for row in fetch(
        "SELECT kind, namespace, name, version FROM lineage_nodestate WHERE kind = ANY(%s)", [list(ROOTS)]
    ):
        key = stories.NodeKey(*row)
        answer = stories.trace(key, direction="both")
        options = {"direction": "both", "at": answer.at, "known_at": answer.known_at}
        found.append((key, options, *_said(answer)))
    return found


def _said(answer: stories.Trace) -> tuple[Any, ...]:
    return answer.root, sorted((n.key, n.depth) for n in answer.nodes), answer.edges


@worlds.examples(50)
@given(data=st.data())
def test_what_was_known_stays_as_it_was_answered(data: st.DataObject) -> None:
    groups = data.draw(worlds.deliveries(data.draw(worlds.events(10))))
    given_answers = []
    with undone():
        for group in groups:
            stories.send_together(*group)
            given_answers += answers()
        for key, options, *said in given_answers:
            assert list(_said(stories.trace(key, **options))) == said, key


# --- replay ---------------------------------------------------------------------------------------
@worlds.examples(40)
@given(data=st.data())
def test_replaying_everything_adds_nothing(data: st.DataObject) -> None:
    groups = data.draw(worlds.deliveries(data.draw(worlds.events())))
    with undone():
        for group in groups:
            stories.send_together(*group)
        before = tables(), fetch("SELECT count(*), max(id) FROM lineage_reading"), stories.usage()
        replay(actor=CONSOLE, everything=True)
        assert (tables(), fetch("SELECT count(*), max(id) FROM lineage_reading"), stories.usage()) == before
