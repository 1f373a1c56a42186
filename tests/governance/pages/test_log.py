"""The pages that prove: the log as a whole, and one entry of it."""

import io
import zipfile
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from factory.kit.recording import SYSTEM, record
from governance.audit import verifying
from governance.audit.models import Checkpoint, Entry, Log, SubjectKey, Verification
from governance.audit.sequencer import REFUSED, Sequencer
from governance.audit.signing.keys import signers, verifier_keys
from governance.audit.tlog.notes import VerifierKey
from governance.audit.tlog.policy import Policy
from governance.audit.verify.asked import Trust
from governance.audit.verify.check import verify
from governance.audit.verify.stores import Archive
from governance.audit.witnessing import Witnessing
from tests import personas
from tests.governance.audit.behind import change
from tests.governance.audit.tlog.logs import signer
from tests.governance.audit.witness.witnesses import served

pytestmark = pytest.mark.django_db
PAGE = "/log/"


@pytest.fixture
def alice(client: Client) -> Client:
    client.force_login(personas.alice())
    return client


def acts(count: int) -> list[str]:
    written = [str(record("page.read", actor=SYSTEM, detail={"number": n})) for n in range(count)]
    Sequencer().round()
    return written


def test_before_anything_is_signed(alice: Client) -> None:
    assert "Nothing is signed yet" in alice.get(PAGE).content.decode()
    answer = alice.post(f"{PAGE}verify/", follow=True).content.decode()
    assert "nothing to verify" in answer
    assert alice.get(f"{PAGE}export/").status_code == 404


def test_the_page_says_what_is_and_is_not_protected(alice: Client, django_assert_max_num_queries) -> None:
    acts(3)
    with django_assert_max_num_queries(20):
        answer = alice.get(PAGE)
    shown = answer.content.decode()
    assert "No witness is set up" in shown and "never sent did not happen" in shown
    assert str(verifier_keys(Log.objects.get())[0]) in shown
    assert "waiting for their place" not in shown


def test_the_page_says_what_witnesses_do(alice: Client, settings: Settings, tmp_path: Path) -> None:
    absent = signer("witness.test/2", cosigner=True).key
    with served(tmp_path, verifier_key()) as witness:
        lines = f"witness one {witness.key} {witness.url}\nwitness two {absent} http://127.0.0.1:1/\n"
        settings.WITNESS_POLICY = Policy.parse(f"{lines}quorum one\n".encode())
        acts(3)
        shown = alice.get(PAGE).content.decode()
        assert "Nothing is published yet" in shown and "Nothing is signed yet" not in shown
        log = Log.objects.get()
        Witnessing(settings.WITNESS_POLICY).collect(log, Checkpoint.objects.get(size=3))
        shown = alice.get(PAGE).content.decode()
        assert "protected up to entry 3" in shown and "up to date" in shown
        assert "witness.test/2" in shown and "does not cosign" in shown
        acts(2)
        assert "2 newer entries wait for them" in alice.get(PAGE).content.decode()
    settings.WITNESS_POLICY = Policy.parse(f"{lines}quorum none\n".encode())
    assert "asks for nobody&#x27;s cosignature" in alice.get(PAGE).content.decode()


def verifier_key() -> VerifierKey:
    return signers()[0].key


def test_the_page_says_that_nothing_is_signed(alice: Client) -> None:
    acts(1)
    cache.set(REFUSED, "the witnesses have seen more")
    assert "the witnesses have seen more" in alice.get(PAGE).content.decode()
    cache.delete(REFUSED)


