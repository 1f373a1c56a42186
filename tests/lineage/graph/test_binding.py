"""The law of versions that a source doesn't name (design, "Versions that a source doesn't name")."""

import pytest

from lineage.entities.models import NodeState
from lineage.graph.models import Edge
from tests.lineage.stories import (
    ask,
    at,
    dataset,
    dataset_event,
    declared,
    edges,
    flows,
    item,
    job_event,
    made_by,
    model,
    ran,
    reached,
    ref,
    registered,
    run,
    send,
    send_together,
)

pytestmark = pytest.mark.django_db


def mended() -> set[tuple[str, str]]:
    """The standing edges that replaced an earlier answer."""
    found = Edge.objects.filter(mended=True, superseded_at=None).select_related("source", "target")
    return {(str(edge.source.key), str(edge.target.key)) for edge in found}


def test_an_output_without_a_version_is_the_runs_own() -> None:
    send(ran("night", 1, "START", writes=["raw"]), ran("night", 2, writes=["raw"]))
    assert flows("wrote") == {(run("night"), "wrote", dataset("raw", made_by("night")), "inferred")}
    version = NodeState.objects.get(kind="dataset_version")
    assert (version.inferred, version.began_at, version.ended_at) == (True, at(2), None)


def test_a_named_version_is_taken_as_it_is() -> None:
    send(ran("night", 2, reads=[item("raw", "7")], writes=[item("clean", "8")]))
    assert flows("read", "wrote") == {
        (dataset("raw", "7"), "read", run("night"), "observed"),
        (run("night"), "wrote", dataset("clean", "8"), "observed"),
    }
    assert not NodeState.objects.filter(inferred=True).exists()


def test_an_input_without_a_version_is_the_newest_when_the_run_started() -> None:
    send(declared("raw", "1", 1), declared("raw", "2", 3), declared("raw", "3", 5))
    send(ran("night", 4, "START", reads=["raw"]), ran("night", 9, reads=["raw"]))
    assert flows("read") == {(dataset("raw", "2"), "read", run("night"), "inferred")}


def test_where_there_was_no_version_the_input_is_unknown_and_counted() -> None:
    send(declared("raw", "1", 5), ran("night", 4, reads=["raw"]))
    assert flows("read") == {(dataset("raw", "unknown"), "read", run("night"), "inferred")}
    answer = ask(run("night"))
    assert (answer.completeness.unversioned, answer.completeness.inferred) == (1, 1)
    assert {node.key for node in answer.nodes} == {run("night"), dataset("raw", "unknown")}


def test_what_comes_late_mends_the_answer_and_the_old_one_stays_on_record() -> None:
    send(declared("raw", "1", 1), ran("night", 4, reads=["raw"]))
    assert flows("read") == {(dataset("raw", "1"), "read", run("night"), "inferred")}
    before = ask(run("night"))
    send(declared("raw", "2", 3))
    assert flows("read") == {(dataset("raw", "2"), "read", run("night"), "inferred")}
    assert mended() == {(dataset("raw", "2"), run("night"))}
    old = Edge.objects.get(source__version="1", kind="read")
    assert old.superseded_at == Edge.objects.get(source__version="2", kind="read").known_from
    assert ask(run("night")).completeness.backdated == 1
    assert ask(run("night"), known_at=before.known_at, at=before.at).edges == before.edges


def test_what_comes_late_but_was_later_changes_nothing() -> None:
    send(declared("raw", "1", 1), ran("night", 4, reads=["raw"]), declared("raw", "2", 5))
    assert flows("read") == {(dataset("raw", "1"), "read", run("night"), "inferred")}
    assert not mended()


def test_a_late_run_mends_what_its_output_was_read_for() -> None:
    send(ran("noon", 5, reads=["raw"]), ran("night", 1, writes=["raw"]))
    assert flows("read") == {(dataset("raw", made_by("night")), "read", run("noon"), "inferred")}


def test_a_version_named_after_it_was_inferred_takes_its_place() -> None:
    send(ran("night", 1, writes=["raw"]), ran("noon", 5, reads=["raw"]))
    send(ran("night", 2, "OTHER", writes=[item("raw", "7")]))
    assert flows("wrote") == {(run("night"), "wrote", dataset("raw", "7"), "observed")}
    assert flows("read") == {(dataset("raw", "7"), "read", run("noon"), "inferred")}
    send(ran("noon", 6, reads=[item("raw", "7")]))
    assert flows("read") == {(dataset("raw", "7"), "read", run("noon"), "observed")}


