"""The log over HTTP, as a monitor and an auditor ask for it."""

import gzip
from pathlib import Path
from uuid import UUID

import pytest
from django.test import Client

from factory.kit.ids import new_id
from factory.kit.recording import SYSTEM, record
from governance.audit.sequencer import Sequencer
from governance.audit.signing.keys import signers
from governance.audit.store import current_log
from governance.audit.tlog.bundles import decode_bundle
from governance.audit.tlog.checkpoint import open_checkpoint
from governance.audit.tlog.merkle import leaf_hash
from governance.audit.tlog.proof import Proof
from governance.audit.tlog.tiles import tiles_of
from governance.audit.verify.asked import Trust
from governance.audit.verify.check import verify
from governance.audit.verify.stores import Directory
from governance.people.issue_token import issue_token
from lineage.intake.models import Submission
from tests.lineage.stories import declared, send

pytestmark = pytest.mark.django_db


@pytest.fixture
def auditor() -> Client:
    secret = issue_token("auditor", doors=["audit"]).secret
    return Client(headers={"Authorization": f"Bearer {secret}"})


@pytest.fixture
def written() -> list[UUID]:
    entries = [record("page.read", actor=SYSTEM, detail={"number": number}) for number in range(300)]
    Sequencer().round()
    return entries


def test_the_log_is_served_as_it_verifies(auditor: Client, written: list[UUID], tmp_path: Path) -> None:
    checkpoint = auditor.get("/tlog/checkpoint")
    assert checkpoint["Content-Type"] == "text/plain; charset=utf-8"
    assert checkpoint["Cache-Control"] == "private, no-cache"
    (tmp_path / "checkpoint").write_bytes(checkpoint.content)
    head, _ = open_checkpoint(checkpoint.content, [signers()[0].key])
    log = current_log()
    assert log is not None
    for tile in tiles_of(head.size):
        answer = auditor.get(f"/tlog/{tile.path}")
        assert answer.status_code == 200 and answer["Cache-Control"] == "private, max-age=600"
        # The address that says which log it is never means another one.
        same = auditor.get(f"/tlog/logs/{log.pk}/{tile.path}")
        assert same.content == answer.content and "immutable" in same["Cache-Control"]
        (tmp_path / tile.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / tile.path).write_bytes(answer.content)
    assert verify(Directory(tmp_path), Trust((signers()[0].key,))).ok


def test_bundles_travel_compressed_where_one_says_so(auditor: Client, written: list[UUID]) -> None:
    plain = auditor.get("/tlog/tile/entries/000")
    packed = auditor.get("/tlog/tile/entries/000", headers={"Accept-Encoding": "gzip"})
    assert packed["Content-Encoding"] == "gzip" and len(packed.content) < len(plain.content) / 3
    assert gzip.decompress(packed.content) == plain.content
    assert len(list(decode_bundle(plain.content, 256))) == 256


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/001.p/255",
        "tile/0/002",
        "tile/entries/001",
        "tile/0/0",
        "tile/x/000",
        "tile/64/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/x000/000",
        "tile/",
    ],
)
def test_there_are_no_other_tiles(auditor: Client, written: list[UUID], path: str) -> None:
    assert auditor.get(f"/tlog/{path}").status_code == 404


def test_a_push_has_its_receipt(auditor: Client) -> None:
    send(declared("applicants", "1", 0))
    pk = Submission.objects.get().pk
    early = auditor.get(f"/tlog/receipt/{pk}")
    assert (early.status_code, early["Retry-After"], early.json()["code"]) == (404, "1", "not_yet")
    Sequencer().round()
    answer = auditor.get(f"/tlog/receipt/{pk}")
    assert answer["Content-Disposition"] == f'attachment; filename="{pk}.tlog-proof"'
    leaf = auditor.get(f"/tlog/entry/{pk}").content
    assert Proof.parse(answer.content).verify(leaf_hash(leaf), [signers()[0].key]).size >= 1


def test_what_is_not_there_has_no_receipt(auditor: Client, written: list[UUID]) -> None:
    assert auditor.get(f"/tlog/receipt/{new_id()}").json()["code"] == "no_entry"
    assert auditor.get(f"/tlog/entry/{new_id()}").status_code == 404


def test_nothing_is_there_before_the_first_round(auditor: Client) -> None:
    answer = auditor.get("/tlog/checkpoint")
    assert answer.status_code == 404 and answer["Retry-After"] == "1"
    assert auditor.get("/tlog/logs/7/checkpoint").json()["code"] == "no_log"


def test_the_keys_are_told(auditor: Client, written: list[UUID]) -> None:
    assert auditor.get("/tlog/keys").content.decode().splitlines() == [str(signers()[0].key)]


@pytest.mark.parametrize("path", ["checkpoint", "keys", "tile/0/000.p/1", "receipt/{id}", "entry/{id}"])
def test_only_those_who_read_all_departments_are_served(
    client: Client, auditor: Client, written: list[UUID], path: str
) -> None:
    address = "/tlog/" + path.format(id=written[0])
    assert auditor.get(address).status_code == 200
    assert client.get(address).status_code == 401
    asking = issue_token("asking", doors=["questions"]).secret
    assert client.get(address, headers={"Authorization": f"Bearer {asking}"}).status_code == 403


def test_what_it_costs_in_queries(
    auditor: Client, written: list[UUID], django_assert_max_num_queries
) -> None:
    auditor.get("/tlog/checkpoint")
    for path, most in [
        ("checkpoint", 3),
        ("tile/0/000", 2),
        ("tile/entries/000", 2),
        (f"receipt/{written[0]}", 6),
    ]:
        with django_assert_max_num_queries(most):
            assert auditor.get(f"/tlog/{path}").status_code == 200
