"""pymerkle has the same roots, the same proofs, and takes ours for its own."""

from functools import cache, reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import (  # type: ignore[import-untyped]
    InmemoryTree,
    InvalidProof,
    verify_consistency,
    verify_inclusion,
)
from pymerkle.proof import ConsistencyProof, InclusionProof  # type: ignore[import-untyped]

from governance.audit.tlog.merkle import leaf_hash, node_hash, root_of
from governance.audit.tlog.tree import TiledTree
from tests.governance.audit.tlog.logs import entry, log_of

SIZE = 700
SIZES = st.integers(1, SIZE)


@cache
def theirs() -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    for number in range(SIZE):
        assert tree.append_entry(entry(number)) == number + 1, "it counts from one"
    return tree


@cache
def ours() -> TiledTree:
    return log_of(SIZE).tree()


def inclusion(index: int, size: int, hashes: tuple[bytes, ...]) -> InclusionProof:
    """Our proof as theirs; the rule, in which order to hash, follows from index and size."""
    rule = theirs().prove_inclusion(index + 1, size).rule
    leaf = leaf_hash(entry(index))
    return InclusionProof("sha256", True, size, index + 1, rule, [leaf, *hashes])


def consistency(old: int, size: int, hashes: tuple[bytes, ...]) -> ConsistencyProof:
    """Our proof as theirs. Raises InvalidProof where that can't be.

    The RFC leaves the old root out where it is known, and has one hash for what comes next after the older
    tree on the right, where they have that subtree's first leaf and what it takes from there.
    """
    like = theirs().prove_consistency(old, size)
    if old == size:
        path = [ours().root(old)]
    else:
        known = [ours().root(old)] if old & (old - 1) == 0 else []
        last, right, *rest = [*known, *hashes]
        below = like.path[: len(like.path) - len(rest) - 1]
        if reduce(node_hash, below) != right:
            raise InvalidProof
        path = [*below, last, *rest]
    return ConsistencyProof("sha256", True, size, old, like.rule, like.subset, path)


def test_roots_of_every_size() -> None:
    for size in range(1, SIZE + 1):
        assert theirs().get_root(size) == ours().root(size), size


@given(st.lists(st.binary(max_size=300), max_size=40))
def test_roots_of_anything(entries: list[bytes]) -> None:
    tree = InmemoryTree(algorithm="sha256")
    for each in entries:
        tree.append_entry(each)
    assert tree.get_root() == root_of(b"".join(map(leaf_hash, entries)))


@settings(max_examples=200, deadline=None)
@given(SIZES, SIZES, st.data())
def test_inclusion(one: int, other: int, data: st.DataObject) -> None:
    index, size = min(one, other) - 1, max(one, other)
    hashes = ours().inclusion(index, size)
    assert theirs().prove_inclusion(index + 1, size).path[1:] == list(hashes)
    base, root = leaf_hash(entry(index)), theirs().get_root(size)
    verify_inclusion(base, root, inclusion(index, size, hashes), index=index + 1, size=size)
    with pytest.raises(InvalidProof):
        verify_inclusion(leaf_hash(b"{}"), root, inclusion(index, size, hashes))
    if hashes:
        at = data.draw(st.integers(0, len(hashes) - 1))
        wrong = (*hashes[:at], bytes(32), *hashes[at + 1 :])
        with pytest.raises(InvalidProof):
            verify_inclusion(base, root, inclusion(index, size, wrong))


@settings(max_examples=200, deadline=None)
@given(SIZES, SIZES, st.data())
def test_consistency(one: int, other: int, data: st.DataObject) -> None:
    old, size = min(one, other), max(one, other)
    hashes = ours().consistency(old, size)
    roots = theirs().get_root(old), theirs().get_root(size)
    verify_consistency(*roots, consistency(old, size, hashes), prior_size=old, later_size=size)
    with pytest.raises(InvalidProof):
        verify_consistency(bytes(32), roots[1], consistency(old, size, hashes))
    if hashes:
        at = data.draw(st.integers(0, len(hashes) - 1))
        wrong = (*hashes[:at], bytes(32), *hashes[at + 1 :])
        with pytest.raises(InvalidProof):
            verify_consistency(*roots, consistency(old, size, wrong))
