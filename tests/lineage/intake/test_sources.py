"""What is counted of each source, and which fell silent."""

from datetime import datetime, timedelta

import pytest

from lineage.intake.arrival import Arrival
from lineage.intake.doors import arrive
from lineage.intake.models import Source
from lineage.intake.record import record
from lineage.intake.sources import silent_from
from tests.lineage.stories import RECEIVED, ran, send

pytestmark = pytest.mark.django_db


def push(number: int, at: datetime) -> Arrival:
    arrival = arrive("openlineage", ran(f"r{number}", 1).body, source="airflow", grant=None, received_at=at)
    record([arrival])
    return arrival


def test_counts_are_by_door_and_name() -> None:
    send(ran("night", 1, source="airflow"), ran("noon", 1, source="dbt"), ran("noon", 1, source="dbt"))
    counted = {(s.door, s.name): (s.accepted, s.repeated, s.quarantined) for s in Source.objects.all()}
    assert counted == {("openlineage", "airflow"): (1, 0, 0), ("openlineage", "dbt"): (1, 1, 0)}


def test_a_body_that_comes_late_in_does_not_set_the_clock_back() -> None:
    push(1, RECEIVED + timedelta(hours=1))
    push(2, RECEIVED)
    assert Source.objects.get().last_seen == RECEIVED + timedelta(hours=1)


def test_a_source_is_silent_when_it_pauses_far_longer_than_it_used_to() -> None:
    for hour in range(30):
        push(hour, RECEIVED + timedelta(hours=hour))
    source = Source.objects.get()
    silent = silent_from(source)
    assert silent is not None
    assert source.last_seen + timedelta(hours=2) <= silent <= source.last_seen + timedelta(hours=12)


def test_nobody_is_called_silent_on_the_first_day() -> None:
    for minute in range(5):
        push(minute, RECEIVED + timedelta(minutes=minute))
    assert silent_from(Source.objects.get()) is None
