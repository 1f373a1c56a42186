"""The timestamps of the log over HTTP, as an auditor fetches them."""

import shutil
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from factory.kit.recording import SYSTEM, record
from governance.api import timestamps
from governance.audit.models import Checkpoint, Timestamp
from governance.audit.sequencer import Sequencer
from governance.audit.signing.keys import signers
from governance.audit.stamping import stamp
from governance.audit.tlog.policy import Policy
from governance.audit.tlog.timestamp import verify
from governance.people.issue_token import issue_token
from tests import personas
from tests.governance.audit.tlog.logs import signer
from tests.governance.audit.witness.authority import Authority

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to stamp with"),
]
LIST = "/tlog/timestamps"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def auditor() -> Client:
    secret = issue_token("auditor", doors=["audit"]).secret
    return Client(headers={"Authorization": f"Bearer {secret}"})


def grown() -> Checkpoint:
    record("page.read", actor=SYSTEM)
    Sequencer().round()
    return Checkpoint.objects.latest("size")


@pytest.fixture
def stamped(authority: Authority, settings: Settings) -> Timestamp:
    settings.TIMESTAMP_CA = str(authority.folder / "root.pem")
    head = grown()
    with authority.served() as settings.TIMESTAMP_URL:
        return stamp(head)


def test_they_are_listed_and_served(auditor: Client, authority: Authority, stamped: Timestamp) -> None:
    grown()
    (told,) = auditor.get(LIST).json()["results"]
    size = stamped.checkpoint.size
    assert told == {
        "id": stamped.pk,
        "size": size,
        "authority": "CN=Test Authority",
        "at": stamped.at.isoformat().replace("+00:00", "Z"),
        "address": f"http://testserver/tlog/timestamps/{stamped.pk}.tsr",
        "checkpoint": f"http://testserver/tlog/checkpoints/{size}",
    }
    token, note = auditor.get(told["address"]), auditor.get(told["checkpoint"])
    assert token["Content-Type"] == "application/timestamp-reply"
    assert token["Content-Disposition"] == f'attachment; filename="{size}.{stamped.pk}.tsr"'
    assert note["Content-Type"] == "text/plain; charset=utf-8"
    assert "immutable" in token["Cache-Control"] and "max-age=600" in note["Cache-Control"]
    assert verify(token.content, note.content, [authority.root]).at == stamped.at
    of_this_log = f"/tlog/logs/{stamped.checkpoint.log_id}/timestamps"
    assert auditor.get(f"{of_this_log}/{stamped.pk}.tsr").content == token.content
    assert (
        auditor.get(of_this_log)
        .json()["results"][0]["address"]
        .startswith(f"http://testserver{of_this_log}/")
    )


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("timestamps/{other}.tsr", "no_timestamp"),
        (f"timestamps/{10**30}.tsr", "no_timestamp"),
        ("checkpoints/{more}", "no_checkpoint"),
        (f"checkpoints/{10**30}", "no_checkpoint"),
        ("logs/32000/timestamps", "no_log"),
        ("logs/32000/timestamps/{id}.tsr", "no_log"),
    ],
)
def test_there_are_no_others(auditor: Client, stamped: Timestamp, path: str, code: str) -> None:
    more = grown().size
    answer = auditor.get("/tlog/" + path.format(id=stamped.pk, other=stamped.pk + 1, more=more))
    assert (answer.status_code, answer.json()["code"]) == (404, code)


def test_what_is_not_published_is_not_told(auditor: Client, stamped: Timestamp, settings: Settings) -> None:
    """A checkpoint that no witness has cosigned yet is not vouched for by its timestamp."""
    witness = signer("witness.test/1", cosigner=True).key
    settings.WITNESS_POLICY = Policy.parse(
        f"witness one {witness} http://127.0.0.1:1/\nquorum one\n".encode()
    )
    for path in ("timestamps", f"timestamps/{stamped.pk}.tsr", f"checkpoints/{stamped.checkpoint.size}"):
        assert auditor.get(f"/tlog/{path}").json()["code"] == "not_yet"


@pytest.mark.parametrize("path", ["timestamps", "timestamps/{id}.tsr", "checkpoints/{size}"])
def test_only_those_who_read_all_departments_are_served(
    client: Client, auditor: Client, stamped: Timestamp, path: str
) -> None:
    address = "/tlog/" + path.format(id=stamped.pk, size=stamped.checkpoint.size)
    assert auditor.get(address).status_code == 200
    assert client.get(address).status_code == 401
    asking = issue_token("asking", doors=["questions"]).secret
    assert client.get(address, headers={"Authorization": f"Bearer {asking}"}).status_code == 403
    client.force_login(personas.alice())
    assert client.get(address).status_code == 200


def test_pages_lead_through_all_of_them(
    auditor: Client, stamped: Timestamp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timestamps, "PAGE", 2)
    for number in range(4):
        Timestamp.objects.create(
            checkpoint=stamped.checkpoint,
            authority=f"CN={number}",
            token=b"",
            at=timezone.now() + timedelta(hours=number),
        )
    newest_first = [each.pk for each in Timestamp.objects.order_by("-id")]

    def walked(way: str, address: str) -> tuple[list[list[int]], str]:
        """The ids on each page, and the address of the last one."""
        pages, last = [], address
        while address:
            content = auditor.get(address).json()
            pages.append([each["id"] for each in content["results"]])
            last, address = address, content[way]
        return pages, last

    forth, last = walked("next", LIST)
    assert forth == [newest_first[:2], newest_first[2:4], newest_first[4:]]
    back, _ = walked("previous", last)
    assert back == forth[::-1]
    for cursor in ("x", "-", "1e3", "9" * 30, "٣"):
        assert auditor.get(LIST, {"cursor": cursor}).status_code == 400


def test_what_it_costs_in_queries(auditor: Client, stamped: Timestamp, django_assert_max_num_queries) -> None:
    size = stamped.checkpoint.size
    auditor.get(LIST)
    for path in ("timestamps", f"timestamps/{stamped.pk}.tsr", f"checkpoints/{size}"):
        with django_assert_max_num_queries(5):
            assert auditor.get(f"/tlog/{path}").status_code == 200


def test_it_is_the_log_of_this_key(auditor: Client, stamped: Timestamp) -> None:
    note = auditor.get(f"/tlog/checkpoints/{stamped.checkpoint.size}").content.decode()
    assert f"\n— {signers()[0].key.name} " in note and note == stamped.checkpoint.note


def test_a_log_without_any_has_an_empty_list(auditor: Client) -> None:
    assert auditor.get(LIST).json()["code"] == "no_log"
    grown()
    assert auditor.get(LIST).json() == {"results": [], "next": None, "previous": None}
