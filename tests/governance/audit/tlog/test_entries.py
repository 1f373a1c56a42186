"""Leaves, bundles and receipts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.audit.tlog import leaf
from governance.audit.tlog.bundles import BundleError, decode_bundle, encode_bundle, leaf_hashes
from governance.audit.tlog.leaf import LeafError
from governance.audit.tlog.merkle import ProofError, leaf_hash
from governance.audit.tlog.notes import NoteError
from governance.audit.tlog.proof import Proof
from tests.governance.audit.tlog.logs import entry, log_of, signer


def test_a_leaf_is_canonical_json() -> None:
    assert leaf.encode({"b": 1.0, "a": "é", "c": [None, True]}) == '{"a":"é","b":1,"c":[null,true]}'.encode()


@pytest.mark.parametrize("value", [2**53, float("nan"), "\ud800", {1: 2}, b"bytes"])
def test_what_a_leaf_can_not_say(value: object) -> None:
    with pytest.raises(LeafError):
        leaf.encode({"value": value})


def test_what_is_too_large_is_named_by_digest() -> None:
    fields = {"id": "1", "detail": "x" * 60_000, "reason": "y" * 20_000}
    with pytest.raises(LeafError, match="65535"):
        leaf.encode(fields)
    content, apart = leaf.encode_by_digest(fields, ["detail", "reason", "absent"])
    assert apart == {"detail": b'"' + b"x" * 60_000 + b'"'}
    assert json.loads(content)["detail"]["size"] == 60_002
    assert leaf.encode_by_digest({"id": "1"}, ["id"]) == (b'{"id":"1"}', {})
    with pytest.raises(LeafError):
        leaf.encode_by_digest(fields, ["id"])


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_bundles_there_and_back(entries: list[bytes]) -> None:
    bundle = encode_bundle(entries)
    assert list(decode_bundle(bundle, len(entries))) == entries
    assert leaf_hashes(bundle, len(entries)) == b"".join(map(leaf_hash, entries))


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=9), st.data())
def test_a_bundle_cut_off_says_where(entries: list[bytes], data: st.DataObject) -> None:
    bundle = encode_bundle(entries)
    cut = data.draw(st.integers(0, len(bundle) - 1))
    with pytest.raises(BundleError) as raised:
        list(decode_bundle(bundle[:cut], len(entries)))
    whole = [n for n in range(len(entries) + 1) if len(encode_bundle(entries[:n])) <= cut]
    assert raised.value.position == whole[-1]
    with pytest.raises(BundleError, match="follow"):
        leaf_hashes(bundle + b"\0", len(entries))


def test_entries_have_a_largest_size() -> None:
    assert len(encode_bundle([b"x" * 65_535])) == 65_537
    with pytest.raises(ValueError, match="65535"):
        encode_bundle([b"x" * 65_536])


# --- receipts ------------------------------------------------------------------------------------------
@given(st.integers(1, 600).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1))))
def test_receipts(case: tuple[int, int]) -> None:
    size, index = case
    log = log_of(size)
    proof = Proof(index, log.tree().inclusion(index), log.files["checkpoint"])
    read = Proof.parse(proof.encode())
    assert read == proof
    assert read.verify(leaf_hash(entry(index)), [signer().key]).size == size
    with pytest.raises(ProofError):
        read.verify(leaf_hash(entry(index + 1)), [signer().key])
    with pytest.raises(NoteError):
        read.verify(leaf_hash(entry(index)), [signer("other.example").key])


def test_how_a_receipt_is_written() -> None:
    proof = Proof(0, (bytes(32),), log_of(2).files["checkpoint"], extra=b"more")
    text = proof.encode().decode()
    assert text.startswith(
        f"c2sp.org/tlog-proof@v1\nextra bW9yZQ==\nindex 0\n{'A' * 43}=\n\nplumbline.test/log\n2\n"
    )
    assert Proof.parse(proof.encode()) == proof


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v1\nindex 0\n",
        "c2sp.org/tlog-proof@v2\nindex 0\n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\nindex 00\n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\nindex 0\nextra AA==\n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\nindex 0" + ("\n" + "A" * 43 + "=") * 65 + "\n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\r\nindex 0\r\n\r\ncheckpoint",
    ],
)
def test_what_is_no_receipt(text: str) -> None:
    with pytest.raises(NoteError):
        Proof.parse(text.encode())
