"""Taking events back, whichever of the event and its retraction comes first."""

import json

import pytest

from governance.people.authentication import authenticated
from lineage.entities.models import NodeState, Retracted, Statement
from lineage.intake.doors import arrive
from lineage.intake.models import Outcome, Reading
from lineage.intake.record import record
from lineage.usage.models import Usage
from tests import personas
from tests.lineage.stories import (
    RECEIVED,
    Sent,
    ask,
    dataset,
    declared,
    edges,
    flows,
    model,
    nodes,
    ran,
    ref,
    registered,
    retracted,
    run,
    send,
    send_together,
    told,
    usage,
)

pytestmark = pytest.mark.django_db

TRAINED = registered("risk", "1", 3, inputs=[ref("raw", "1", role="train")])
BACK = retracted(TRAINED, 4)


@pytest.mark.parametrize("order", [[TRAINED, BACK], [BACK, TRAINED], [TRAINED, BACK, TRAINED, BACK]])
@pytest.mark.parametrize("together", [False, True])
def test_nothing_of_it_stands(order: list[Sent], together: bool) -> None:
    (send_together if together else send)(*order)
    assert edges() == []
    assert nodes() == {}
    # and everything is on record
    assert Reading.objects.filter(outcome=Outcome.ACCEPTED).count() == 2
    assert Statement.objects.exists()
    taker = Reading.objects.get(outcome="accepted", retracts_id__isnull=False)
    assert Retracted.objects.get().by_reading_id == taker.pk


def test_what_others_say_of_the_same_nodes_stands() -> None:
    send(declared("raw", "1", 1, digest="sha256:aa"), TRAINED)
    without = edges(), nodes()
    wrong = declared("raw", "1", 2, "wrong", digest="sha256:bb", classification="restricted")
    send(wrong)
    assert NodeState.objects.get(kind="dataset_version").conflicting
    send(retracted(wrong, 5))
    assert (edges(), nodes()) == without


def test_readers_bound_to_the_version_are_bound_anew() -> None:
    second = declared("raw", "2", 2)
    send(declared("raw", "1", 1), second, ran("night", 3, reads=["raw"]))
    assert flows("read") == {(dataset("raw", "2"), "read", run("night"), "inferred")}
    send(retracted(second, 5))
    assert flows("read") == {(dataset("raw", "1"), "read", run("night"), "inferred")}


def test_as_known_before_it_stands() -> None:
    send(TRAINED)
    before = ask(model("risk", "1"))
    send(BACK)
    assert ask(model("risk", "1"), at=before.at, known_at=before.known_at).edges == before.edges != []


def test_a_retraction_can_not_be_retracted() -> None:
    send(TRAINED, BACK, retracted(BACK, 5))
    assert edges() == []


def test_nobody_takes_back_what_a_source_said_that_they_may_not_speak_for() -> None:
    send(TRAINED)
    eve = authenticated(personas.eve().secret)[1]
    back = BACK.event | {"source": "eve"}
    arrival = arrive("cloudevents", json.dumps(back).encode(), source="eve", grant=eve, received_at=RECEIVED)
    record([arrival])
    verdict = arrival.events[0].verdict
    assert verdict is not None
    assert (verdict.code, verdict.status) == ("scope", 403)
    assert edges() != []


def test_the_id_stays_taken() -> None:
    send(TRAINED, BACK)
    assert send(TRAINED)[0].outcome == Outcome.REPEATED
    other = registered("risk", "1", 3, TRAINED.event["id"], digest="sha256:aa")
    assert (send(other)[0].status, send(other)[0].code) == (409, "id-reused")


def test_what_was_metered_is_kept_and_known_as_taken_back() -> None:
    used = [told("usage.recorded", 1, f"u{n}", meters={"requests": n}) for n in (1, 2)]
    send(*used, retracted(used[1], 3))
    taken_back = set(Retracted.objects.values_list("reading_id", flat=True))
    standing = [row.meters for row in Usage.objects.all() if row.reading_id not in taken_back]
    assert standing == [{"requests": "1"}]
    assert Usage.objects.count() == 2
    assert usage() == [("requests", 1)]
