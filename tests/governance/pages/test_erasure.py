"""The page Erasure: looking, being told, confirming, and what came of it."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from governance.audit.models import Entry
from governance.audit.retention import holds
from governance.audit.retention.models import Scope
from governance.erasure.erase import run_erasure
from governance.erasure.models import Erasure
from governance.erasure.target import Target
from tests import personas
from tests.lineage.intake.test_erase import ANNA, CLEAR, about_anna, found
from tests.lineage.stories import send

pytestmark = pytest.mark.django_db
CONFIRMED = {"ground": "objection", "note": "case 17", "word": "Erase"}


@pytest.fixture(autouse=True)
def _var(settings: Any, tmp_path: Path) -> None:
    settings.VAR = tmp_path


@pytest.fixture
def dave(client: Client) -> Client:
    client.force_login(personas.dave())
    return client


def look(client: Client, kind: str, name: str) -> str:
    """Look for somebody; return the address of the plan."""
    answer = client.post(reverse("governance:erasures"), {"kind": kind, "name": name})
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["Location"])


def test_from_the_name_to_the_act(dave: Client) -> None:
    send(*about_anna())
    address = look(dave, "subject", f" {ANNA} ")
    assert ANNA not in address, "addresses are written into the logs of proxies"
    page = dave.get(address).content.decode()
    assert "<strong>4</strong> bodies of submissions, whole" in page and "loan-of-anna-2" in page
    assert ANNA not in page and "no-store" in dave.get(address)["Cache-Control"]
    assert found(*CLEAR) == set(CLEAR)
    answer = dave.post(address, CONFIRMED)
    asked = Erasure.objects.get()
    assert answer["Location"] == reverse("governance:erasure", args=[asked.pk])
    assert "waits for its turn" in dave.get(answer["Location"]).content.decode()
    run_erasure(str(asked.pk))
    page = dave.get(answer["Location"]).content.decode()
    assert "its entry" in page and "case 17" in page and "The person objects" in page
    assert found(*CLEAR) == set()
    assert "Nothing is kept about this" in dave.get(address).content.decode()
    listed = dave.get(reverse("governance:erasures")).content.decode()
    assert "A data subject" in listed and "Dave Dumont" in listed
    entry = Entry.objects.get(action="subject.erased")
    assert entry.actor_id == str(personas.dave().pk)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ground": ""}, "This field is required"),
        ({"ground": "restored"}, "not one of the available choices"),
        ({"word": ""}, "This field is required"),
        ({"word": "yes"}, "it can&#x27;t be undone"),
    ],
)
def test_nothing_happens_before_it_is_confirmed(dave: Client, change: dict[str, str], words: str) -> None:
    send(*about_anna())
    page = dave.post(look(dave, "subject", ANNA), CONFIRMED | change)
    assert page.status_code == 422 and words in page.content.decode()
    assert not Erasure.objects.exists() and found(ANNA) == {ANNA}


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("person", "nobody@bank.example", "Nobody here has this e-mail address or id."),
        ("submission", "7", "A submission&#x27;s id looks like"),
        ("subject", " ", "This field is required"),
        ("thing", "x", "Select a valid choice"),
    ],
)
def test_who_is_not_there_is_said(dave: Client, kind: str, name: str, words: str) -> None:
    page = dave.post(reverse("governance:erasures"), {"kind": kind, "name": name})
    assert page.status_code == 200 and words in page.content.decode()


def test_a_hold_is_shown_and_refuses(dave: Client) -> None:
    send(*about_anna())
    holds.place(Scope.SOURCE, source="platform", reason="the case of the regulator")
    address = look(dave, "subject", ANNA)
    page = dave.get(address).content.decode()
    assert "the case of the regulator" in page and "Erase for good" not in page
    assert dave.post(address, CONFIRMED).status_code == 422
    assert found(ANNA) == {ANNA}


def test_only_administrators_erase(client: Client) -> None:
    send(*about_anna())
    client.force_login(personas.alice())
    page = client.get(reverse("governance:erasures"))
    assert page.status_code == 200 and b"Only an administrator" in page.content
    assert client.post(reverse("governance:erasures"), {"kind": "subject", "name": ANNA}).status_code == 403
    address = reverse("governance:erasure-plan", args=[str(Target.of_subject(ANNA))])
    assert client.get(address).status_code == client.post(address, CONFIRMED).status_code == 403
    assert not Erasure.objects.exists()


@pytest.mark.parametrize("target", ["user:7", "subject:zz", "x"])
def test_addresses_that_name_nobody(dave: Client, target: str) -> None:
    assert dave.get(reverse("governance:erasure-plan", args=[target])).status_code == 404


def test_the_plan_costs_the_same_however_much_there_is(
    dave: Client, django_assert_max_num_queries: Any
) -> None:
    send(*about_anna())
    address = look(dave, "subject", ANNA)
    with django_assert_max_num_queries(14):
        dave.get(address)
    address = look(dave, "person", "dave@bank.example")
    with django_assert_max_num_queries(30):
        assert b"only administrator" in dave.get(address).content
