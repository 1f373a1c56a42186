"""What a request does before its turn comes, and what becomes of an event for which that fails."""

import pytest

from factory.kit.bulk import fetch
from lineage.entities.models import NodeState
from lineage.intake.models import Reading, Submission
from lineage.intake.ready import make_ready
from lineage.intake.record import record
from lineage.intake.vault import open_body
from tests.lineage.stories import arrivals, ran

pytestmark = pytest.mark.django_db


def test_a_body_is_sealed_and_spelt_out_once_and_without_the_database(django_assert_num_queries) -> None:
    (night,) = arrivals([ran("night", 1, reads=["raw"], writes=["clean"])])
    with django_assert_num_queries(0):
        make_ready(night)
    sealed, spelt = night.sealed, night.events[0].spelt
    assert sealed is not None
    assert spelt is not None
    make_ready(night)
    assert night.sealed is sealed
    assert night.events[0].spelt is spelt
    record([night])
    kept = Submission.objects.get()
    assert bytes(kept.body) == sealed.body
    assert open_body(kept) == night.body


def test_an_event_that_can_not_be_spelt_out_goes_to_quarantine_alone() -> None:
    waiting = arrivals([ran(f"r{i}", 1, reads=["raw"]) for i in range(5)])
    broken = waiting[2].events[0].derived
    assert broken is not None
    broken.statements[0].attributes["job"] = "no key"
    record(waiting)
    refused = Reading.objects.get(outcome="quarantined")
    assert (refused.code, refused.submission_id) == ("unprocessable", waiting[2].id)
    assert NodeState.objects.filter(kind="run").count() == 4
    assert Submission.objects.count() == 5


def test_many_events_cost_as_many_statements_as_one(django_assert_max_num_queries) -> None:
    record(arrivals([ran("first", 0, reads=["raw"], writes=["clean"])]))
    for count in (1, 50):
        waiting = arrivals(
            [ran(f"{count}-{i}", 1, reads=["raw"], writes=[f"{count}-{i}"]) for i in range(count)]
        )
        with django_assert_max_num_queries(17):
            record(waiting)
    assert fetch("SELECT count(*) FROM lineage_edge WHERE kind = 'wrote'") == [(52,)]
