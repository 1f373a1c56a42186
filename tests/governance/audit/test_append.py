import pytest
from django.db import DatabaseError, connection, transaction
from django.test import RequestFactory

from factory.kit.recording import CONSOLE, SYSTEM, record
from governance.audit.models import Entry
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
    assert entry.schema_version == 1 and entry.recorded_at is not None
    assert (entry.actor_type, entry.actor_id, entry.authentication) == ("user", str(alice.pk), "session")
    assert (entry.action, entry.targets, entry.outcome) == ("submission.replayed", [key], "denied")
    assert (entry.reason, entry.policy_id, entry.policy_revision) == ("not now", "release", "3")
    assert (entry.source_address, entry.request_id) == ("2001:db8::1", "r-1")
    assert entry.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert entry.digest_before == b"a" * 32 and entry.digest_after == b"b" * 32
    assert entry.detail == {"count": 2}


@pytest.mark.django_db
def test_headers_and_addresses_of_any_kind_do_no_harm() -> None:
    request = RequestFactory().get(
        "/", REMOTE_ADDR="", headers={"X-Request-ID": "x" * 500, "traceparent": "-"}
    )
    entry = Entry.objects.get(pk=record("page.read", request=request))
    assert (entry.actor_type, entry.source_address, len(entry.request_id)) == ("anonymous", None, 100)


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
    "statement", ["UPDATE governance_entry SET reason = 'better'", "DELETE FROM governance_entry"]
)
def test_the_database_refuses_to_change_entries(statement: str) -> None:
    record("submission.replayed", actor=CONSOLE)
    with (
        pytest.raises(DatabaseError, match="never changed"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert Entry.objects.get().reason == ""


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
    assert Entry.objects.get(pk=record("page.read", request=request)).source_address == address
