import pytest
from django.db import IntegrityError, transaction

from governance.people.models import User
from tests import personas

pytestmark = pytest.mark.django_db


def test_an_address_is_one_whatever_its_case() -> None:
    personas.alice()
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("ALICE@bank.example", personas.PASSWORD)
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(email="Grace@bank.example")


def test_a_person_is_shown_by_name() -> None:
    assert str(personas.alice()) == "Alice Adler"
    assert str(User(email="x@bank.example")) == "x@bank.example"
