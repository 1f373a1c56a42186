"""Merkle trees over SHA-256 as RFC 6962 (section 2.1) and RFC 9162 (section 2.1) define them.

Hashes are 32 bytes. A range `[start, end)` counts leaves from 0. One routine serves every kind of proof:
that a leaf is in a tree and that an older tree is the beginning of a newer one are both the statement that
a subtree is part of a tree (draft-ietf-plants-merkle-tree-certs, section 4).
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence

HASH_SIZE = 32
#: The root of the tree without leaves (RFC 6962, section 2.1).
EMPTY_ROOT = hashlib.sha256(b"").digest()
#: Sizes and indexes are below this: unsigned integers of 64 bits.
MOST_LEAVES = 1 << 64

_sha256 = hashlib.sha256


class ProofError(ValueError):
    """A proof does not show what it should; the message says why."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256(0x00 || entry)."""
    return _sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256(0x01 || left || right)."""
    return _sha256(b"\x01" + left + right).digest()


def root_of(hashes: bytes) -> bytes:
    """Return the root over `hashes`, any number of hashes one after the other.

    All but the last must stand for equally many leaves, a power of two, and the last for no more.
    """
    if not hashes:
        return EMPTY_ROOT
    while len(hashes) > HASH_SIZE:
        odd = len(hashes) % 64
        pairs = range(0, len(hashes) - odd, 64)
        above = [_sha256(b"\x01" + hashes[at : at + 64]).digest() for at in pairs]
        if odd:
            above.append(hashes[-HASH_SIZE:])
        hashes = b"".join(above)
    return hashes


def split(size: int) -> int:
    """Return the largest power of two below `size` (at least 2): the leaves of the left child."""
    return 1 << ((size - 1).bit_length() - 1)


def is_subtree(start: int, end: int) -> bool:
    """Whether `[start, end)` can be a subtree: `start` is a multiple of the power of two that holds it."""
    return 0 <= start < end and start % (1 << (end - start - 1).bit_length()) == 0


def _descent(start: int, end: int, size: int) -> tuple[list[tuple[int, int, bool]], bool]:
    """Walk from the root of a tree of `size` leaves down to its subtree `[start, end)`.

    Returns the siblings passed, lowest first, as (start, end, is it on the left), and whether the walk
    ended at the subtree itself. Otherwise the subtree reaches over the last split, and the first
    of the siblings ends it: what is left of it is the complete tree below that.
    """
    siblings: list[tuple[int, int, bool]] = []
    low, high, whole = 0, size, True
    while (start, end) != (low, high):
        middle = low + split(high - low)
        if end <= middle:
            siblings.append((middle, high, False))
            high = middle
        elif middle <= start:
            siblings.append((low, middle, True))
            low = middle
        else:
            # Only a subtree that begins at the tree's own beginning reaches over a split.
            siblings.append((low, middle, True))
            low = start = middle
            whole = False
    siblings.reverse()
    return siblings, whole


def subtree_proof(start: int, end: int, size: int, hash_of: Callable[[int, int], bytes]) -> tuple[bytes, ...]:
    """Return the proof that the subtree `[start, end)` is part of the tree of `size` leaves.

    `hash_of(start, end)` gives the hash of a complete subtree, or of the ragged one at the right edge.
    Raises ValueError where `[start, end)` is no subtree of that tree.
    """
    if not is_subtree(start, end) or end > size:
        raise ValueError(f"[{start}, {end}) is no subtree of a tree of {size} leaves")
    siblings, whole = _descent(start, end, size)
    proof = [] if whole else [hash_of(*_last_part(start, end))]
    proof += [hash_of(low, high) for low, high, _ in siblings]
    return tuple(proof)


def _last_part(start: int, end: int) -> tuple[int, int]:
    """Return the smallest, rightmost of the complete trees that `[start, end)` is made of."""
    return end - ((end - start) & (start - end)), end


def inclusion_proof(index: int, size: int, hash_of: Callable[[int, int], bytes]) -> tuple[bytes, ...]:
    """Return the proof that leaf `index` is in the tree of `size` leaves (RFC 6962, section 2.1.1)."""
    return subtree_proof(index, index + 1, size, hash_of)


def consistency_proof(old: int, size: int, hash_of: Callable[[int, int], bytes]) -> tuple[bytes, ...]:
    """Return the proof that the tree of `old` leaves begins that of `size` (RFC 6962, section 2.1.2).

    From the empty tree there is nothing to prove, and the proof is empty.
    """
    return subtree_proof(0, old, size, hash_of) if old else ()


def verify_subtree(
    start: int, end: int, size: int, proof: Sequence[bytes], subtree_root: bytes, root: bytes
) -> None:
    """Check that the subtree `[start, end)` with `subtree_root` is part of the tree of `size` with `root`.

    An empty range is part of every tree that reaches so far. Raises ProofError.
    """
    if not 0 <= start <= end <= size < MOST_LEAVES:
        raise ProofError(f"[{start}, {end}) lies outside a tree of {size} leaves")
    if start == end:
        if proof or subtree_root != EMPTY_ROOT:
            raise ProofError("an empty range has the root of the empty tree and an empty proof")
        return
    if not is_subtree(start, end):
        raise ProofError(f"[{start}, {end}) is no subtree")
    siblings, whole = _descent(start, end, size)
    if len(proof) != len(siblings) + (not whole):
        raise ProofError(f"the proof has {len(proof)} hashes instead of {len(siblings) + (not whole)}")
    if any(len(node) != HASH_SIZE for node in proof):
        raise ProofError(f"a hash of the proof is not {HASH_SIZE} bytes long")
    rest: Iterator[bytes] = iter(proof)
    new = subtree_root if whole else next(rest)
    old = new
    for (low, _, on_the_left), node in zip(siblings, rest, strict=True):
        if on_the_left:
            new = node_hash(node, new)
            if low >= start:
                # A part of the subtree, which reaches over the split.
                old = node_hash(node, old)
        else:
            new = node_hash(new, node)
    if old != subtree_root:
        raise ProofError("the proof does not lead to the root of the older tree or subtree")
    if new != root:
        raise ProofError("the proof does not lead to the root of the tree")


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that leaf `index`, whose hash is `leaf`, is in the tree of `size` with `root`.

    RFC 9162, section 2.1.3.2. Raises ProofError.
    """
    if not 0 <= index < size:
        raise ProofError(f"leaf {index} lies outside a tree of {size} leaves")
    if len(leaf) != HASH_SIZE:
        raise ProofError(f"the hash of the leaf is not {HASH_SIZE} bytes long")
    verify_subtree(index, index + 1, size, proof, leaf, root)


def verify_subtree_inclusion(
    index: int, start: int, end: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that leaf `index`, whose hash is `leaf`, is in the subtree `[start, end)` with `root`.

    Raises ProofError.
    """
    if not is_subtree(start, end):
        raise ProofError(f"[{start}, {end}) is no subtree")
    verify_inclusion(index - start, end - start, leaf, proof, root)


def verify_consistency(old: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes) -> None:
    """Check that the tree of `old` leaves with `old_root` is the beginning of that of `size` with `root`.

    RFC 9162, section 2.1.4.2; nothing can be shown from the empty tree. Raises ProofError.
    """
    if not 0 < old <= size:
        raise ProofError(f"a tree of {old} leaves can't be shown to begin one of {size}")
    if old == size:
        if proof or old_root != root:
            raise ProofError("trees of one size have one root and an empty proof")
        return
    verify_subtree(0, old, size, proof, old_root, root)