def test_after_a_drop_no_version_is_current() -> None:
    send(declared("raw", "1", 1), dataset_event(3, item("raw", change="DROP")))
    send(ran("night", 4, reads=["raw"]), ran("noon", 2, reads=["raw"]))
    assert flows("read") == {
        (dataset("raw", "unknown"), "read", run("night"), "inferred"),
        (dataset("raw", "1"), "read", run("noon"), "inferred"),
    }
    assert NodeState.objects.get(version="1").ended_at == at(3)


def test_a_late_drop_mends() -> None:
    send(
        declared("raw", "1", 1), ran("night", 4, reads=["raw"]), dataset_event(3, item("raw", change="DROP"))
    )
    assert flows("read") == {(dataset("raw", "unknown"), "read", run("night"), "inferred")}


def test_a_run_that_reads_and_writes_a_dataset_read_what_was_there_before() -> None:
    send(declared("raw", "1", 1), ran("night", 4, reads=["raw"], writes=["raw"]))
    assert flows("read", "wrote") == {
        (dataset("raw", "1"), "read", run("night"), "inferred"),
        (run("night"), "wrote", dataset("raw", made_by("night")), "inferred"),
    }


def test_and_that_is_mended_too() -> None:
    """The run's own output, which began when the run ended, must not hide the change from it."""
    send(declared("raw", "1", 1), ran("night", 4, reads=["raw"], writes=["raw"]), declared("raw", "2", 3))
    assert flows("read") == {(dataset("raw", "2"), "read", run("night"), "inferred")}


def test_a_failed_run_makes_no_version() -> None:
    send(ran("night", 1, "START", writes=["raw"]), ran("night", 2, "FAIL", writes=["raw"]))
    assert flows("wrote") == set()
    assert not NodeState.objects.filter(kind="dataset_version").exists()


def test_a_run_that_completes_after_a_failure_was_reported_makes_one() -> None:
    send(ran("night", 2, "FAIL", writes=["raw"]), ran("night", 3, writes=["raw"]))
    assert flows("wrote") == {(run("night"), "wrote", dataset("raw", made_by("night")), "inferred")}
    send(ran("night", 4, "FAIL"))
    assert flows("wrote") == set()


def test_inputs_and_outputs_of_all_events_of_a_run_count() -> None:
    send(
        ran("night", 1, "START", reads=["raw"]),
        ran("night", 2, "RUNNING", reads=["clean"]),
        ran("night", 3, writes=["features"]),
    )
    assert {(source, kind) for source, kind, _, _ in flows("read")} == {
        (dataset("raw", "unknown"), "read"),
        (dataset("clean", "unknown"), "read"),
    }
    assert {edge[7] for edge in edges() if edge[4] == "read"} == {at(1)}


# --- what is appended comes from what was there ---------------------------------------------------


def test_an_append_inherits_so_that_bad_data_in_v3_is_found_under_v4() -> None:
    send(
        ran("load", 1, reads=[item("feed", "bad")], writes=[item("raw", "3")]),
        declared("raw", "4", 2, operation="append", previous="3"),
        registered("risk", "5", 4, inputs=[ref("raw", role="train")]),
    )
    assert (dataset("raw", "4"), "trained", model("risk", "5"), "inferred") in flows()
    assert reached(model("risk", "5")) == {
        model("risk", "5"),
        dataset("raw", "4"),
        dataset("raw", "3"),
        run("load"),
        dataset("feed", "bad"),
    }


@pytest.mark.parametrize(
    ("operation", "inherits"), [("append", True), ("delete", True), ("overwrite", False)]
)
def test_what_inherits(operation: str, inherits: bool) -> None:
    send(declared("raw", "3", 1), declared("raw", "4", 2, operation=operation))
    expected = {(dataset("raw", "3"), "succeeds", dataset("raw", "4"), "inferred")} if inherits else set()
    assert flows("succeeds") == expected


def test_the_named_predecessor_is_older_whatever_the_versions_are_called() -> None:
    """`9` was never declared: that it exists is known only from `10`, at whose time both seem to begin."""
    send(declared("raw", "10", 2, operation="append", previous="9"), ran("night", 3, reads=["raw"]))
    assert flows("read") == {(dataset("raw", "10"), "read", run("night"), "inferred")}


