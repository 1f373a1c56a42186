"""Node keys, written and read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.entities.keys import ENTITY_KIND, KINDS, BadKey, NodeKey
from tests.lineage.worlds import examples

_parts = st.text(min_size=1, max_size=20)


def test_as_the_contract_writes_it() -> None:
    key = NodeKey("dataset_version", "s3://lake", "raw/applicants", "2026-03-01")
    assert str(key) == "dataset_version:s3%3A%2F%2Flake/raw%2Fapplicants@2026-03-01"
    assert key.entity == NodeKey("dataset", "s3://lake", "raw/applicants")
    assert key.entity.at_version("2026-03-01") == key


@examples(300)
@given(kind=st.sampled_from(KINDS), namespace=_parts, name=_parts, version=_parts)
def test_what_is_written_is_read(kind: str, namespace: str, name: str, version: str) -> None:
    key = NodeKey(kind, namespace, name, version if kind in ENTITY_KIND else "")
    assert NodeKey.parse(str(key)) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dataset",
        "dataset:",
        "dataset:lake",
        "dataset:lake/",
        "dataset:/raw",
        "dataset:lake/raw/more",
        "dataset:lake/raw@1",
        "dataset_version:lake/raw",
        "dataset_version:lake/raw@",
        "planet:lake/raw",
        "Dataset:lake/raw",
    ],
)
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(BadKey):
        NodeKey.parse(text)
