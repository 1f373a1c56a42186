from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from governance.audit.models import Entry
from governance.people.authentication import authenticated
from governance.people.models import ApiToken, User
from tests import personas

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


def test_token_prints_the_token_alone() -> None:
    printed = run("token", "airflow", "--scope", "openlineage", "namespace:bank*", "--expires", "30")
    assert printed.count("\n") == 1
    _, grant = authenticated(printed.strip())
    assert grant.name == "airflow" and grant.may_send("RunEvent", "shop")
    token = ApiToken.objects.get()
    assert token.created_by is None and token.expires_at is not None
    assert 29 <= (token.expires_at - timezone.now()).days <= 30
    assert Entry.objects.get(action="token.created").actor_type == "console"


@pytest.mark.parametrize(
    "arguments",
    [
        ["airflow", "--scope", "window"],
        ["airflow", "--scope", "all", "--expires", "0"],
        ["airflow", "--scope", "all", "--expires", "9999999999"],
        ["", "--scope", "all"],
    ],
)
def test_token_says_what_is_wrong(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run("token", *arguments)
    assert not ApiToken.objects.exists()


def test_administrator_prints_a_password_that_works() -> None:
    password = run("administrator", "Grace@Bank.example", "--name", "Grace", "--generate").strip()
    grace = User.objects.get(email="grace@bank.example")
    assert grace.is_superuser and grace.check_password(password)
    assert Entry.objects.get(action="user.created").actor_type == "console"


def test_administrator_reads_a_password_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("the moss grows north\n")
    assert run("administrator", "grace@bank.example", "--password-file", str(file)) == ""
    assert User.objects.get().check_password("the moss grows north")


def test_administrator_refuses_a_weak_password_and_a_taken_address(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("short")
    with pytest.raises(CommandError, match="12 characters"):
        run("administrator", "grace@bank.example", "--password-file", str(file))
    personas.alice()
    with pytest.raises(CommandError, match="exists already"):
        run("administrator", "Alice@bank.example", "--generate")
    with pytest.raises(CommandError, match="nobody"):
        run("administrator", "grace@bank.example", "--generate", "--reset")


def test_administrator_can_reset_a_password() -> None:
    alice = personas.alice()
    password = run("administrator", alice.email, "--generate", "--reset").strip()
    alice.refresh_from_db()
    assert alice.check_password(password) and not alice.is_superuser
    assert Entry.objects.get(action="user.password_changed").actor_type == "console"
