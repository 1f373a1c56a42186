"""Erasing what is about a person: the record, what is derived from it, and what can't be done to it."""

import json
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from factory.kit.bulk import fetch
from factory.kit.recording import CONSOLE
from lineage.entities.keys import NodeKey
from lineage.entities.models import Node, NodeState
from lineage.intake import erase
from lineage.intake.doors import arrive
from lineage.intake.erase import Counts, events_about, events_of
from lineage.intake.erase_models import Erased, Mention
from lineage.intake.mentioned import subject
from lineage.intake.models import BodyKey, Reading, Submission
from lineage.intake.rebuild import rebuild
from lineage.intake.record import record
from lineage.intake.replay import replay
from lineage.intake.sources import in_quarantine
from lineage.intake.vault import BodyDestroyed, open_body
from tests import personas
from tests.lineage import stories
from tests.lineage.stories import RECEIVED, Sent, answered, deployed, registered, retracted, send, told

pytestmark = pytest.mark.django_db
ANNA, BERT = "hmac:anna-4711", "hmac:bert-0815"
#: Whatever of Anna's must not be found anywhere afterwards.
CLEAR = [ANNA, "loan-of-anna", "no-income", "reviewer-rita", "she-called-us", "anna-is-cross"]


def about_anna() -> list[Sent]:
    """Two answers about Anna, what was said of them, and one about Bert."""
    review = {"reviewer": "reviewer-rita", "verdict": "upheld"}
    first = answered(
        "loan-of-anna-1", "scoring", 10, subject_digest=ANNA, result="no-income", human_review=review
    )
    key = "outcome:factory/loan-of-anna-1"
    return [
        registered("risk", "1", 1),
        deployed("scoring", "risk", "1", 2),
        first,
        answered("loan-of-anna-2", "scoring", 11, subject_digest=ANNA),
        answered("loan-of-bert", "scoring", 12, subject_digest=BERT, result="granted"),
        told("feedback.recorded", 13, "f1", subject=key, kind="complaint", value="she-called-us"),
        told("incident.opened", 14, "i1", incident="wrong-1", subject=key, severity="high", title=CLEAR[-1]),
    ]


def batch(*events: Sent) -> UUID:
    """Take in events as one batch; return the submission's id."""
    body = json.dumps([one.event for one in events]).encode()
    arrival = arrive("cloudevents", body, source="platform", grant=None, received_at=RECEIVED, batch=True)
    record([arrival])
    return arrival.id


def act(*names: str) -> Counts:
    return erase.erase(uuid4(), "console", events_about(names))


def cells() -> Iterator[str]:
    """Every value of every table, as text, and bytes as they are and as hex."""
    tables = fetch("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1")
    for (table,) in tables:
        for row in fetch(f'SELECT * FROM "{table}"'):
            for value in row:
                if isinstance(value, bytes | memoryview):
                    yield from (bytes(value).decode(errors="replace"), bytes(value).hex())
                else:
                    yield str(value)
    for kept in Submission.objects.all():
        try:
            yield open_body(kept).decode()
        except BodyDestroyed:
            continue


def found(*clear: str) -> set[str]:
    """Which of the clear values stand anywhere in the database, as they are or in hex."""
    spelt = {one: (one, one.encode().hex()) for one in clear}
    return {one for cell in cells() for one, spellings in spelt.items() if any(s in cell for s in spellings)}


def test_nothing_of_the_person_is_left_and_everything_of_others() -> None:
    send(*about_anna())
    assert found(*CLEAR) == set(CLEAR) and found(BERT, "loan-of-bert", "granted")
    before = stories.edges()
    done = act(subject(ANNA))
    assert done == Counts(events=4, bodies=4, bodies_in_part=0, readings=4, statements=4, nodes=2)
    assert found(*CLEAR) == set()
    assert found(BERT, "loan-of-bert", "granted") == {BERT, "loan-of-bert", "granted"}
    # the answers are still answers of their deployment
    assert len(stories.edges()) == len(before)
    hers = [edge for edge in stories.edges() if "erased-" in edge[1] and edge[4] == "answered"]
    assert {edge[0] for edge in hers} == {"deployment:credit/scoring", "model_version:credit/risk@1"}
    assert len({edge[1] for edge in hers}) == 2


