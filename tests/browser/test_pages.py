"""Every page in every look: axe finds nothing, the console is silent, nothing is wider than the window."""

from urllib.parse import quote

import pytest

from lineage.intake.models import Submission
from tests import personas
from tests.browser import small_factory
from tests.browser.conftest import LOOKS, PageFor
from tests.conformance.plant import Plant

PAGES = {
    "overview": "/",
    "search, empty": "/search/",
    "search": "/search/?q=cust",
    "search, nothing": "/search/?q=nosuchthing",
    "inventory": "/inventory/dataset/",
    "inventory, narrowed": "/inventory/dataset/?name=cust&namespace=bank",
    "inventory, nothing": "/inventory/dataset/?name=nosuchthing",
    "runs": "/inventory/run/",
    "dataset": f"/node/?key={quote(small_factory.DATASET)}",
    "job": f"/node/?key={quote(small_factory.RUN_OF)}",
    "conflict": f"/node/?key={quote(small_factory.CONFLICT)}",
    "deployment": f"/node/?key={quote(small_factory.DEPLOYMENT)}",
    "no key": "/node/?key=nonsense",
    "intake": "/intake/",
    "sources": "/sources/",
    "source, numbers": "/sources/report/?door=cloudevents&name=till",
    "source, runs": "/sources/report/?door=openlineage&name=airflow",
    "source, nobody": "/sources/report/?door=openlineage&name=",
    "source, no numbers": "/sources/report/?door=cloudevents&name=catalogue&from=2026-01-01&to=2026-02-01",
    "connect": "/connect/?tool=spark",
    "first event": "/connect/arrived/?source=airflow&since=2026-01-01T00:00:00Z",
}


def sound(visitor, *, console: bool = True) -> None:
    assert visitor.violations() == []
    assert visitor.spills() <= 0
    if console:
        assert visitor.said == []


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_a_page_in_every_look(page_for: PageFor, path: str, look: str) -> None:
    visitor = page_for(personas.dave, look)
    visitor.go(path)
    # the browser itself puts an answer of 400 on the console
    sound(visitor, console="nonsense" not in path)


@pytest.mark.parametrize("look", LOOKS)
def test_a_submission_in_every_look(page_for: PageFor, plant: Plant, django_db_blocker, look: str) -> None:
    with django_db_blocker.unblock(), plant.as_default():
        broken = Submission.objects.filter(source="airflow-night").latest("id").pk
        whole = Submission.objects.filter(source="airflow").latest("id").pk
    visitor = page_for(personas.alice, look)
    for pk in (broken, whole):
        visitor.go(f"/submission/{pk}/")
        sound(visitor)


@pytest.mark.parametrize("look", LOOKS)
def test_the_new_token_and_the_wait_in_every_look(page_for: PageFor, look: str) -> None:
    visitor = page_for(personas.dave, look)
    page = visitor.go("/connect/?tool=python")
    page.get_by_label("The source's name").fill(f"notebook-{look}")
    page.get_by_role("button", name="Make a token").click()
    page.get_by_text("Waiting for the first event").wait_for()
    assert "plb_" in page.get_by_role("region", name="Keep this as openlineage.yml").inner_text()
    sound(visitor)


@pytest.mark.parametrize("look", LOOKS)
def test_reading_again_in_every_look(page_for: PageFor, look: str) -> None:
    visitor = page_for(personas.alice, look)
    page = visitor.go("/intake/?source=airflow-night")
    page.get_by_role("button", name="Read these again").click()
    assert "again?" in page.get_by_role("heading", level=1).inner_text()
    sound(visitor)
    page.get_by_role("button", name="Read again").click()
    assert "in the background" in page.get_by_role("status").first.inner_text()
    page.get_by_role("heading", name="Reading again").wait_for()
    sound(visitor)


@pytest.mark.parametrize("look", LOOKS)
def test_signing_in_in_every_look(page_for: PageFor, look: str) -> None:
    visitor = page_for(None, look)
    visitor.go("/")
    assert "/accounts/login/" in visitor.page.url
    sound(visitor)


def test_the_chart_is_drawn_and_can_be_read_as_a_table(page_for: PageFor) -> None:
    page = page_for(personas.alice).go("/")
    assert page.locator(".chart .bars path").count() > 0
    assert page.locator(".chart").get_attribute("aria-label")
    page.get_by_text("Read as table").click()
    assert page.get_by_role("region", name="Events per hour, table").is_visible()


def test_dark_is_chosen_and_kept(page_for: PageFor) -> None:
    visitor = page_for(personas.alice)
    page = visitor.go("/intake/")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Dark").click()
    assert page.url.endswith("/intake/")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
    sound(visitor)


def test_on_paper_there_is_the_content_alone(page_for: PageFor) -> None:
    page = page_for(personas.alice).go("/inventory/dataset/?name=cust")
    page.emulate_media(media="print")
    assert not page.get_by_role("navigation", name="Main").is_visible()
    assert not page.get_by_role("button", name="Apply").is_visible()
    assert page.get_by_role("link", name="customers").is_visible()
