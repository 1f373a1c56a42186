"""Two names, one node: symlinks, and datasets that are models."""

import pytest

from lineage.entities.find import find_node
from lineage.entities.models import NodeState
from tests.lineage.stories import (
    ask,
    dataset,
    dataset_event,
    declared,
    flows,
    item,
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

# the name that says that it has others is the physical one, and canonical
FILES = item("files/raw", also=["raw"])


def test_a_symlinked_dataset_is_one_node_by_either_name() -> None:
    send(dataset_event(1, FILES), ran("load", 2, writes=["raw"]), ran("night", 3, reads=["files/raw"]))
    files = "dataset:lake/files%2Fraw"
    assert str(find_node(dataset("raw")).key) == files
    version = f"dataset_version:lake/files%2Fraw@{made_by('load')}"
    assert flows("read", "wrote") == {
        (run("load"), "wrote", version, "inferred"),
        (version, "read", run("night"), "inferred"),
    }
    by_one, by_other = ask(dataset("raw"), direction="both"), ask(files, direction="both")
    assert (by_one.root, by_one.roots) == (by_other.root, by_other.roots) == (files, [files, version])
    assert by_one.edges == by_other.edges != []


def test_names_that_turn_out_to_be_one_later_are_joined_with_all_that_was_known() -> None:
    send(ran("load", 2, writes=["raw"]), ran("night", 3, reads=["files/raw"]))
    before = ask(run("night"))
    assert reached(run("night")) == {run("night"), "dataset_version:lake/files%2Fraw@unknown"}
    send(dataset_event(1, FILES))
    version = f"dataset_version:lake/files%2Fraw@{made_by('load')}"
    assert reached(run("night")) == {run("night"), version, run("load")}
    assert ask(run("night"), at=before.at, known_at=before.known_at).edges == before.edges
    # the old name of the version leads to the new one
    assert str(find_node(dataset("raw", made_by("load"))).key) == version
    assert NodeState.objects.get(version=made_by("load"), canonical=None).began_at is not None


def test_versions_under_both_names_are_one() -> None:
    send(declared("raw", "1", 1, digest="sha256:aa"), dataset_event(1, FILES))
    send(declared("files/raw", "1", 2, digest="sha256:bb"))
    state = find_node(dataset("raw", "1"))
    assert str(state.key) == "dataset_version:lake/files%2Fraw@1"
    assert state.conflicting


def test_what_is_said_of_a_version_under_its_second_name_only() -> None:
    """The version's claims must not be lost because its canonical name is new in the same transaction."""
    send(dataset_event(0, FILES), declared("raw", "1", 1))
    send(declared("raw", "2", 2, operation="append", previous="1"))
    old, new = (f"dataset_version:lake/files%2Fraw@{version}" for version in "12")
    assert flows("succeeds") == {(old, "succeeds", new, "declared")}
    state = find_node(new)
    assert (state.began_at is not None, state.attributes["operation"]) == (True, "append")


def test_a_second_name_mentioned_beside_another_merge_stays_joined() -> None:
    send(dataset_event(1, FILES))
    send_together(ran("night", 2, reads=["raw"]), dataset_event(1, item("files/clean", also=["clean"])))
    assert str(find_node(dataset("raw")).key) == "dataset:lake/files%2Fraw"
    assert str(find_node(dataset("clean")).key) == "dataset:lake/files%2Fclean"


def test_a_model_among_the_outputs_is_the_registrys_model() -> None:
    send(
        ran("train", 3, reads=[item("features", "1")], writes=[item("risk", "5", model=True)]),
        registered("risk", "5", 4, digest="sha256:aa"),
    )
    assert (run("train"), "wrote", model("risk", "5"), "observed") in flows("wrote")
    assert dataset("features", "1") in reached(model("risk", "5"))
    assert str(find_node("dataset:credit/risk").key) == model("risk")


def test_versions_of_a_dataset_that_turns_out_to_be_a_model() -> None:
    plain = item("risk", namespace="credit")
    send(ran("train", 3, reads=["features"], writes=[plain]), ran("score", 5, reads=[plain]))
    assert reached(run("score")) >= {f"dataset_version:credit/risk@{made_by('train')}"}
    send(dataset_event(6, item("risk", model=True)))
    version = model("risk", made_by("train"))
    assert reached(run("score")) == {run("score"), version, run("train"), dataset("features", "unknown")}
    assert find_node(version).inferred
    send(registered("risk", "2", 4, inputs=[ref("features", "1", role="train")]))
    assert model("risk", "2") in reached(run("score"))
