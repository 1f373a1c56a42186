"""manage.py erase."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from governance.audit.models import Entry
from governance.erasure import erase
from governance.erasure.models import Erasure
from tests import personas
from tests.lineage.intake.test_erase import ANNA, CLEAR, about_anna, found
from tests.lineage.stories import send

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _ground(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.VAR = tmp_path
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{ANNA}\n"))


def said(*arguments: str) -> str:
    out = io.StringIO()
    call_command("erase", *arguments, stdout=out)
    return out.getvalue()


def test_first_it_only_says_what_would_go() -> None:
    send(*about_anna())
    told = said("--subject")
    assert "bodies: 4" in told and "Nothing was done" in told and ANNA not in told
    assert found(*CLEAR) == set(CLEAR) and not Erasure.objects.exists()


def test_then_it_erases() -> None:
    send(*about_anna())
    told = said("--subject", "--yes", "--ground", "objection", "--note", "case 17")
    entry = Entry.objects.get(action="subject.erased")
    assert f"erased, entry {entry.pk}" in told and entry.actor_type == "console"
    assert found(*CLEAR) == set()


def test_a_person_by_address() -> None:
    alice = personas.alice()
    said("--person", alice.email, "--yes", "--ground", "legal_duty")
    assert found("alice@bank.example", "Alice Adler") == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--person", "nobody@bank.example"],
        ["--subject", "--yes"],
        ["--submission", "x"],
        ["--subject", "--yes", "--ground", "restored"],
        [],
        ["--subject", "--again"],
    ],
)
def test_what_is_wrong_is_said(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        said(*arguments)


def test_the_tables_can_be_written_anew() -> None:
    send(*about_anna())
    said("--subject", "--yes", "--ground", "objection")
    said("--rewrite")
    erase.sweep()
    assert found(*CLEAR) == set()


def test_again_finds_what_a_backup_brought_back() -> None:
    send(*about_anna())
    said("--subject", "--yes", "--ground", "objection")
    send(*about_anna())
    assert found(*CLEAR) == set(CLEAR)
    said("--again")
    assert found(*CLEAR) == set() and Erasure.objects.get(ground="restored").counts["bodies"] == 4
