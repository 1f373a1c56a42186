"""Legal holds: what they cover, and that placing and lifting them is on record."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import RequestFactory

from factory.kit.bulk import fetch
from factory.kit.recording import SYSTEM, Actor, record
from governance.audit.models import Entry
from governance.audit.retention import holds
from governance.audit.retention.holds import HoldRefused, held
from governance.audit.retention.models import Hold, Scope
from governance.audit.sequencer import Sequencer
from lineage.intake.models import BodyKey, Submission
from tests import personas
from tests.lineage.stories import MORNING, RECEIVED, dataset, declared, send

pytestmark = pytest.mark.django_db


def submission(name: str = "applicants", version: str = "1") -> str:
    send(declared(name, version, 0))
    return f"submission:{Submission.objects.latest('number').pk}"


def test_placing_and_lifting_are_entries() -> None:
    request = RequestFactory().post("/")
    request.user = personas.dave()
    hold = holds.place(Scope.NODE, node=dataset("applicants"), reason="case 17", request=request)
    holds.lift(hold, reason="settled", request=request)
    placed, lifted = Entry.objects.filter(action__startswith="hold.").order_by("id")
    assert placed.action == "hold.placed" and lifted.action == "hold.lifted"
    assert placed.targets == [f"hold:{hold.pk}", dataset("applicants")] == lifted.targets
    assert (placed.reason, lifted.reason) == ("case 17", "settled")
    assert placed.actor_id == str(personas.dave().pk) and placed.detail["scope"] == "node"
    assert not holds.standing()
    with pytest.raises(HoldRefused, match="already"):
        holds.lift(hold, reason="again")


@pytest.mark.parametrize(
    "asked",
    [
        {"scope": Scope.EVERYTHING, "reason": " "},
        {"scope": Scope.NODE, "node": "applicants", "reason": "x"},
        {"scope": Scope.SOURCE, "reason": "x"},
        {"scope": Scope.TIME, "begins_at": MORNING, "ends_at": MORNING, "reason": "x"},
        {"scope": Scope.TIME, "begins_at": MORNING, "reason": "x"},
    ],
)
def test_a_hold_says_what_and_why(asked: dict) -> None:
    with pytest.raises(HoldRefused):
        holds.place(**asked)
    assert not Hold.objects.exists() and not Entry.objects.exists()


def test_everything_is_held() -> None:
    hold = holds.place(Scope.EVERYTHING, reason="x")
    assert held(["user:nobody"]) == [hold] == held([])
    holds.lift(hold, reason="over")
    assert held(["user:nobody"]) == []


@pytest.mark.parametrize("sequenced", [True, False])
def test_a_node_stands_for_its_versions_and_the_submissions_about_them(sequenced: bool) -> None:
    mine, other = submission(), submission("weather")
    if sequenced:
        Sequencer().round()
    hold = holds.place(Scope.NODE, node=dataset("applicants"), reason="x")
    assert held([mine]) == [hold] == held([dataset("applicants", "1")]) == held([dataset("applicants")])
    assert held([other]) == [] == held([dataset("weather")])
    exact = holds.place(Scope.NODE, node=dataset("weather", "1"), reason="x")
    assert held([other]) == [exact] and held([dataset("weather")]) == []


def test_who_acted_upon_a_held_node_is_held_too() -> None:
    holds.place(Scope.NODE, node=dataset("applicants"), reason="x")
    record("release.approved", actor=Actor("user", "bob"), targets=[dataset("applicants", "1"), "user:carol"])
    record("page.read", actor=Actor("user", "alice"))
    # A version that nothing else speaks of isn't known as one; the hold names the node itself.
    record("release.approved", actor=Actor("user", "erin"), targets=[dataset("applicants")])
    assert held(["user:erin"]) and not held(["user:alice"])


@pytest.mark.parametrize("sequenced", [True, False])
def test_a_source_is_held(sequenced: bool) -> None:
    mine = submission()
    if sequenced:
        Sequencer().round()
    source = Submission.objects.get().source
    hold = holds.place(Scope.SOURCE, source=source, reason="x")
    assert held([mine]) == [hold] == held([f"source:{source}"])
    assert held(["source:another"]) == []


@pytest.mark.parametrize("sequenced", [True, False])
def test_a_time_range_is_held(sequenced: bool) -> None:
    mine = submission()
    if sequenced:
        Sequencer().round()
    hour = timedelta(hours=1)
    hold = holds.place(Scope.TIME, begins_at=RECEIVED, ends_at=RECEIVED + hour, reason="x")
    assert held([mine]) == [hold]
    holds.lift(hold, reason="over")
    holds.place(Scope.TIME, begins_at=RECEIVED - hour, ends_at=RECEIVED, reason="x")
    assert held([mine]) == []


def test_placing_waits_for_what_is_being_destroyed() -> None:
    record("page.read", actor=SYSTEM)
    holds.wait_for_holds()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        assert cursor.fetchone() == (1,)


def test_of_a_submission_only_a_body_without_a_key_may_go() -> None:
    submission()
    for change in ({"body": b""}, {"source": "eve"}, {"body": b"", "size": 1}):
        with pytest.raises(DatabaseError, match="without a key"), transaction.atomic():
            Submission.objects.update(**change)
    BodyKey.objects.all().delete()
    for change in ({"body": b"x"}, {"source": "eve"}, {"body": b"", "size": 1}):
        with pytest.raises(DatabaseError, match="without a key"), transaction.atomic():
            Submission.objects.update(**change)
    Submission.objects.update(body=b"")
    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic():
        fetch("DELETE FROM lineage_submission")