def test_what_stands_says_that_it_was_erased() -> None:
    send(*about_anna())
    act(subject(ANNA))
    for state in NodeState.objects.filter(kind="outcome", name__startswith="erased-"):
        assert state.attributes == {"erased": True, "deployment": "deployment:credit/scoring"}
    incident = NodeState.objects.get(kind="incident")
    assert (incident.name, incident.state, incident.title) == ("wrong-1", "open", "")


def test_rebuild_and_replay_come_to_the_same_erased_state() -> None:
    send(*about_anna())
    batch(answered("third-of-anna", "scoring", 20, subject_digest=ANNA), answered("of-bert", "scoring", 21))
    act(subject(ANNA))
    graph, nodes = stories.edges(), stories.nodes()
    rebuild()
    assert (stories.edges(), stories.nodes()) == (graph, nodes)
    counts = replay(actor=CONSOLE, everything=True)
    assert counts["destroyed"] == 4 and "quarantined" not in counts
    assert (stories.edges(), stories.nodes()) == (graph, nodes)
    assert found(*CLEAR, "third-of-anna") == set()


def test_a_batch_keeps_the_events_of_others() -> None:
    send(deployed("scoring", "risk", "1", 2))
    pk = batch(
        answered("loan-of-anna", "scoring", 10, subject_digest=ANNA),
        answered("loan-of-bert", "scoring", 11, subject_digest=BERT),
    )
    kept = Submission.objects.get(pk=pk)
    key, sha = bytes(BodyKey.objects.get(submission=pk).wrapped), bytes(kept.sha256)
    done = act(subject(ANNA))
    assert (done.bodies, done.bodies_in_part) == (0, 1)
    kept = Submission.objects.get(pk=pk)
    body = json.loads(open_body(kept))
    assert body[0] is None and body[1]["data"]["outcome"] == "loan-of-bert"
    assert bytes(BodyKey.objects.get(submission=pk).wrapped) != key, "the old key is gone"
    assert bytes(kept.sha256) == sha, "what came in is still what is proved"
    act(subject(BERT))
    with pytest.raises(BodyDestroyed):
        open_body(Submission.objects.get(pk=pk))


def test_repeats_retractions_and_what_nobody_could_read_go_too() -> None:
    event = answered("loan-of-anna", "scoring", 10, "evt-loan-of-anna", subject_digest=ANNA)
    broken = answered("loan-of-anna", "scoring", 10, "b1", subject_digest=ANNA)
    del broken.event["time"], broken.event["data"]["result"]
    send(event, event, broken, retracted(event, 12, "taken back"))
    assert in_quarantine().count() == 1
    done = act(subject(ANNA))
    assert done.bodies == 4
    assert found("loan-of-anna", ANNA) == set()
    assert in_quarantine().count() == 0
    states = stories.nodes()
    rebuild()
    assert stories.nodes() == states, "it is still taken back"


def test_a_second_time_finds_nothing() -> None:
    send(*about_anna())
    events = events_about([subject(ANNA)])
    act(subject(ANNA))
    assert events_about([subject(ANNA)]) == [] == events_about(["outcome:factory/loan-of-anna-1"])
    again = erase.erase(uuid4(), "console", events)
    assert found(*CLEAR) == set() and again.nodes == 2
    assert not Mention.objects.filter(submission_id__in=[pk for pk, _ in events]).exists()


def test_an_erasure_that_stopped_half_way_goes_on() -> None:
    send(*about_anna())
    events = events_about([subject(ANNA)])
    for one in events[:3]:
        erase.erase(uuid4(), "console", [one])
    assert set(events_about([subject(ANNA)])) == set(events[3:])
    act(subject(ANNA))
    assert found(*CLEAR) == set()


