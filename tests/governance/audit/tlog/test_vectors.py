"""The proof vectors of transparency-dev/merkle, whatever the folder holds.

Out of scope is nothing of what is there today: inclusion and consistency (RFC 6962) and those of subtrees
(draft-ietf-plants-merkle-tree-certs). A folder of another kind is skipped by name.
"""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from governance.audit.tlog import merkle

SHARED = Path(os.environ.get("PLUMBLINE_SHARED", Path(__file__).parents[5] / "shared/data")) / "tlog"
VECTORS = sorted(SHARED.rglob("*.json"))


def _inclusion(case: dict[str, Any], proof: list[bytes]) -> None:
    root, leaf = _bytes(case["root"]), _bytes(case["leafHash"])
    merkle.verify_inclusion(case["leafIdx"], case["treeSize"], leaf, proof, root)


def _consistency(case: dict[str, Any], proof: list[bytes]) -> None:
    roots = _bytes(case["root1"]), _bytes(case["root2"])
    merkle.verify_consistency(case["size1"], case["size2"], proof, *roots)


def _subtree_inclusion(case: dict[str, Any], proof: list[bytes]) -> None:
    root, leaf = _bytes(case["root"]), _bytes(case["leafHash"])
    merkle.verify_subtree_inclusion(case["leafIdx"], case["start"], case["end"], leaf, proof, root)


def _subtree_consistency(case: dict[str, Any], proof: list[bytes]) -> None:
    roots = _bytes(case["root1"]), _bytes(case["root2"])
    merkle.verify_subtree(case["start"], case["end"], case["size"], proof, *roots)


KINDS = {
    "inclusion": _inclusion,
    "consistency": _consistency,
    "subtreeinclusion": _subtree_inclusion,
    "subtreeconsistency": _subtree_consistency,
}


def _bytes(text: str | None) -> bytes:
    return base64.b64decode(text or "")


@pytest.mark.skipif(not VECTORS, reason=f"no vectors in {SHARED}")
@pytest.mark.parametrize("path", VECTORS, ids=lambda path: str(path.relative_to(SHARED)))
def test_vector(path: Path) -> None:
    kind = path.relative_to(SHARED).parts[0]
    if kind not in KINDS:
        pytest.skip(f"{kind} is not a kind of proof that the log has")
    case = json.loads(path.read_text())
    proof = [_bytes(each) for each in case["proof"] or []]
    if case["wantErr"]:
        with pytest.raises(merkle.ProofError):
            KINDS[kind](case, proof)
    else:
        KINDS[kind](case, proof)
