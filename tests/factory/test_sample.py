"""The sample factory, as events and then as sent through the real doors."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command
from openlineage.client.serde import Serde
from pytest_django.live_server_helper import LiveServer

from factory.kit.grants import issue_token
from factory.sample import people, send
from factory.sample.clock import Clock
from factory.sample.pipelines import BAD_DELIVERY
from factory.sample.story import Story, tell
from governance.people.models import ApiToken, User
from lineage.entities import keys
from lineage.intake.cloudevents import read as cloudevents
from lineage.intake.derived import Refused
from lineage.intake.models import Outcome, Reading
from lineage.intake.openlineage import read as openlineage

ANCHOR = date(2026, 3, 31)
LAKE = "s3://harbourvale-lake"
PRODUCTION = keys.deployment("prod-eu", "credit-risk-production")
INCIDENT = "2026-03-31T14:02:00Z"


@pytest.fixture(scope="module")
def story() -> Story:
    return tell(Clock(ANCHOR))


def written(story: Story) -> Iterator[tuple[str, bytes]]:
    """Every event of the story, as (door, JSON)."""
    for events in story.runs.values():
        yield from (("openlineage", Serde.to_json(event).encode()) for event in events)
    for event in [*story.frame, *(e for told in story.events.values() for e in told), story.incident]:
        yield "cloudevents", json.dumps(event.body).encode()


READ = {"openlineage": openlineage.read, "cloudevents": cloudevents.read}


def test_readers_understand_every_event(story: Story) -> None:
    now = datetime.combine(ANCHOR, datetime.min.time(), UTC) + timedelta(days=1)
    read = [READ[door](body, now) for door, body in written(story)]
    assert len(read) == len(story) - len(story.faults)
    assert len(read) > 4000
    assert max(derived.time for derived in read) < now
    said_twice = Counter(derived.identity for derived in read if derived.identity)
    assert set(said_twice.values()) == {1}


def test_the_story_is_the_same_at_every_telling(story: Story) -> None:
    assert list(written(tell(Clock(ANCHOR)))) == list(written(story))


def test_another_anchor_tells_it_on_other_days_under_other_ids(story: Story) -> None:
    later = tell(Clock(ANCHOR + timedelta(days=1)))
    assert len(later.runs["spark-platform"]) == len(story.runs["spark-platform"])
    assert not {e.body["id"] for e in later.frame} & {e.body["id"] for e in story.frame}


def test_one_system_numbers_its_events_and_one_number_is_lost(story: Story) -> None:
    numbers = [int(event.body["sequence"]) for event in story.events["loan-desk"]]
    assert numbers == sorted(numbers) and numbers[0] == 1
    assert len(set(range(1, numbers[-1] + 1)) - set(numbers)) == 1


def test_what_a_reader_can_tell_is_broken_is_refused(story: Story) -> None:
    for fault in story.faults:
        if fault.status == 400:
            with pytest.raises(Refused):
                READ[people.SENDERS[fault.sender].door](fault.body, datetime.now(UTC))


@pytest.fixture
def told(transactional_db: None, settings: Any, tmp_path: Path, live_server: LiveServer) -> LiveServer:
    settings.VAR = tmp_path
    call_command("sample", url=live_server.url, anchor=ANCHOR)
    return live_server


class Asking(httpx.Client):
    """Questions asked over HTTP."""

    def trace(self, node: keys.NodeKey, **parameters: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        following: str | None = f"/api/v1/trace?{httpx.QueryParams({'node': str(node), **parameters})}"
        while following:
            answer = self.get(following)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            found = page if not found else {**page, "nodes": found["nodes"] + page["nodes"]}
            following = page["next"]
        return found


def upstream(ask: Asking, at: str) -> dict[str, dict[str, Any]]:
    answer = ask.trace(PRODUCTION, direction="upstream", at=at, depth=20)
    return {node["key"]: node for node in answer["nodes"]}


@pytest.mark.timeout(300)
def test_the_whole_story_through_the_doors(told: LiveServer) -> None:
    """One test, because telling takes half a minute."""
    assert send.present()
    assert send.standing_anchor() == ANCHOR
    outcomes = Counter(Reading.objects.values_list("outcome", flat=True))
    assert outcomes[Outcome.QUARANTINED] == 8
    assert outcomes[Outcome.REPEATED] == 0
    assert outcomes[Outcome.ACCEPTED] == len(tell(Clock(ANCHOR))) - 8

    secret = issue_token("asking", doors=["questions"]).secret
    with Asking(base_url=told.url, headers={"Authorization": f"Bearer {secret}"}, timeout=30) as ask:
        the_bad_delivery_shaped_v5_and_not_v4(ask)
        latest_moved_overnight(ask)
        what_is_missing_is_known(ask)

    people_can_sign_in()
    assert not ApiToken.objects.filter(name__in=people.SENDERS, revoked_at=None).exists()

    call_command("sample", url=told.url)  # says that it is here already, and sends nothing
    assert Reading.objects.count() == sum(outcomes.values())
    with pytest.raises(CommandError, match="contradict"):
        call_command("sample", url=told.url, anchor=ANCHOR + timedelta(days=1), again=True)


def the_bad_delivery_shaped_v5_and_not_v4(ask: Asking) -> None:
    bad = Clock(ANCHOR).date(BAD_DELIVERY)
    history = str(keys.dataset(LAKE, "curated/bureau_history").at_version(bad))
    delivery = str(keys.dataset(LAKE, "raw/bureau/consumer_scores").at_version(bad))
    model = keys.model("mlops-registry", "credit-risk")

    failed = upstream(ask, INCIDENT)
    assert str(model.at_version("v5")) in failed and str(model.at_version("v4")) not in failed
    assert {history, delivery} <= failed.keys()
    faulty = {key for key, node in failed.items() if node["attributes"].get("assertions_failed")}
    assert faulty == {history, delivery}

    before = upstream(ask, f"{Clock(ANCHOR).date(-9)}T14:02:00Z")
    assert str(model.at_version("v4")) in before
    assert not {history, delivery} & before.keys()


def latest_moved_overnight(ask: Asking) -> None:
    kiosk = str(keys.deployment("branch-edge", "kiosk-fraud"))

    def served(at: str) -> set[str]:
        answer = ask.get("/api/v1/serving", params={"at": f"{ANCHOR}T{at}Z"})
        assert answer.status_code == 200, answer.text
        return {row["model"] for row in answer.json()["results"] if row["deployment"] == kiosk}

    fraud = keys.model("mlops-registry", "kiosk-fraud")
    assert served("02:00:00") == {str(fraud.at_version("2-int8"))}
    assert served("03:00:00") == {str(fraud.at_version("3-int8"))}


def what_is_missing_is_known(ask: Asking) -> None:
    sources = {line["name"]: line for line in ask.get("/api/v1/sources?limit=500").json()["results"]}
    assert {name: line["missing"] for name, line in sources.items() if line["missing"]} == {"loan-desk": 1}
    report = ask.get("/api/v1/sources/report", params={"door": "openlineage", "name": "airflow-support"})
    assert [run["job"] for run in report.json()["unended_runs"]] == [
        "job:airflow-support/knowledge_base.check_links"
    ]


def people_can_sign_in() -> None:
    accounts = people.accounts()
    assert [account.role for account in accounts] == [
        "Compliance officer",
        "Release manager",
        "Finance partner",
        "Administrator",
    ]
    for account in accounts:
        assert User.objects.get(email=account.email).check_password(account.password)
    assert people._file().stat().st_mode & 0o777 == 0o600
    assert people.make_people() == accounts


def test_nothing_is_told_to_a_production_installation(db: None, settings: Any, tmp_path: Path) -> None:
    settings.VAR, settings.PRODUCTION = tmp_path, True
    with pytest.raises(CommandError, match="trial"):
        call_command("sample")
    assert not send.present() and not people.accounts()


def test_a_last_day_that_is_not_over_is_refused(db: None, settings: Any, tmp_path: Path) -> None:
    settings.VAR = tmp_path
    with pytest.raises(CommandError, match="over"):
        call_command("sample", anchor=datetime.now(UTC).date())
