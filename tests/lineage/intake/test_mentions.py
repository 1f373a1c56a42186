"""What an event mentions exists, and what it says implies some more."""

from lineage.entities.keys import NodeKey
from lineage.intake.cloudevents import read as cloudevents
from lineage.intake.mentions import spell_out
from lineage.intake.openlineage import read as openlineage
from tests.lineage.stories import Sent, dataset_event, declared, item, ran, ref, registered, run

READERS = {"openlineage": openlineage.read, "cloudevents": cloudevents.read}


def spelt(event: Sent) -> tuple[set[str], set[tuple[str, str, str]]]:
    said, claims = spell_out(READERS[event.door](event.body))
    return set(map(str, said)), {(str(c.actor), c.kind, str(c.entity)) for c in claims}


def test_everything_named_is_stated_once() -> None:
    said, _ = spelt(registered("risk", "1", 1, inputs=[ref("raw", "3", role="train")]))
    assert said == {
        "model:credit/risk",
        "model_version:credit/risk@1",
        "dataset:lake/raw",
        "dataset_version:lake/raw@3",
    }


def test_both_names_of_a_symlink_and_the_job_of_a_run_are_stated() -> None:
    said, _ = spelt(ran("night", 1, reads=[item("files", also=["raw"])], job="load"))
    assert said == {run("night"), "job:airflow/load", "dataset:lake/files", "dataset:lake/raw"}


def test_an_append_comes_from_its_predecessor() -> None:
    _, claims = spelt(declared("raw", "4", 1, operation="append", previous="3"))
    assert claims == {("dataset_version:lake/raw@4", "succeeds", "dataset_version:lake/raw@3")}
    _, claims = spelt(declared("raw", "4", 1, operation="append"))
    assert claims == {("dataset_version:lake/raw@4", "succeeds", "dataset:lake/raw")}
    _, claims = spelt(declared("raw", "4", 1, previous="3"))
    assert claims == set()


def test_a_rename_drops_the_old_name_and_goes_on_under_the_new() -> None:
    derived = openlineage.read(dataset_event(1, item("new", renamed_from="old")).body)
    said, claims = spell_out(derived)
    assert said[NodeKey.parse("dataset:lake/old")].attributes == {"dropped": True}
    assert [(c.kind, str(c.entity)) for c in claims] == [("succeeds", "dataset:lake/old")]
