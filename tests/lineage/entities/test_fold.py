"""What stands, from what was said, in any order and any grouping."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lineage.entities.fold import Fold, dump, load
from tests.lineage.stories import at
from tests.lineage.worlds import examples

_attributes = st.fixed_dictionaries(
    {},
    optional={
        "title": st.sampled_from(["one", "two"]),
        "owners": st.lists(st.sampled_from(["ada", "bob"]), max_size=2),
        "classification": st.sampled_from(["public", "internal", "restricted", "secret"]),
        "personal_data": st.booleans(),
        "digest": st.sampled_from(["aa", "bb"]),
        "run_state": st.sampled_from(["START", "RUNNING", "COMPLETE", "FAIL", "ABORT"]),
        "made": st.booleans(),
        "dropped": st.booleans(),
        "same_as": st.lists(st.sampled_from(["dataset:lake/a", "dataset:lake/b"]), max_size=2),
    },
)
_facets = st.dictionaries(
    st.sampled_from(["schema", "sql"]),
    st.sampled_from([b"{}", b'{"a":1}', b'{"_deleted":true}', b'{"note":"\\"_deleted\\""}']),
    max_size=2,
)
_statements = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["airflow", "dbt"]), _facets, _attributes), max_size=6
)
Statements = list[tuple[int, str, dict[str, bytes], dict[str, Any]]]


def fold_of(statements: Statements) -> Fold:
    fold = Fold()
    for minute, asserter, facets, attributes in statements:
        fold.absorb(at(minute), asserter, 1, facets, attributes)
    return fold


@examples(300)
@given(data=st.data(), statements=_statements)
def test_order_and_repetition_do_not_matter(data: st.DataObject, statements: Statements) -> None:
    again = data.draw(st.lists(st.sampled_from(statements), max_size=3)) if statements else []
    shuffled = data.draw(st.permutations(statements + again))
    assert fold_of(shuffled) == fold_of(statements)
    assert fold_of(shuffled).attributes() == fold_of(statements).attributes()


@examples(300)
@given(first=_statements, second=_statements)
def test_merging_is_as_good_as_folding_all(first: Statements, second: Statements) -> None:
    merged, other_way = fold_of(first), fold_of(second)
    merged.merge(fold_of(second))
    other_way.merge(fold_of(first))
    assert merged == other_way == fold_of(first + second)


@examples(200)
@given(statements=_statements)
def test_it_is_kept_whole(statements: Statements) -> None:
    fold = fold_of(statements)
    assert load(dump(fold)) == fold


def test_the_newest_stands_and_the_strictest() -> None:
    fold = fold_of(
        [
            (2, "dbt", {}, {"title": "new", "classification": "internal", "personal_data": False}),
            (1, "airflow", {}, {"title": "old", "classification": "restricted", "personal_data": True}),
        ]
    )
    standing = fold.attributes()
    assert (standing["title"], standing["classification"], standing["personal_data"]) == (
        "new",
        "restricted",
        True,
    )
    assert [(one["name"], one["asserted_by"]) for one in standing["not_applied"]] == [
        ("classification", "dbt"),
        ("personal_data", "dbt"),
    ]


def test_what_was_milder_before_is_no_loosening() -> None:
    fold = fold_of(
        [(1, "dbt", {}, {"classification": "public"}), (2, "dbt", {}, {"classification": "restricted"})]
    )
    assert "not_applied" not in fold.attributes()


def test_a_classification_that_nobody_knows_is_not_taken_for_mild() -> None:
    assert "classification" not in fold_of([(1, "dbt", {}, {"classification": "cosmic"})]).attributes()


def test_a_run_ends_once() -> None:
    fold = fold_of(
        [(n, "dbt", {}, {"run_state": s}) for n, s in enumerate(["START", "RUNNING", "COMPLETE"], 1)]
    )
    assert (fold.run_state, fold.run_span()) == ("COMPLETE", (at(1), at(3)))
    fold.absorb(at(5), "dbt", 1, {}, {"run_state": "RUNNING"})
    assert (fold.run_state, fold.run_span()) == ("COMPLETE", (at(1), at(3)))
    fold.absorb(at(6), "dbt", 1, {}, {"run_state": "COMPLETE"})
    assert fold.run_span() == (at(1), at(3))
    fold.absorb(at(7), "dbt", 1, {}, {"run_state": "FAIL"})
    assert (fold.run_state, fold.run_span()) == ("FAIL", (at(1), at(7)))
