"""Classes: their presets, how they change, and that the database and Python agree on what they claim."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.test import RequestFactory
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from factory.kit.bulk import fetch
from governance.audit.models import Entry, Place
from governance.audit.retention import classes as retention
from governance.audit.retention import tally
from governance.audit.retention.classes import (
    RetentionRefused,
    claiming,
    classes,
    ends,
    is_kept,
    longest,
    words,
)
from governance.audit.retention.models import RetentionClass, Tally
from tests import personas
from tests.governance.audit.pruned import acts, empty_queue, kept_for, prune, rest, submissions, the_log
from tests.lineage.stories import undone
from tests.lineage.worlds import examples

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue(transactional_db: None) -> Iterator[None]:
    with empty_queue():
        yield


def test_presets_are_made_once_and_are_on_record() -> None:
    made = classes()
    assert [(row.name, row.months, row.least_months, row.rest) for row in made] == [
        ("Logs of high-risk systems", 6, 6, False),
        ("Technical documentation", 120, 120, False),
        ("Records of a financial institution", None, None, False),
        ("Everything else", None, None, True),
    ]
    assert [row.pk for row in classes()] == [row.pk for row in made]
    written = Entry.objects.filter(action="retention.changed").order_by("id")
    assert [entry.targets for entry in written] == [[f"retention_class:{row.pk}"] for row in made]
    assert all(entry.actor_type == "system" and "before" not in entry.said["digests"] for entry in written)


def test_a_change_is_an_entry_with_digests_before_and_after() -> None:
    [*_, other] = classes()
    request = RequestFactory().post("/")
    request.user = personas.dave()
    other.months = 84
    assert retention.save(other, request=request) and not retention.save(other, request=request)
    other.months = 96
    assert retention.save(other, request=request)
    first, second = Entry.objects.filter(action="retention.changed", actor_type="user").order_by("id")
    assert first.said["digests"]["after"] == second.said["digests"]["before"]
    assert (second.detail["before"]["months"], second.detail["after"]["months"]) == (84, 96)


def test_less_than_the_source_asks_for_needs_a_reason() -> None:
    [logs, *_] = classes()
    logs.months = 3
    with pytest.raises(RetentionRefused, match="at least 6 months"):
        retention.save(logs, reason=" ")
    assert retention.save(logs, reason="national law asks for less")
    assert RetentionClass.objects.get(pk=logs.pk).shorter_because == "national law asks for less"
    logs.months = 7
    assert retention.save(logs, reason="x") and not logs.shorter_because
    with pytest.raises(IntegrityError), transaction.atomic():
        RetentionClass.objects.filter(pk=logs.pk).update(months=2)


@pytest.mark.parametrize(
    "change",
    [{"name": ""}, {"basis": " "}, {"actions": ["a.*b"]}, {"sources": ["*x"]}, {"name": "Everything else"}],
)
def test_a_class_that_makes_no_sense_is_refused(change: dict) -> None:
    [logs, *_] = classes()
    for name, value in change.items():
        setattr(logs, name, value)
    with pytest.raises(RetentionRefused):
        retention.save(logs)


def test_the_rest_is_one_and_has_no_patterns() -> None:
    [*_, other] = classes()
    other.actions = ["page.read"]
    with pytest.raises(RetentionRefused, match="no patterns"):
        retention.save(other)
    with pytest.raises(DatabaseError), transaction.atomic():
        RetentionClass.objects.create(name="another", basis="x", rest=True)


def test_lengths_are_spelt_and_counted_in_months() -> None:
    assert [words(n) for n in (1, 6, 12, 30, None)] == [
        "1 month",
        "6 months",
        "1 year",
        "2 years and 6 months",
        "for ever",
    ]
    assert ends(RetentionClass(months=6), date(2026, 8, 31)) == date(2027, 2, 28)
    assert ends(RetentionClass(months=12), date(2028, 2, 29)) == date(2029, 2, 28)
    assert ends(RetentionClass(months=None), date(2026, 1, 1)) is None


# --- the database and Python agree ----------------------------------------------------------------
_actions = ["page.read", "release.approved", "approval.granted", "pageXread", "token.created", "pa_e.read"]
_patterns = st.lists(
    st.sampled_from([*(a for a in _actions if "." in a), "page.*", "p*", "*", "pa_e.*", "approval.*"]),
    max_size=2,
)
_classes = st.lists(
    st.fixed_dictionaries(
        {
            "months": st.sampled_from([None, 1, 6, 24]),
            "actions": _patterns,
            "doors": st.lists(st.sampled_from(["openlineage", "cloud*"]), max_size=1),
            "sources": st.lists(st.sampled_from(["airflow", "reg*", "*"]), max_size=1),
            "event_types": st.lists(st.sampled_from(["factory.dataset*", "RunEvent", "*"]), max_size=2),
        }
    ),
    max_size=3,
)


@examples(40)
@given(drawn=_classes, months=st.sampled_from([None, 3]), age=st.integers(0, 800))
def test_what_is_kept_is_the_same_in_sql_and_in_python(
    drawn: list[dict], months: int | None, age: int
) -> None:
    with undone():
        rows = [RetentionClass(name=str(n), basis="x", **one) for n, one in enumerate(drawn)]
        rows.append(RetentionClass(name="rest", basis="x", rest=True, months=months))
        for action in ("page.read", "release.approved", "approval.granted", "pa_e.read", "token.created"):
            acts(1, action=action)
        submissions(6)
        now = timezone.now() + timedelta(days=age)
        condition, params = is_kept(rows, now)
        kept = {row[0] for row in fetch(f"SELECT e.id FROM {retention.ENTRIES} WHERE {condition}", params)}
        types = """SELECT e.id, e.action, e.recorded_at, coalesce(b.door, ''), coalesce(b.source, ''),
                          array(SELECT event_type FROM lineage_reading r WHERE r.submission_id = b.id)
                   FROM """
        expected = set()
        for id_, action, at, door, source, event_types in fetch(types + retention.ENTRIES):
            keeps = longest(claiming(rows, action, door, source, event_types))
            if _stands(keeps, at, now):
                expected.add(id_)
        assert kept == expected


def _stands(keeps: RetentionClass, at: datetime, now: datetime) -> bool:
    return keeps.months is None or at > retention._months_on(now, -keeps.months)


# --- the tally ------------------------------------------------------------------------------------
_TALLY = "month, action, door, source, event_types"


def counted() -> dict:
    return {
        tuple(row[:5]): tuple(row[5:])
        for row in Tally.objects.values_list(*_TALLY.split(", "), "entries", "size")
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("queue")
def test_the_tally_follows_the_log_and_pruning(tmp_path, settings) -> None:
    settings.VAR = tmp_path
    kept_for(6)
    submissions(60)
    acts(300, days_ago=40)
    tally.count(the_log())
    acts(200)
    tally.count(the_log())
    assert sum(row[0] for row in counted().values()) == Place.objects.count()
    kinds = list(tally.kinds(the_log()))
    assert {"factory.dataset_version.declared"} in [set(kind.event_types) for kind in kinds]
    assert min(kind.first_index for kind in kinds) == 0
    prune()
    tally.count(the_log())
    left = counted()
    assert sum(row[0] for row in left.values()) == Place.objects.count()
    assert min(kind.first_index for kind in tally.kinds(the_log())) >= 512
    Tally.objects.all().delete()
    fetch("UPDATE governance_tallied SET size = 0 RETURNING 1")
    tally.count(the_log())
    assert counted() == left
    assert rest().months == 6
