"""Traces: how far, which way, as of when, page by page."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from lineage.entities.models import NodeState
from lineage.graph.trace import Trace
from tests import personas
from tests.lineage.stories import (
    Sent,
    ask,
    at,
    dataset,
    dataset_event,
    declared,
    edges,
    item,
    made_by,
    model,
    ran,
    reached,
    ref,
    registered,
    retracted,
    run,
    send,
    send_together,
)

pytestmark = pytest.mark.django_db


def pipeline(length: int) -> None:
    """Job i reads table i-1 and writes table i."""
    send_together(
        *(ran(f"r{i}", i, reads=[item(f"t{i - 1}", "v")], writes=[item(f"t{i}", "v")]) for i in range(length))
    )


def table(number: int) -> str:
    return dataset(f"t{number}", "v")


def test_depth_counts_runs() -> None:
    pipeline(6)
    nodes = {node.key: node.depth for node in ask(table(5), depth=2).nodes}
    assert nodes == {table(5): 0, run("r5"): 1, table(4): 1, run("r4"): 2, table(3): 2}
    assert ask(table(5), depth=2).completeness.truncated
    assert not ask(table(5), depth=6).completeness.truncated
    assert reached(table(5), depth=0) == {table(5)}


def test_what_is_appended_is_no_further_away() -> None:
    send(ran("load", 0, writes=[item("raw", "1")]))
    send(*(declared("raw", str(n), n, operation="append", previous=str(n - 1)) for n in range(2, 9)))
    nodes = {node.key: node.depth for node in ask(dataset("raw", "8"), depth=1).nodes}
    assert nodes[dataset("raw", "1")] == 0
    assert nodes[run("load")] == 1


def test_both_directions() -> None:
    pipeline(6)
    up, down = reached(table(3), depth=1), reached(table(3), depth=1, direction="downstream")
    assert up == {table(3), run("r3"), table(2)}
    assert down == {table(3), run("r4"), table(4)}
    assert reached(table(3), depth=1, direction="both") == up | down


def test_an_edge_points_the_way_the_data_flowed_and_names_its_evidence() -> None:
    send(ran("night", 1, reads=[item("raw", "1")], source="dbt"))
    (edge,) = ask(run("night")).edges
    assert (edge.source, edge.target, edge.kind, edge.basis) == (
        dataset("raw", "1"),
        run("night"),
        "read",
        "observed",
    )
    assert (edge.valid_from, edge.valid_to, edge.asserted_by, len(edge.evidence)) == (at(1), None, ["dbt"], 1)


def test_as_of_a_moment() -> None:
    send(declared("raw", "1", 1), declared("raw", "2", 5), ran("night", 3, reads=[item("raw", "1")]))
    assert ask(dataset("raw"), at=at(3)).roots == [dataset("raw"), dataset("raw", "1")]
    assert ask(dataset("raw"), at=at(6)).roots == [dataset("raw"), dataset("raw", "2")]
    assert ask(dataset("raw"), at=at(0)).roots == [dataset("raw")]
    assert run("night") not in reached(dataset("raw", "1"), direction="downstream", at=at(2))
    assert run("night") in reached(dataset("raw", "1"), direction="downstream", at=at(3))


def test_as_known_at_a_moment() -> None:
    late = declared("raw", "2", 2)
    send(declared("raw", "1", 1), ran("night", 3, reads=["raw"]))
    before = ask(dataset("raw"), direction="downstream")
    send(late)
    between = ask(dataset("raw"), direction="downstream")
    send(retracted(late, 9))
    after = ask(dataset("raw"), direction="downstream")
    assert (before.roots[1:], between.roots[1:], after.roots[1:]) == (
        [dataset("raw", "1")],
        [dataset("raw", "2")],
        [dataset("raw", "1")],
    )
    for answer in (before, between, after):
        again = ask(dataset("raw"), direction="downstream", at=answer.at, known_at=answer.known_at)
        assert (again.roots, again.edges) == (answer.roots, answer.edges)
        assert [node.key for node in again.nodes] == [node.key for node in answer.nodes]


def test_what_is_gone_now_is_still_answered_as_known_then() -> None:
    event = registered("risk", "1", 1, inputs=[ref("raw", "1", role="train")])
    send(event)
    before = ask(model("risk", "1"))
    send(retracted(event, 2))
    with pytest.raises(NodeState.DoesNotExist):
        ask(model("risk", "1"))
    again = ask(model("risk", "1"), at=before.at, known_at=before.known_at)
    assert again.edges == before.edges != []
    with pytest.raises(NodeState.DoesNotExist):
        ask(model("risk", "1"), known_at=before.known_at - timedelta(days=1))


def test_an_edge_of_the_past_does_not_tell_that_it_was_given_up() -> None:
    send(ran("night", 3, reads=["raw"]))
    before = ask(run("night"))
    send(declared("raw", "1", 1))
    (edge,) = ask(run("night"), at=before.at, known_at=before.known_at).edges
    assert (edge.source, edge.superseded_at) == (dataset("raw", "unknown"), None)


def appends(name: str, count: int) -> Iterator[Sent]:
    """Versions w0, w1 ... each appended to the one before."""
    for n in range(count):
        yield declared(name, f"w{n}", n, operation="append", previous=f"w{n - 1}" if n else "v")


# --- pages ----------------------------------------------------------------------------------------
def tangle() -> None:
    """Runs that read two tables and write two, chains of appended versions, and a wide end."""
    send_together(
        *(
            ran(
                f"r{i}",
                i,
                reads=[item(f"t{i - 1}", "v"), item(f"t{i - 2}", "v")],
                writes=[item(f"t{i}", "v"), item(f"u{i}", "v")],
            )
            for i in range(8)
        ),
        *(
            declared("t7", f"w{n}", n, operation="append", previous=f"w{n - 1}" if n else "v")
            for n in range(9)
        ),
        *(ran(f"wide{i}", 20, reads=[item("t7", "w8")]) for i in range(12)),
        *(registered("risk", str(n), 21, inputs=[ref("t3", "v", role="train")]) for n in range(5)),
    )


def pages(root: str, limit: int, **options: object) -> Iterator[Trace]:
    page = ask(root, limit=limit, **options)
    yield page
    while page.next is not None:
        page = ask(root, limit=limit, offset=page.next, at=page.at, known_at=page.known_at, **options)
        yield page


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("direction", ["upstream", "downstream", "both"])
def test_pages_have_every_node_and_every_edge_once(limit: int, direction: str) -> None:
    tangle()
    for root in (dataset("t7", "w4"), dataset("t3", "v"), model("risk", "2")):
        whole = ask(root, direction=direction, depth=20)
        assert whole.next is None
        found = list(pages(root, limit, direction=direction, depth=20))
        nodes = [node.key for page in found for node in page.nodes]
        assert len(nodes) == len(set(nodes))
        assert set(nodes) == {node.key for node in whole.nodes}
        assert all(len(page.nodes) == limit for page in found[:-1])
        ends = [(edge.source, edge.target, edge.kind) for page in found for edge in page.edges]
        assert sorted(ends) == sorted((edge.source, edge.target, edge.kind) for edge in whole.edges)
        assert [page.completeness.truncated for page in found[:-1]] == [True] * (len(found) - 1)


def test_nearest_first() -> None:
    pipeline(8)
    first = ask(table(7), limit=5, depth=20)
    assert {node.key for node in first.nodes} == {table(7), run("r7"), table(6), run("r6"), table(5)}
    assert [node.depth for node in first.nodes] == [0, 1, 1, 2, 2]
    assert (first.next, first.completeness.truncated) == (5, True)


# --- how much work --------------------------------------------------------------------------------
def questions(root: str, **options: object) -> int:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        ask(root, **options)
    return len(asked)


def test_queries_do_not_grow_with_the_nodes() -> None:
    raw = item("raw", "1")
    send_together(*(ran(f"r{i}", 1, reads=[raw], writes=[item(f"t{i}", "v")]) for i in range(3)))
    few = questions(dataset("raw", "1"), direction="downstream")
    send_together(
        *(ran(f"q{i}", 1, reads=[item("raw", "1")], writes=[item(f"s{i}", "v")]) for i in range(60))
    )
    assert questions(dataset("raw", "1"), direction="downstream") == few
    assert len(reached(dataset("raw", "1"), direction="downstream")) == 127


def test_queries_of_a_long_history_of_appends_are_few() -> None:
    send_together(
        *(declared("raw", str(n), n, operation="append", previous=str(n - 1)) for n in range(1, 80))
    )
    assert len(reached(dataset("raw", "79"))) == 80
    assert questions(dataset("raw", "79")) < 25


def test_queries_grow_with_the_depth_at_most() -> None:
    pipeline(30)
    shallow, deep = questions(table(29), depth=2), questions(table(29), depth=25)
    assert deep - shallow <= 2 * 23


# --- over HTTP ------------------------------------------------------------------------------------
Get = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def get(client: Client) -> Get:
    headers = personas.bearer(personas.auditor())

    def ask_for(path: str, **query: str | int) -> tuple[int, dict[str, Any]]:
        answer = client.get(f"/api/v1/{path}", query, headers=headers)
        return answer.status_code, json.loads(answer.content)

    return ask_for


def test_a_decoded_key_and_another_name_lead_to_the_node(get: Get) -> None:
    send(dataset_event(1, item("files/raw", "1", also=["raw"])))
    encoded = "dataset_version:lake/files%2Fraw@1"
    for key in (encoded, "dataset_version:lake/files/raw@1"):
        status, body = get("trace", node=key)
        assert (status, body["root"]) == (200, encoded)
    status, body = get("trace", node="dataset:lake/raw")
    assert (status, body["root"], body["roots"]) == (
        200,
        "dataset:lake/files%2Fraw",
        ["dataset:lake/files%2Fraw", encoded],
    )


def test_a_decoded_key_that_can_mean_two_nodes_is_refused(get: Get) -> None:
    send(dataset_event(1, item("a/b")), dataset_event(1, item("b", namespace="lake/a")))
    assert get("trace", node="dataset:lake/a/b")[0] == 400
    assert get("trace", node="dataset:lake/a%2Fb")[0] == 200


@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("dataset:lake/nothing", 404),
        ("dataset:lake", 400),
        ("planet:lake/x", 400),
        ("", 400),
        ("dataset:lake/a/b", 404),
    ],
)
def test_keys_of_nothing(get: Get, key: str, status: int) -> None:
    assert get("trace", node=key)[0] == status


@pytest.mark.parametrize(
    "query", [{"depth": "101"}, {"depth": "-1"}, {"limit": "0"}, {"at": "yesterday"}, {"direction": "up"}]
)
def test_other_nonsense_is_400(get: Get, query: dict[str, str]) -> None:
    send(declared("raw", "1", 1))
    assert get("trace", node="dataset:lake/raw", **query)[0] == 400


def test_the_next_page_is_a_link_that_pins_both_moments(get: Get, client: Client) -> None:
    pipeline(4)
    asking = personas.bearer(personas.everything())
    keys: list[str] = []
    _, body = get("trace", node=table(3), limit=2, depth=20)
    while True:
        keys += [node["key"] for node in body["nodes"]]
        if body["next"] is None:
            break
        send(ran("late", 3, writes=[item("t3", "v")]))
        body = json.loads(client.get(body["next"], headers=asking).content)
    assert sorted(keys) == sorted(reached(table(3), depth=20) - {run("late")})


def test_through_unknown_versions_nothing_is_claimed() -> None:
    send(ran("load", 5, writes=["raw"]), ran("night", 3, reads=["raw"], writes=["clean"]))
    answer = ask(dataset("clean"))
    assert {node.key for node in answer.nodes} == {
        dataset("clean"),
        dataset("clean", made_by("night")),
        run("night"),
        dataset("raw", "unknown"),
    }
    unknown = next(node for node in answer.nodes if node.version == "unknown")
    assert (unknown.inferred, answer.completeness.unversioned) == (True, 1)
    assert edges()


def test_a_version_that_was_only_concluded_is_listed_while_something_rests_on_it(client: Client) -> None:
    send(ran("late", 10, reads=["t"], writes=["u"]))
    headers = personas.bearer(personas.everything())

    def listed() -> set[str]:
        page = client.get("/api/v1/nodes", {"kind": "dataset_version", "name": "t"}, headers=headers).json()
        return {node["key"] for node in page["results"]}

    assert listed() == {dataset("t", "unknown")}
    send(declared("t", "1", 0))
    assert listed() == {dataset("t", "1")}
