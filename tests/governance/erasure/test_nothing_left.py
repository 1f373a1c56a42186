"""Test 6 of the proof: a data subject and a person are erased, and nothing readable remains anywhere."""

import base64
import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from factory.kit.bulk import fetch
from factory.kit.recording import record
from governance.audit.models import Entry
from governance.audit.sequencer import Sequencer
from governance.audit.signing.keys import verifier_keys
from governance.audit.store import current_log, head_of, reader, signed_note
from governance.audit.subjects import personal_data
from governance.audit.tlog.export import files_of, write_directory
from governance.audit.verify.asked import Trust
from governance.audit.verify.check import verify
from governance.audit.verify.stores import Directory
from governance.erasure.erase import run_erasure
from governance.erasure.models import Erasure
from lineage.intake.models import Submission
from lineage.intake.vault import BodyDestroyed, open_body
from tests import personas
from tests.lineage.intake.test_erase import ANNA, BERT
from tests.lineage.stories import answered, deployed, registered, retracted, told

pytestmark = pytest.mark.django_db(transaction=True)
ALICE = ("alice@bank.example", "Alice Adler", "203.0.113.77", "alice typed this")
CLEAR = (ANNA, "loan-of-anna", "no-income-of-hers", "reviewer-rita", "she-called-us", "anna-is-cross", *ALICE)


@pytest.fixture(autouse=True)
def _var(settings: Any, tmp_path: Path) -> None:
    settings.VAR = tmp_path / "var"
    settings.VAR.mkdir()
    with connection.cursor() as cursor:
        # what an earlier test put there, whose entries are gone
        cursor.execute("TRUNCATE governance_waiting")


def push(client: Client, token: str, body: Any, content_type: str, **headers: str) -> None:
    data = body if isinstance(body, str) else json.dumps(body)
    answer = client.post(
        "/api/v1/events",
        data,
        content_type=content_type,
        headers={"Authorization": f"Bearer {token}", **headers},
    )
    assert answer.status_code < 300 or answer.status_code == 400, answer.content


def tell(client: Client, token: str) -> None:
    """Everything that tells of Anna, in every content mode, and something of Bert's."""
    structured = "application/cloudevents+json"
    review = {"reviewer": "reviewer-rita", "verdict": "upheld"}
    first = answered(
        *("loan-of-anna-1", "scoring", 10, "of loan-of-anna-1"),
        subject_digest=ANNA,
        result="no-income-of-hers",
        human_review=review,
    )
    key = "outcome:factory/loan-of-anna-1"
    broken = answered("loan-of-anna-1", "scoring", 10, "b1", subject_digest=ANNA).event
    del broken["data"]["deployment"]
    for event in (
        registered("risk", "1", 1).event,
        deployed("scoring", "risk", "1", 2).event,
        *(first.event, first.event, broken),
        answered("loan-of-bert", "scoring", 12, subject_digest=BERT).event,
        told("feedback.recorded", 13, "f1", subject=key, kind="complaint", value="she-called-us").event,
        told(
            "incident.opened", 14, "i1", incident="i", subject=key, severity="high", title="anna-is-cross"
        ).event,
        told(
            *("measurement.recorded", 15, "m1"),
            subject=key,
            metric="doubt",
            value=1,
            unit="1",
            period={"start": "2026-03-01T08:00:00Z", "end": "2026-03-01T09:00:00Z"},
        ).event,
        retracted(first, 30, "r of loan-of-anna-1").event,
    ):
        push(client, token, event, structured)
    both = [
        answered("loan-of-anna-2", "scoring", 20, subject_digest=ANNA).event,
        answered("loan-of-bert-2", "scoring", 21, subject_digest=BERT).event,
    ]
    push(client, token, both, "application/cloudevents-batch+json")
    binary = answered("loan-of-anna-3", "scoring", 22, "x", subject_digest=ANNA).event
    names = {f"ce-{name}": binary[name] for name in ("specversion", "id", "source", "type", "time")}
    push(client, token, binary["data"], "application/json", **names, **{"ce-subject": "loan-of-anna-3"})


def addresses() -> list[str]:
    """Every page and answer that showed the person before, by what it was asked."""
    nodes = fetch(
        "SELECT kind, namespace, name, version FROM lineage_node WHERE kind IN ('outcome', 'incident')"
    )
    found = [
        *(
            "/",
            "/inventory/outcome/",
            "/intake/",
            "/audit/",
            "/audit/?format=csv",
            "/search/?q=loan",
            "/sources/",
        ),
        *("/inventory/outcome/?format=csv", "/intake/?format=csv", "/api/v1/nodes?kind=outcome", "/lineage/"),
        *("/api/v1/nodes?q=loan", "/api/v1/sources", "/erasure/", "/inventory/incident/"),
    ]
    for kind, namespace, name, version in nodes:
        key = f"{kind}:{quote(namespace, safe='')}/{quote(name, safe='')}" + (
            f"@{version}" if version else ""
        )
        asked = quote(key, safe="")
        found += [f"/node/?key={asked}", f"/api/v1/node?key={asked}", f"/api/v1/trace?node={asked}"]
        found += [f"/lineage/?node={asked}", f"/lineage.csv?node={asked}", f"/failure/?node={asked}"]
    for submission in Submission.objects.all():
        found += [f"/submission/{submission.pk}/", f"/submission/{submission.pk}/body/"]
    return found + [f"/audit/entry/{entry.pk}/" for entry in Entry.objects.all()]