def test_a_run_that_appends_without_naming_versions_continues_the_newest_before() -> None:
    send(ran("one", 1, writes=["raw"]), ran("two", 3, writes=[item("raw", change="ALTER")]))
    assert flows("succeeds") == {
        (dataset("raw", made_by("one")), "succeeds", dataset("raw", made_by("two")), "inferred")
    }
    send(ran("between", 2, writes=["raw"]))
    assert flows("succeeds") == {
        (dataset("raw", made_by("between")), "succeeds", dataset("raw", made_by("two")), "inferred")
    }


def test_an_append_to_what_nobody_knows_is_mended_when_it_is_known() -> None:
    made = dataset("raw", made_by("two"))
    send(ran("two", 3, writes=[item("raw", change="ALTER")]))
    assert flows("succeeds") == {(dataset("raw", "unknown"), "succeeds", made, "inferred")}
    send(declared("raw", "1", 2))
    assert flows("succeeds") == {(dataset("raw", "1"), "succeeds", made, "inferred")}


def test_a_rename_keeps_the_ancestors() -> None:
    send(
        ran("load", 1, reads=["feed"], writes=["raw"]),
        dataset_event(2, item("clean", renamed_from="raw")),
        ran("night", 3, reads=["clean"]),
    )
    assert dataset("feed", "unknown") in reached(run("night"))
    assert dataset("raw", made_by("load")) in reached(run("night"))
    send(ran("noon", 4, reads=["raw"]))
    assert (dataset("raw", "unknown"), "read", run("noon"), "inferred") in flows("read")


def test_a_rename_by_a_run_is_a_read_and_a_write() -> None:
    send(ran("load", 1, writes=["raw"]), ran("move", 3, writes=[item("clean", renamed_from="raw")]))
    assert flows("read", "wrote") >= {
        (dataset("raw", made_by("load")), "read", run("move"), "inferred"),
        (run("move"), "wrote", dataset("clean", made_by("move")), "inferred"),
    }


# --- contradictions -------------------------------------------------------------------------------


def test_a_run_id_used_by_another_job_is_a_conflict_on_the_run() -> None:
    send(ran("night", 1, "START", job="load"), ran("night", 2, job="score", reads=["raw"]))
    state = NodeState.objects.get(kind="run")
    assert state.conflicting
    assert [value["value"] for value in state.attributes["conflicts"][0]["values"]] == [
        "job:airflow/load",
        "job:airflow/score",
    ]
    assert ask(dataset("raw"), direction="downstream").completeness.conflicting == 0  # no version is there
    assert ask(run("night")).completeness.conflicting == 1


def test_one_version_with_two_digests_is_a_conflict_on_every_answer_through_it() -> None:
    send(
        declared("raw", "1", 1, "one", digest="sha256:aa"),
        declared("raw", "1", 1, "two", digest="sha256:bb"),
        registered("risk", "5", 4, inputs=[ref("raw", "1", role="train")]),
    )
    answer = ask(model("risk", "5"))
    assert answer.completeness.conflicting == 1
    version = next(node for node in answer.nodes if node.key == dataset("raw", "1"))
    assert version.conflicting
    assert {v["value"] for v in version.attributes["conflicts"][0]["values"]} == {"sha256:aa", "sha256:bb"}


def test_a_looser_classification_is_kept_and_shown_and_not_applied() -> None:
    send(
        declared("raw", "1", 1, classification="restricted"),
        declared("raw", "2", 2, classification="public"),
        declared("raw", "3", 3),
    )
    state = NodeState.objects.get(kind="dataset")
    assert state.classification == "restricted"
    assert [(one["value"], one["asserted_by"]) for one in state.attributes["not_applied"]] == [
        ("public", "registry")
    ]
    assert NodeState.objects.get(version="2").classification == "public"


# --- what is about no moment ----------------------------------------------------------------------


def test_a_job_reads_no_version() -> None:
    send(declared("raw", "1", 1), job_event("load", 2, reads=["raw"], writes=["clean"]))
    assert flows("read", "wrote") == {
        (dataset("raw"), "read", "job:airflow/load", "declared"),
        ("job:airflow/load", "wrote", dataset("clean"), "declared"),
    }


def test_one_transaction_is_as_good_as_many() -> None:
    send_together(
        ran("noon", 5, reads=["raw"], writes=["clean"]),
        ran("night", 1, writes=["raw"]),
        registered("risk", "1", 6, inputs=[ref("clean", role="train")]),
    )
    assert reached(model("risk", "1")) == {
        model("risk", "1"),
        dataset("clean", made_by("noon")),
        run("noon"),
        dataset("raw", made_by("night")),
        run("night"),
    }
