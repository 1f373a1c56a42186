"""Reading kept bodies again: what was in quarantine comes in, and nobody may more than before."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from factory.kit.recording import CONSOLE
from factory.kit.times import format_time
from governance.audit.models import Entry
from governance.people.authentication import authenticated
from governance.people.models import ApiToken
from lineage.intake.doors import arrive
from lineage.intake.models import BodyKey, Reading, Source, Submission
from lineage.intake.record import record
from lineage.intake.replay import replay
from lineage.intake.sources import in_quarantine
from tests import personas
from tests.lineage.stories import flows, ran, run

pytestmark = pytest.mark.django_db

READ = {("dataset_version:lake/raw@unknown", "read", run("night"), "inferred")}


def early(person: str = "airflow", namespace: str = "bank") -> Submission:
    """An event from a machine whose clock is two hours ahead."""
    token = getattr(personas, person)()
    now = timezone.now()
    event = ran("night", 1, reads=["raw"]).event
    event["eventTime"] = format_time(now + timedelta(hours=2))
    event["job"]["namespace"] = namespace
    grant = authenticated(token.secret)[1]
    arrival = arrive("openlineage", json.dumps(event).encode(), source=person, grant=grant, received_at=now)
    record([arrival])
    return Submission.objects.get(pk=arrival.id)


def repair(settings: Settings) -> None:
    settings.FUTURE_TOLERANCE = timedelta(hours=5)


def test_after_a_repair_what_was_in_quarantine_comes_in(settings: Settings) -> None:
    early()
    assert flows() == set()
    assert [reading.code for reading in in_quarantine()] == ["future-time"]
    assert replay(actor=CONSOLE, source="airflow") == {"quarantined": 1}
    repair(settings)
    assert replay(actor=CONSOLE, source="airflow") == {"accepted": 1}
    assert flows("read") == READ
    assert not in_quarantine().exists()
    outcomes = Reading.objects.order_by("id").values_list("outcome", flat=True)
    assert list(outcomes) == ["quarantined", "accepted"]
    assert replay(actor=CONSOLE, source="airflow") == {}


def test_what_is_found_is_known_now_and_not_before(settings: Settings) -> None:
    early()
    repair(settings)
    replay(actor=CONSOLE)
    first, second = Reading.objects.order_by("id")
    assert second.known_at > first.known_at
    assert Source.objects.get().accepted == 0  # it was not sent again


def test_a_token_that_may_not_send_it_may_not_by_a_replay_either(settings: Settings) -> None:
    """The event could not be read when it came, so its namespace was not judged then."""
    early("eve", namespace="bank")
    repair(settings)
    assert replay(actor=CONSOLE) == {"quarantined": 1}
    assert [reading.code for reading in in_quarantine()] == ["scope"]
    assert replay(actor=CONSOLE) == {}
    assert flows() == set()


def test_a_refusal_for_its_scope_stays_when_the_token_may_more_later(settings: Settings) -> None:
    early("eve", namespace="bank")
    repair(settings)
    replay(actor=CONSOLE)
    ApiToken.objects.filter(name="eve").update(namespaces=[])
    assert replay(actor=CONSOLE, everything=True) == {}
    assert flows() == set()


def test_each_replay_is_an_audit_entry(settings: Settings) -> None:
    kept = early()
    repair(settings)
    replay(actor=CONSOLE, source="airflow")
    entry = Entry.objects.get(action="submission.replayed")
    assert f"submission:{kept.pk}" in str(entry.__dict__)


def test_a_destroyed_body_is_counted_and_the_rest_is_read(settings: Settings) -> None:
    kept = early()
    early("everything", namespace="other")
    BodyKey.objects.filter(submission=kept).delete()
    repair(settings)
    assert replay(actor=CONSOLE) == {"destroyed": 1, "accepted": 1}


def test_a_destroyed_month_is_gone(settings: Settings) -> None:
    early()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM lineage_periodkey")
    assert replay(actor=CONSOLE, everything=True) == {"destroyed": 1}


def test_from_the_command_line(settings: Settings) -> None:
    early()
    repair(settings)
    call_command("replay", "--source", "airflow", stdout=io.StringIO(), stderr=io.StringIO())
    assert flows("read") == READ
