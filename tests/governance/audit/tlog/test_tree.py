"""Trees against the definition of RFC 6962, section 2.1, word by word."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.audit.tlog import merkle
from governance.audit.tlog.edge import Edge
from governance.audit.tlog.merkle import ProofError, leaf_hash, node_hash
from governance.audit.tlog.tiles import ENTRIES, Tile, parse_path, tiles_of
from governance.audit.tlog.tree import TiledTree

LARGEST = 66_100


@cache
def leaves() -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(LARGEST)]


def mth(hashes: list[bytes]) -> bytes:
    """The Merkle Tree Hash as the RFC defines it."""
    if not hashes:
        return merkle.EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return node_hash(mth(hashes[:half]), mth(hashes[half:]))


@cache
def grown() -> tuple[dict[Tile, bytes], dict[int, Edge]]:
    """Every tile ever written of a log that grew in steps of all sorts, and its edge after each."""
    edge, edges = Edge(), {0: Edge()}
    written: dict[Tile, bytes] = {}
    steps = [1, 1, 5, 248, 1, 1, 255, 256, 257, 3000, 61_000, 511, 300]
    for step in steps:
        edge, new = edge.grown(leaves()[edge.size : edge.size + step])
        written |= new
        edges[edge.size] = edge
    return written, edges


def test_edges_have_the_roots_of_their_trees() -> None:
    for size, edge in grown()[1].items():
        assert edge.root() == mth(leaves()[:size]) == merkle.root_of(b"".join(leaves()[:size])), size


def test_every_tile_of_each_size_was_written() -> None:
    written, edges = grown()
    for size, edge in edges.items():
        tiles = [tile for tile in tiles_of(size) if tile.level != ENTRIES]
        assert set(tiles) <= written.keys()
        assert Edge.read(size, written.__getitem__) == edge
        assert TiledTree(size, written.__getitem__).root() == edge.root()


@given(st.lists(st.integers(0, 700), max_size=6))
def test_how_a_log_grew_leaves_no_trace(steps: list[int]) -> None:
    edge = Edge()
    tiles: dict[Tile, bytes] = {}
    for step in steps:
        edge, new = edge.grown(leaves()[edge.size : edge.size + step])
        tiles |= new
    at_once, new = Edge().grown(leaves()[: edge.size])
    assert edge == at_once
    assert {tile: tiles[tile] for tile in new} == new
    assert set(new) == {tile for tile in tiles_of(edge.size) if tile.level != ENTRIES}


@given(st.data())
def test_proofs_from_tiles(data: st.DataObject) -> None:
    written, edges = grown()
    size = data.draw(st.sampled_from([size for size in edges if size]))
    tree = TiledTree(size, written.__getitem__)
    part = data.draw(st.integers(1, size))
    index = data.draw(st.integers(0, part - 1))
    root, whole = merkle.root_of(b"".join(leaves()[:part])), edges[size].root()
    assert tree.root(part) == root
    assert tree.leaf(index) == leaves()[index]
    merkle.verify_inclusion(index, part, leaves()[index], tree.inclusion(index, part), root)
    proof = tree.consistency(part)
    merkle.verify_consistency(part, size, proof, root, whole)
    for wrong in (proof[:-1], (*proof, root), proof[::-1]):
        if wrong != proof:
            with pytest.raises(ProofError):
                merkle.verify_consistency(part, size, wrong, root, whole)
    if part < size:
        with pytest.raises(ProofError):
            merkle.verify_consistency(part, size, proof, whole, whole)


def test_every_subtree_of_small_trees() -> None:
    tree = TiledTree(40, lambda tile: b"".join(leaves()[:40]))
    for size in range(1, 41):
        root = mth(leaves()[:size])
        for start in range(size):
            for end in range(start + 1, size + 1):
                if merkle.is_subtree(start, end):
                    proof = merkle.subtree_proof(start, end, size, tree.hash_of)
                    merkle.verify_subtree(start, end, size, proof, mth(leaves()[start:end]), root)
                else:
                    with pytest.raises(ValueError, match="no subtree"):
                        merkle.subtree_proof(start, end, size, tree.hash_of)


def test_the_example_of_the_standard() -> None:
    """c2sp.org/tlog-tiles, partial tiles: a tree of 70,000 entries."""
    tiles = [tile for tile in tiles_of(70_000) if tile.level != ENTRIES]
    full = [tile.level for tile in tiles if tile.width == 256]
    assert (full.count(0), full.count(1), full.count(2)) == (273, 1, 0)
    assert [tile.path for tile in tiles if tile.width < 256] == [
        "tile/0/273.p/112",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ]
    assert [tile.path for tile in tiles_of(256)] == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]
    assert list(tiles_of(0)) == []


def test_a_range_needs_its_own_tiles_and_the_right_edge() -> None:
    assert [tile.path for tile in tiles_of(70_000, start=1000, end=1030)] == [
        "tile/entries/003",
        "tile/entries/004",
        "tile/0/003",
        "tile/0/004",
        "tile/0/273.p/112",
        "tile/1/000",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ]


def test_paths() -> None:
    assert Tile(0, 1_234_067).path == "tile/0/x001/x234/067"
    assert Tile(ENTRIES, 7, 3).path == "tile/entries/007.p/3"


@given(st.integers(-1, 63), st.integers(0, 1 << 55), st.integers(1, 256))
def test_paths_there_and_back(level: int, index: int, width: int) -> None:
    assert parse_path(Tile(level, index, width).path) == Tile(level, index, width)


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/0",
        "tile/00/000",
        "tile/64/000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000\n",
        "tile/0/٠٠٠",
        "tile/-1/000",
        "tile/0/../000",
        "/tile/0/000",
    ],
)
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(ValueError, match="not the path"):
        parse_path(path)


def test_an_edge_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ValueError, match="ends in"):
        Edge(3, (bytes(64),))
    with pytest.raises(ValueError, match="32 bytes"):
        Edge().grown([b"short"])
