"""Bodies at rest."""

import hashlib

import pytest
from cryptography.exceptions import InvalidTag
from django.db import DatabaseError, connection, transaction

from lineage.intake.models import BodyKey, PeriodKey, Submission
from lineage.intake.vault import BodyDestroyed, open_body
from tests.lineage.stories import RECEIVED, ran, send

pytestmark = pytest.mark.django_db

EVENT = ran("night", 1, reads=["applicants of the year"])


@pytest.fixture
def kept() -> Submission:
    send(EVENT)
    return Submission.objects.get()


def test_the_body_comes_back_byte_for_byte(kept: Submission) -> None:
    assert open_body(kept) == EVENT.body
    assert bytes(kept.sha256) == hashlib.sha256(EVENT.body).digest()
    assert kept.size == len(EVENT.body)


def test_nothing_of_it_lies_open(kept: Submission) -> None:
    assert b"applicants" not in bytes(kept.body)
    # compressed, it would still show equal bodies as equal
    send(EVENT)
    assert len({bytes(one.body) for one in Submission.objects.all()}) == 2


def test_a_changed_body_is_noticed(kept: Submission) -> None:
    sealed = bytearray(kept.body)
    sealed[-1] ^= 1
    kept.body = bytes(sealed)
    with pytest.raises(InvalidTag):
        open_body(kept)


def test_a_body_in_the_place_of_another_is_noticed(kept: Submission) -> None:
    send(ran("noon", 1))
    other = Submission.objects.exclude(pk=kept.pk).get()
    own, its = BodyKey.objects.get(submission=kept), BodyKey.objects.get(submission=other)
    BodyKey.objects.filter(pk=its.pk).update(wrapped=own.wrapped)
    other.body = kept.body
    with pytest.raises(InvalidTag):
        open_body(other)


def test_the_row_itself_can_not_be_changed(kept: Submission) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE lineage_submission SET source = 'eve'")


def test_destroying_the_key_destroys_the_body(kept: Submission) -> None:
    send(ran("noon", 1))
    BodyKey.objects.filter(submission=kept).delete()
    with pytest.raises(BodyDestroyed):
        open_body(kept)
    assert open_body(Submission.objects.exclude(pk=kept.pk).get())


def test_one_key_a_month(kept: Submission) -> None:
    send(ran("noon", 1))
    assert PeriodKey.objects.get().period == RECEIVED.date().replace(day=1)
    assert BodyKey.objects.values("wrapped").distinct().count() == 2