def test_a_verification_is_done_in_the_background(alice: Client, django_capture_on_commit_callbacks) -> None:
    acts(300)
    alice.post(f"{PAGE}verify/")
    asked = Verification.objects.get()
    assert "waiting for its turn" in alice.get(PAGE).content.decode()
    assert "at work already" in alice.post(f"{PAGE}verify/", follow=True).content.decode()
    verifying.run_verification(str(asked.pk))
    asked.refresh_from_db()
    assert (asked.verdict, asked.error, asked.total) == ("good", "", asked.done)
    assert ">verifies<" in alice.get(f"{PAGE}verifications/").content.decode()
    assert Entry.objects.get(action="log.verified").outcome == "success"


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("UPDATE governance_entry SET leaf = leaf || ' ' WHERE id = '{id}'", "entry 200"),
        ("DELETE FROM governance_entry WHERE id = '{id}'", "tile/entries/000"),
        (
            "UPDATE governance_tile SET data = overlay(data PLACING '\\x00'::bytea FROM 1) WHERE level = 1",
            "tile/1/000.p/1",
        ),
        # What is shown and searched, and the log does not hash.
        ("UPDATE governance_entry SET actor_type = 'user', actor_id = 'eve' WHERE id = '{id}'", "entry 200"),
        ("UPDATE governance_entry SET targets = '{{run:a/b/c}}' WHERE id = '{id}'", "entry 200"),
        (
            "UPDATE governance_entry SET occurred_at = occurred_at - interval '1 day' WHERE id = '{id}'",
            "entry 200",
        ),
        (
            "UPDATE governance_entry SET apart = '{{\"reason\":\"no\"}}'::bytea WHERE id = '{id}'",
            "entry 200",
        ),
    ],
)
def test_what_was_changed_is_named(alice: Client, statement: str, place: str) -> None:
    written = acts(300)
    entry = Entry.objects.get(place__index=200)
    assert str(entry.pk) in written
    change(statement.format(id=entry.pk))
    asked = verifying.ask(SYSTEM, "a test")
    assert asked is not None
    verifying.run_verification(str(asked.pk))
    asked.refresh_from_db()
    assert asked.verdict == "bad"
    assert any(place in (finding["place"], finding["path"]) for finding in asked.report["findings"]), (
        asked.report["findings"]
    )
    assert "does not verify" in alice.get(PAGE).content.decode()


def test_a_range_is_exported_and_verifies(alice: Client, tmp_path: Path) -> None:
    acts(600)
    answer = alice.get(f"{PAGE}export/", {"start": "300", "end": "310"})
    file = tmp_path / "log.zip"
    file.write_bytes(answer.getvalue())
    names = zipfile.ZipFile(io.BytesIO(file.read_bytes())).namelist()
    assert "tile/entries/001" in names and "tile/entries/000" not in names
    keys = verifier_keys(Log.objects.get())
    assert verify(Archive(file), Trust(keys), start=300, end=310).ok
    assert Entry.objects.get(action="log.exported").detail["end"] == 310
    whole = alice.get(f"{PAGE}export/", {"start": "x"}).getvalue()
    file.write_bytes(whole)
    assert verify(Archive(file), Trust(keys)).ok


def test_an_entry_is_verified_there_and_then(alice: Client) -> None:
    entry = acts(300)[7]
    page = alice.get(f"/audit/entry/{entry}/").content.decode()
    assert "Verify to here" in page and "Follow the receipt" not in page
    shown = alice.get(f"/audit/entry/{entry}/?verify")
    assert [step.holds for step in shown.context["steps"]] == [True, True, True]
    change(f"UPDATE governance_entry SET leaf = leaf || ' ' WHERE id = '{entry}'")
    shown = alice.get(f"/audit/entry/{entry}/?verify")
    assert [step.holds for step in shown.context["steps"]] == [True, True, False]


def test_what_is_proved_is_shown_as_it_is_and_kept_by_nobody(alice: Client) -> None:
    entry = record("page.read", actor=SYSTEM, detail={"text": "ö \u202edlog\u202c </pre><b>\u2028"})
    page = alice.get(f"/audit/entry/{entry}/")
    assert "ö \\u202edlog\\u202c &lt;/pre&gt;&lt;b&gt;\\u2028" in page.content.decode()
    assert "no-store" in page["Cache-Control"] and "private" in page["Cache-Control"]


def test_an_entry_that_waits_says_so(alice: Client) -> None:
    entry = record("page.read", actor=SYSTEM, targets=["dataset:lake/raw", "nothing known"])
    page = alice.get(f"/audit/entry/{entry}/").content.decode()
    assert "waiting for its place" in page and "nothing known" in page
    assert "/node/?key=dataset%3Alake%2Fraw" in page


def test_what_was_erased_is_said(client: Client) -> None:
    dave = personas.dave()
    client.force_login(dave)
    entry = record("page.read", request=_request(dave))
    assert "203.0.113.9" in client.get(f"/audit/entry/{entry}/").content.decode()
    SubjectKey.objects.all().delete()
    page = client.get(f"/audit/entry/{entry}/").content.decode()
    assert "203.0.113.9" not in page and "its key was destroyed" in page


def _request(person):
    from django.test import RequestFactory

    request = RequestFactory().get("/", REMOTE_ADDR="203.0.113.9")
    request.user = person
    return request


def test_the_trail_leads_to_entries_and_what_they_are_about(alice: Client) -> None:
    entry = record("page.read", actor=SYSTEM, targets=["dataset:lake/raw"])
    page = alice.get("/audit/").content.decode()
    assert f"/audit/entry/{entry}/" in page and "/node/?key=dataset%3Alake%2Fraw" in page
    assert alice.get("/audit/", {"actor": "system"}).context["page"].rows
    assert not alice.get("/audit/", {"actor": "source:nobody"}).context["page"].rows
