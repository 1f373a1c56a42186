import hashlib
import json

import pytest
import rfc8785
from django.db import DatabaseError, connection, transaction
from django.test import RequestFactory
from django.utils import timezone

from factory.kit.bulk import fetch
from factory.kit.ids import new_id
from factory.kit.recording import CONSOLE, SYSTEM, record
from governance.audit.append import append_many
from governance.audit.leaf import Act
from governance.audit.models import Entry, SubjectKey
from governance.audit.subjects import personal_data
from governance.audit.tlog.leaf import LeafError
from governance.audit.tlog.merkle import leaf_hash
from tests import personas


@pytest.mark.django_db
def test_an_entry_keeps_everything() -> None:
    alice = personas.alice()
    request = RequestFactory().post(
        "/",
        REMOTE_ADDR="2001:db8::1",
        headers={
            "X-Request-ID": "r-1",
            "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        },
    )
    request.user = alice
    key = "dataset:bank/applicants"
    pk = record(
        "submission.replayed",
        request=request,
        targets=[key],
        outcome="denied",
        reason="not now",
        policy=("release", "3"),
        before=b"a" * 32,
        after=b"b" * 32,
        detail={"count": 2},
    )
    entry = Entry.objects.get(pk=pk)
    assert (entry.actor_type, entry.actor_id) == ("user", str(alice.pk))
    assert (entry.action, entry.targets, entry.outcome) == ("submission.replayed", [key], "denied")
    assert entry.recorded_at is not None
    said = entry.said
    assert (said["id"], said["schema"], said["reason"]) == (str(pk), 1, "not now")
    assert said["actor"] == {"type": "user", "id": str(alice.pk)} and said["authentication"] == "session"
    assert said["policy"] == {"id": "release", "revision": "3"}
    assert said["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736" and said["request_id"] == "r-1"
    assert said["digests"] == {"before": b"a".hex() * 32, "after": b"b".hex() * 32}
    assert said["detail"] == entry.detail == {"count": 2}
    assert bytes(entry.leaf) == rfc8785.dumps(said)


@pytest.mark.django_db
def test_where_a_person_was_is_sealed() -> None:
    request = RequestFactory().get("/", REMOTE_ADDR="2001:db8::1")
    request.user = personas.alice()
    entry = Entry.objects.get(pk=record("page.read", request=request))
    assert b"2001:db8" not in bytes(entry.leaf)
    assert personal_data(entry.said) == {"address": "2001:db8::1"}
    SubjectKey.objects.all().delete()
    assert personal_data(entry.said) == {}


@pytest.mark.django_db
def test_what_is_too_long_is_named_by_its_digest() -> None:
    detail = {"rows": ["x" * 100] * 1000}
    entry = Entry.objects.get(pk=record("report.made", actor=SYSTEM, detail=detail))
    assert len(entry.leaf) <= 65_535
    digest = hashlib.sha256(rfc8785.dumps(detail)).hexdigest()
    assert json.loads(bytes(entry.leaf))["detail"] == {"sha256": digest, "size": len(rfc8785.dumps(detail))}
    assert entry.detail == detail


@pytest.mark.django_db
def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(LeafError):
        record("report.made", actor=SYSTEM, detail={"count": 2**60})


@pytest.mark.django_db
def test_many_entries_at_once_are_as_single_ones() -> None:
    now = timezone.now()
    acts = [
        Act(new_id(), now, now, SYSTEM, "page.read", targets=('dataset:a/"b"\\', f"x:{n}")) for n in range(3)
    ]
    with transaction.atomic():
        append_many(acts)
    assert [e.targets for e in Entry.objects.order_by("id")] == [list(act.targets) for act in acts]
    waiting = dict(fetch("SELECT entry_id, hash FROM governance_waiting"))
    assert {id_: bytes(hash_) for id_, hash_ in waiting.items()} == {
        e.pk: leaf_hash(bytes(e.leaf)) for e in Entry.objects.all()
    }


@pytest.mark.django_db
def test_headers_and_addresses_of_any_kind_do_no_harm() -> None:
    request = RequestFactory().get(
        "/", REMOTE_ADDR="", headers={"X-Request-ID": "x" * 500, "traceparent": "-"}
    )
    entry = Entry.objects.get(pk=record("page.read", request=request))
    assert (entry.actor_type, len(entry.said["request_id"])) == ("anonymous", 100)
    assert "sealed" not in entry.said


@pytest.mark.django_db(transaction=True)
def test_an_entry_goes_with_what_it_records() -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        record("submission.replayed", actor=CONSOLE)
    with pytest.raises(OSError), transaction.atomic():
        record("submission.replayed", actor=CONSOLE)
        raise OSError
    assert not Entry.objects.exists()


@pytest.mark.django_db
def test_somebody_acted() -> None:
    with pytest.raises(ValueError):
        record("submission.replayed")


@pytest.mark.django_db
@pytest.mark.parametrize("action", ["replayed", "Submission.replayed", "a.b.c", ""])
def test_an_action_is_subject_and_verb(action: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        record(action, actor=SYSTEM)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement", ["UPDATE governance_entry SET action = 'page.read'", "DELETE FROM governance_entry"]
)
def test_the_database_refuses_to_change_entries(statement: str) -> None:
    record("submission.replayed", actor=CONSOLE)
    with (
        pytest.raises(DatabaseError, match="never changed"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert Entry.objects.get().action == "submission.replayed"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "203.0.113.9", "10.0.0.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (1, "", "10.0.0.1"),
        (2, "198.51.100.1, 203.0.113.9", "198.51.100.1"),
    ],
)
def test_only_our_own_proxies_are_believed(settings, proxies: int, forwarded: str, address: str) -> None:
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": forwarded})
    entry = Entry.objects.get(pk=record("page.read", request=request))
    assert personal_data(entry.said) == {"address": address}