def shown(client: Client, asked: list[str]) -> dict[str, str]:
    """What each of them answers."""
    answers = {}
    for address in asked:
        answer = client.get(address)
        answers[address] = (answer.getvalue() if answer.streaming else answer.content).decode(
            errors="replace"
        )
    return answers


def readable() -> Iterator[tuple[str, str]]:
    """Every value of the database, as text, bytes as they are, unpacked, and opened by the keys that are
    left."""
    for (table,) in fetch("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"):
        for row in fetch(f'SELECT * FROM "{table}"'):
            for value in row:
                if isinstance(value, bytes | memoryview):
                    data = bytes(value)
                    yield table, data.decode(errors="replace")
                    for opened in (zlib.decompress, base64.b64decode):
                        try:
                            yield table, opened(data).decode(errors="replace")
                        except (ValueError, zlib.error):
                            continue
                else:
                    yield table, str(value)
    for submission in Submission.objects.all():
        try:
            yield "body", open_body(submission).decode(errors="replace")
        except BodyDestroyed:
            continue
    for entry in Entry.objects.all():
        yield "sealed", json.dumps(personal_data(entry.said))


def left(texts: Iterator[tuple[str, str]]) -> set[tuple[str, str]]:
    """Where which clear value stands, as it is or in hex."""
    spelt = {clear: (clear, clear.encode().hex(), quote(clear)) for clear in CLEAR}
    return {
        (place, clear)
        for place, text in texts
        for clear, ways in spelt.items()
        if any(way in text for way in ways)
    }


def files(folder: Path) -> Iterator[tuple[str, str]]:
    """The contents of every file, and of what is packed in it."""
    for file in folder.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            yield str(file), data.decode(errors="replace")
            if zipfile.is_zipfile(io.BytesIO(data)):
                with zipfile.ZipFile(file) as packed:
                    for name in packed.namelist():
                        yield f"{file}/{name}", packed.read(name).decode(errors="replace")


def test_nothing_readable_remains_and_the_log_verifies(client: Client, tmp_path: Path) -> None:
    dave, alice = personas.dave(), personas.alice()
    token = personas.everything().secret
    tell(client, token)
    acting = Client(REMOTE_ADDR="203.0.113.77")
    login = {"login": alice.email, "password": personas.PASSWORD}
    signed_in = acting.post(reverse("account_login"), login)
    assert signed_in.status_code == 302
    with transaction.atomic():
        record("page.read", actor=alice.actor, personal={"note": "alice typed this"})
    sequencer = Sequencer()
    assert sequencer.round()
    client.force_login(dave)
    before = addresses()
    told_of = left(iter(shown(client, before).items()))
    unseen = {clear for clear in CLEAR if clear not in {one for _, one in told_of}}
    assert unseen <= {alice.email}, "else this test would show nothing"
    assert {clear for _, clear in left(readable())} == set(CLEAR)

    for kind, name in (("subject", ANNA), ("person", alice.email)):
        plan = client.post("/erasure/", {"kind": kind, "name": name})["Location"]
        client.post(plan, {"ground": "objection", "word": "erase"})
    for asked in Erasure.objects.all():
        run_erasure(str(asked.pk))
        asked.refresh_from_db()
        assert asked.finished_at and not asked.error

    assert sequencer.round()
    assert left(readable()) == set()
    after = shown(client, [*before, *addresses()])
    echoes = {place for place, _ in left(iter(after.items()))}
    assert all("anna" in place for place in echoes), "only what asks for her by name may say that name again"
    assert left((p, t) for p, t in after.items() if p not in echoes) == set()
    assert {BERT} <= {value for value in (BERT,) if any(value in text for text in after.values())}

    call_command("backup", str(tmp_path / "var" / "after.backup"))
    log = current_log()
    assert log is not None
    head = head_of(log)
    assert head is not None
    export = tmp_path / "var" / "export"
    write_directory(export, files_of(signed_note(head), head.size, reader(log)))
    assert left(files(tmp_path)) == set()
    report = verify(Directory(export), Trust(tuple(verifier_keys(log)), origin=log.origin), log=log.origin)
    assert report.ok, report.as_json()
