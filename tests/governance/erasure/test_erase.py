"""Erasing people, data subjects and submissions: asked for, done, on record, and owed again."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.contrib.sessions.models import Session
from django.db import transaction
from django.test import Client, RequestFactory

from factory.kit.recording import ANONYMOUS, CONSOLE, SYSTEM, record
from governance.audit.models import Entry
from governance.audit.retention import holds
from governance.audit.retention.models import Scope
from governance.audit.subjects import has_key, personal_data
from governance.erasure import account, erase
from governance.erasure.erase import Refused, ask, run_erasure, work
from governance.erasure.models import Erasure, Ground
from governance.erasure.owed import erase_again, owed
from governance.erasure.plan import plan
from governance.erasure.target import NoTarget, Target
from governance.people.models import User
from lineage.intake.erase import Counts
from lineage.intake.models import Replay, Submission
from tests import personas
from tests.lineage.intake.test_erase import ANNA, CLEAR, about_anna, found
from tests.lineage.stories import RECEIVED, arrivals, send

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _var(settings: Any, tmp_path: Path) -> None:
    settings.VAR = tmp_path


def anna() -> Target:
    return Target.of_subject(ANNA)


def done(target: Target, **options: Any) -> Erasure:
    """Ask, and work it off."""
    asked = ask(target, actor=CONSOLE, asked_by="the console", ground=Ground.OBJECTION, **options)
    run_erasure(str(asked.pk))
    asked.refresh_from_db()
    assert asked.finished_at and not asked.error, asked.error
    return asked


def entry() -> Entry:
    return Entry.objects.get(action="subject.erased")


def test_a_data_subject_goes_and_the_entry_says_how_much_but_not_who() -> None:
    send(*about_anna())
    asked = done(anna(), note="case 17")
    assert found(*CLEAR) == set()
    assert asked.counts == {"events": 4, "bodies": 4, "readings": 4, "statements": 4, "nodes": 2}
    said = entry().said
    assert said["targets"] == [str(anna()), f"erasure:{asked.pk}"]
    assert said["detail"]["counts"] == asked.counts and said["reason"] == "objection"
    assert asked.entry_id == entry().pk
    assert b"case 17" not in bytes(entry().leaf) and personal_data(said) == {"note": "case 17"}


def test_a_large_one_goes_in_steps_and_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erase, "TOGETHER", 1)
    send(*about_anna())
    asked = done(anna())
    assert asked.counts["bodies"] == 4 and asked.done == 4
    assert found(*CLEAR) == set()
    assert Entry.objects.filter(action="subject.erased").count() == 1


def test_files_with_parts_of_the_record_go(settings: Any, django_capture_on_commit_callbacks: Any) -> None:
    send(*about_anna())
    file = settings.VAR / "snapshots" / "1.zip"
    file.parent.mkdir()
    file.touch()
    assert plan(anna()).snapshots == 1
    asked = ask(anna(), actor=CONSOLE, asked_by="x", ground=Ground.OBJECTION)
    with django_capture_on_commit_callbacks(execute=True):
        run_erasure(str(asked.pk))
    assert not file.exists() and entry().detail["counts"]["snapshots"] == 1


def test_one_that_stopped_goes_on_and_counts_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erase, "TOGETHER", 1)
    send(*about_anna())
    asked = ask(anna(), actor=CONSOLE, asked_by="the console", ground=Ground.OBJECTION)

    class Killed(Exception):
        pass

    def killed(done: int, total: int) -> None:
        if done == 2:
            raise Killed

    with pytest.raises(Killed):
        work(asked, killed)
    assert not Entry.objects.filter(action="subject.erased").exists()
    run_erasure(str(asked.pk))
    asked.refresh_from_db()
    assert asked.counts["bodies"] == 4 and found(*CLEAR) == set()
    assert work(asked, killed) == {}, "what is done is done once"
    assert Entry.objects.filter(action="subject.erased").count() == 1


def test_asked_twice_it_is_one() -> None:
    send(*about_anna())
    first = ask(anna(), actor=CONSOLE, asked_by="the console", ground=Ground.OBJECTION)
    assert ask(anna(), actor=SYSTEM, asked_by="x", ground=Ground.UNLAWFUL) == first


def test_what_comes_later_is_new_and_stays() -> None:
    send(*about_anna())
    asked = ask(anna(), actor=CONSOLE, asked_by="x", ground=Ground.OBJECTION, upto=RECEIVED)
    run_erasure(str(asked.pk))
    assert found(ANNA) == {ANNA}, "received at that very moment, and not before"


@pytest.mark.parametrize(
    ("scope", "of"),
    [
        (Scope.EVERYTHING, {}),
        (Scope.SOURCE, {"source": "platform"}),
        (Scope.NODE, {"node": "outcome:factory/loan-of-anna-1"}),
    ],
)
def test_a_legal_hold_refuses(scope: Scope, of: dict[str, Any]) -> None:
    send(*about_anna())
    hold = holds.place(scope, reason="the case of the regulator", **of)
    assert plan(anna()).holds == [hold]
    with pytest.raises(Refused, match="the case of the regulator"):
        done(anna())
    refusal = Entry.objects.get(action="erasure.asked")
    assert refusal.outcome == "denied" and refusal.targets == [str(anna()), f"hold:{hold.pk}"]
    assert found(*CLEAR) == set(CLEAR)
    holds.lift(hold, reason="closed")
    done(anna())
    assert found(*CLEAR) == set(), "nor does the lifted hold, or its entry, say the name"


def test_a_hold_that_comes_in_between_stops_it() -> None:
    send(*about_anna())
    asked = ask(anna(), actor=CONSOLE, asked_by="x", ground=Ground.OBJECTION)
    holds.place(Scope.EVERYTHING, reason="the regulator")
    run_erasure(str(asked.pk))
    asked.refresh_from_db()
    assert "the regulator" in asked.error and found(*CLEAR) == set(CLEAR)


def test_the_plan_says_what_the_act_does_and_changes_nothing() -> None:
    send(*about_anna())
    planned = plan(anna())
    assert planned.counts == Counts(events=4, bodies=4, readings=4, statements=4, nodes=2)
    assert {node.name for node in planned.nodes} == {"loan-of-anna-1", "loan-of-anna-2"}
    assert found(*CLEAR) == set(CLEAR) and not planned.nothing
    done(anna())
    assert plan(anna()).nothing


def test_a_person_with_an_account(client: Client) -> None:
    alice, dave = personas.alice(), personas.dave()
    client.force_login(alice)
    record("page.read", actor=alice.actor, personal={"note": "alice wrote this"})
    Replay.objects.create(actor=list(alice.actor), asked_by=str(alice))
    target = Target.of_person("Alice@bank.example")
    planned = plan(target)
    assert planned.removed.accounts == planned.removed.keys == planned.removed.named == 1
    done(target)
    user = User.objects.get(pk=alice.pk)
    assert (user.name, user.email) == (account.ERASED_NAME, f"{alice.pk}@erased.invalid")
    assert not user.is_active and not user.has_usable_password() and user.last_login is None
    assert found("alice@bank", "Alice Adler", "alice wrote this") == set()
    assert not has_key(f"user:{alice.pk}") and has_key(f"user:{dave.pk}") is False
    assert [Session.objects.count(), client.get("/").status_code] == [0, 302]
    assert Entry.objects.filter(actor_type="user", actor_id=str(alice.pk)).exists(), "what was done stays"
    assert plan(target).nothing
    with pytest.raises(NoTarget):
        Target.of_person("alice@bank.example")


def test_the_only_administrator_stays() -> None:
    dave = personas.dave()
    with pytest.raises(Refused, match="only administrator"):
        done(Target("user", str(dave.pk)))
    assert User.objects.get(pk=dave.pk).email == dave.email


def test_where_a_person_failed_to_sign_in_from_goes_with_them(client: Client) -> None:
    alice = personas.alice()
    request = RequestFactory().get("/", REMOTE_ADDR="2001:db8::7")
    pk = record("user.signed_in", actor=ANONYMOUS, request=request, targets=[f"user:{alice.pk}"])
    assert personal_data(Entry.objects.get(pk=pk).said) == {"address": "2001:db8::7"}
    done(Target("user", str(alice.pk)))
    assert personal_data(Entry.objects.get(pk=pk).said) == {}


def test_one_submission() -> None:
    send(*about_anna())
    group = arrivals(about_anna()[2:3])
    target = Target.of_submission(str(Submission.objects.order_by("number")[2].pk))
    assert done(target).counts["bodies"] == 1
    assert entry().targets[0] == str(target)
    assert group and found("no-income", "reviewer-rita") == set()
    for text in ("", "nonsense", "019127df-00a2-743c-b714-df7e6dcadb2b"):
        with pytest.raises(NoTarget):
            Target.of_submission(text)


@pytest.mark.parametrize(
    "text", ["", "user:", "user:x", "subject:aa", "subject:" + "g" * 64, "entry:1", "user", "a:b:c"]
)
def test_what_names_nobody_is_no_target(text: str) -> None:
    with pytest.raises(NoTarget):
        Target.parse(text)
    assert str(Target.parse("subject:" + "AB" * 32)) == "subject:" + "ab" * 32


@pytest.mark.django_db(transaction=True)
def test_what_a_restored_backup_brings_back_goes_again(settings: Any) -> None:
    alice, _ = personas.alice(), personas.dave()
    done(anna())
    done(Target("user", str(alice.pk)))
    kept = (settings.VAR / "erased").read_text()
    assert ANNA not in kept and "alice" not in kept
    assert [json.loads(line)["target"] for line in kept.splitlines()] == [str(anna()), f"user:{alice.pk}"]
    assert owed() == {}
    # an older backup is restored: what was erased is there, and of the erasure the file alone knows
    with transaction.atomic():
        send(*about_anna())
        User.objects.filter(pk=alice.pk).update(email="alice@bank.example", name="Alice Adler")
        Erasure.objects.all().delete()
    assert set(owed()) == {anna(), Target("user", str(alice.pk))}
    assert erase_again() == 2
    for asked in Erasure.objects.all():
        run_erasure(str(asked.pk))
    assert found(*CLEAR, "Alice Adler") == set() and owed() == {}
    assert Erasure.objects.filter(ground=Ground.RESTORED).count() == 2


def test_without_the_file_the_log_knows(settings: Any) -> None:
    done(anna())
    (settings.VAR / "erased").unlink(missing_ok=True)
    send(*about_anna())
    assert set(owed()) == {anna()}
    assert UUID(str(Erasure.objects.get().pk))
