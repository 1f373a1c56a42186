"""Data of people in entries."""

import hashlib
import json

import pytest

from factory.kit.recording import SYSTEM, Actor, record
from factory.kit.sealing import digest
from governance.audit.models import Entry, SubjectKey
from governance.audit.reading import entries
from governance.audit.subjects import destroy, has_key, personal_data, seal, unseal

pytestmark = pytest.mark.django_db


def test_a_subject_is_named_by_a_keyed_digest() -> None:
    sealed = seal("user:1", {"name": "Alice Adler"})
    assert sealed["subject"] == digest("user:1").hex() != hashlib.sha256(b"user:1").hexdigest()
    assert unseal(sealed) == {"name": "Alice Adler"}


def test_destroying_a_key_destroys_what_lies_under_it_and_nothing_else() -> None:
    alice, bob = seal("user:1", {"name": "Alice"}), seal("user:2", {"name": "Bob"})
    assert destroy("user:1") and not destroy("user:1")
    assert (unseal(alice), unseal(bob)) == (None, {"name": "Bob"})
    assert not has_key("user:1") and has_key("user:2")
    assert {bytes(row.wrapped) == b"" for row in SubjectKey.objects.all()} == {True, False}


def test_of_an_erased_subject_nothing_can_be_kept_any_more() -> None:
    destroy("user:1")
    assert unseal(seal("user:1", {"name": "Alice"})) is None
    assert not has_key("user:1")


def test_what_is_personal_lies_under_the_key_of_whom_it_is_about() -> None:
    actor = Actor("user", "1")
    own = record("token.revoked", actor=actor, personal={"note": "asked by Alice"})
    other = record("user.invited", actor=actor, personal={"email": "bob@bank.example"}, subject="user:2")
    for pk in (own, other):
        leaf = bytes(Entry.objects.get(pk=pk).leaf)
        assert b"Alice" not in leaf and b"bob@" not in leaf
    destroy("user:1")
    said = {pk: Entry.objects.get(pk=pk).said for pk in (own, other)}
    assert personal_data(said[own]) == {}
    assert personal_data(said[other]) == {"email": "bob@bank.example"}


def test_names_of_people_never_stand_in_an_entry_and_are_found_by() -> None:
    key = "outcome:factory/loan%20of%20Anna%20Schmidt"
    record("lineage.traced", actor=SYSTEM, targets=[key, "user:0199", "dataset:bank/raw"])
    entry = entries({"target": key}).get()
    assert b"Anna" not in bytes(entry.leaf) and "Anna" not in json.dumps(entry.targets)
    assert entry.targets == [f"outcome:hidden/{digest(key).hex()}", "user:0199", "dataset:bank/raw"]
    assert entries({"target": entry.targets[0]}).get() == entry
