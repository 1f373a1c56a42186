"""Erasing in a browser, also without JavaScript: looking, reading, confirming."""

import pytest
from playwright.sync_api import Page

from tests import personas
from tests.browser.conftest import LOOKS, PageFor, Visitor
from tests.browser.test_pages import sound
from tests.conformance.plant import Plant
from tests.lineage.intake.test_erase import ANNA, about_anna
from tests.lineage.stories import send


@pytest.fixture
def told(plant: Plant, django_db_blocker) -> None:
    with django_db_blocker.unblock(), plant.as_default():
        send(*about_anna())


def look_for(visitor: Visitor) -> Page:
    page = visitor.go("/erasure/")
    page.get_by_label("Which").fill(ANNA)
    page.get_by_label("Which").press("Enter")
    page.get_by_role("heading", name="Erase a data subject?").wait_for()
    assert ANNA not in page.url and ANNA not in page.content()
    return page


@pytest.mark.parametrize("look", LOOKS)
def test_the_plan_in_every_look(page_for: PageFor, told: None, look: str) -> None:
    visitor = page_for(personas.dave, look)
    visitor.go("/erasure/")
    sound(visitor)
    look_for(visitor)
    sound(visitor)


def test_the_act_without_scripts_and_what_came_of_it_in_every_look(page_for: PageFor, told: None) -> None:
    page = look_for(page_for(personas.dave, scripts=False))
    page.get_by_label("Ground").select_option("objection")
    page.get_by_label("Type “erase” to confirm").fill("erase")
    page.get_by_role("button", name="Erase for good").click()
    page.get_by_role("heading", name="What came of it").wait_for()
    for look in LOOKS:
        visitor = page_for(personas.alice, look)
        visitor.go(page.url.removeprefix(visitor.url))
        sound(visitor)