def test_one_submission_with_all_that_was_read_from_it() -> None:
    sql = stories.facet(query="SELECT * FROM people WHERE name = 'anna-is-cross'")
    event = stories.ran("night", 1, reads=["raw"], writes=["clean"])
    event.event["job"]["facets"] = {"sql": sql}
    send(event)
    pk = Submission.objects.get().pk
    flows = stories.flows()
    done = erase.erase(uuid4(), "console", events_of(pk))
    assert done.bodies == 1 and found("anna-is-cross") == set()
    assert stories.flows() == flows, "what ran on what stays"
    assert NodeState.objects.get(kind="run").state == "COMPLETE"
    assert events_of(pk) == []
    graph = stories.edges(), stories.nodes()
    rebuild()
    assert (stories.edges(), stories.nodes()) == graph


def test_one_of_several_submissions_about_an_outcome_leaves_its_name() -> None:
    send(*about_anna())
    feedback = Submission.objects.order_by("number")[5]
    planned = erase.count(events_of(feedback.pk))
    assert erase.erase(uuid4(), "console", events_of(feedback.pk)) == planned
    assert planned.nodes == 0 and found("she-called-us") == set()
    state = NodeState.objects.get(kind="outcome", name="loan-of-anna-1")
    assert state.attributes["result"] == "no-income"
    act(subject(ANNA))
    assert found(*CLEAR) == set()


def test_before_the_act_it_is_counted_and_nothing_happens() -> None:
    send(*about_anna())
    batch(answered("loan-of-anna", "scoring", 10, "b", subject_digest=ANNA), answered("bert", "scoring", 11))
    planned = erase.count(events_about([subject(ANNA)]))
    assert (planned.bodies, planned.bodies_in_part) == (4, 1)
    assert found(*CLEAR) == set(CLEAR) and not Erased.objects.exists()
    assert act(subject(ANNA)) == planned


def test_the_database_keeps_what_was_erased_by_whom_and_lets_nothing_else_change() -> None:
    send(*about_anna())
    act(subject(ANNA))
    row = Erased.objects.get()
    assert row.by == "console" and row.what["bodies"] == 4 and len(row.what["submissions"]) == 4
    for statement in (
        "UPDATE lineage_statement SET body = ''",
        "UPDATE lineage_erased SET by = 'nobody'",
        "DELETE FROM lineage_erased",
        "UPDATE lineage_submission SET sha256 = ''",
        "SET LOCAL plumbline.erasing = 'yes'; DELETE FROM lineage_reading",
        "SET LOCAL plumbline.erasing = 'yes'; UPDATE lineage_submission SET sha256 = ''",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_a_setting_alone_opens_nothing() -> None:
    send(*about_anna())
    act(subject(ANNA))
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL plumbline.erasing = 'yes'; UPDATE lineage_statement SET body = ''")


def test_the_page_of_a_submission_says_what_was_erased(client: Client) -> None:
    send(deployed("scoring", "risk", "1", 2), answered("loan-of-anna", "scoring", 10, subject_digest=ANNA))
    whole = Submission.objects.latest("number").pk
    part = batch(
        answered("loan-of-anna-2", "scoring", 10, subject_digest=ANNA),
        answered("loan-of-bert", "scoring", 11, subject_digest=BERT),
    )
    act(subject(ANNA))
    client.force_login(personas.alice())
    assert "The body was erased" in client.get(f"/submission/{whole}/").content.decode()
    page = client.get(f"/submission/{part}/").content.decode()
    assert "in the places of erased events" in page and "loan-of-bert" in page
    assert client.get(f"/submission/{whole}/body/").status_code == 404


def test_a_person_named_in_events_is_found_by_name() -> None:
    send(*about_anna())
    assert len(events_about(["user:factory/reviewer-rita"])) == 3, "and what tells of the outcome"
    assert not Node.objects.filter(kind="user").exists()


def test_it_asks_as_often_for_many_as_for_one(django_assert_max_num_queries) -> None:
    send(*(answered(f"loan-{n}", "scoring", n, subject_digest=ANNA) for n in range(20)))
    events = events_about([subject(ANNA)])
    with django_assert_max_num_queries(70):
        erase.erase(uuid4(), "console", events)
    assert Reading.objects.filter(code="erased").count() == 20
    assert NodeKey("outcome", "factory", "loan-3") not in {node.key for node in Node.objects.all()}
