"""Retention in a browser, also without JavaScript: reading it, a class, and placing and lifting a hold."""

from datetime import timedelta

import pytest
from django.utils import timezone

from factory.kit.recording import CONSOLE
from governance.audit.models import Log
from governance.audit.retention import classes as retention
from governance.audit.retention import holds, tally
from governance.audit.retention.models import Hold, Pruning, Scope, Stage
from governance.audit.sequencer import Sequencer
from tests import personas
from tests.browser.conftest import LOOKS, PageFor
from tests.browser.test_pages import sound
from tests.conformance.plant import Plant


@pytest.fixture
def told(plant: Plant, django_db_blocker) -> None:
    """Holds, standing and lifted, a trial, a pruning at work, and a class shorter than its basis asks."""
    with django_db_blocker.unblock(), plant.as_default():
        if Hold.objects.exists():
            return
        [logs, *_] = retention.classes()
        logs.months = 3
        retention.save(logs, reason="national law asks for less")
        Sequencer().round()
        tally.count(Log.objects.get())
        holds.place(Scope.NODE, node="model:credit/risk", reason="case 17 of the supervisory authority")
        holds.lift(holds.place(Scope.SOURCE, source="airflow", reason="audit"), reason="the audit is over")
        now = timezone.now()
        of = {"log": Log.objects.get(), "actor": list(CONSOLE), "asked_by": "the console", "counted_at": now}
        done = {"finished_at": now, "stage": Stage.DONE, "first_index": 0}
        Pruning.objects.create(**of, **done, trial=True, minimum_index=512, kept_by="entry 700 is kept")
        Pruning.objects.create(**of, **done, minimum_index=0, error="NotPublished: for 10 minutes no …")
        later = now + timedelta(hours=1)
        Pruning.objects.create(**of, stage=Stage.DELETING, total=900, done=300, alive_at=later)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("person", [personas.dave, personas.alice], ids=["administrator", "reader"])
def test_the_page_in_every_look(page_for: PageFor, told: None, look: str, person) -> None:
    visitor = page_for(person, look)
    visitor.go("/retention/")
    sound(visitor)


@pytest.mark.parametrize("look", LOOKS)
def test_the_forms_in_every_look(page_for: PageFor, told: None, look: str) -> None:
    visitor = page_for(personas.dave, look)
    for path in ("/retention/classes/new/", "/retention/holds/new/", "/retention/prune/"):
        visitor.go(path)
        sound(visitor)
    page = visitor.go("/retention/")
    page.get_by_role("link", name="Everything else").click()
    sound(visitor)
    page.get_by_label("Basis").fill("")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("alert").wait_for()
    sound(visitor, console=False)


def test_a_hold_without_scripts(page_for: PageFor, told: None) -> None:
    page = page_for(personas.dave, scripts=False).go("/retention/")
    page.get_by_role("link", name="Place a hold").click()
    page.get_by_label("Scope").select_option("time")
    page.get_by_label("From").fill("2026-03-01")
    page.get_by_label("Until, without").fill("2026-03-02")
    page.get_by_label("Reason").fill("case 18")
    page.get_by_role("button", name="Place the hold").click()
    page.get_by_text("stands from now on").wait_for()
    page.get_by_role("link", name="Lift the hold on 2026-03-01 00:00 to 2026-03-02 00:00 UTC").click()
    page.get_by_label("Why it is lifted").fill("settled")
    page.get_by_role("button", name="Lift the hold").click()
    page.get_by_text("is lifted").first.wait_for()
