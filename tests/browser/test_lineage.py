"""The lineage picture and "Trace a failure" in a real browser: every look, keyboard, no scripts, paper."""

import re
from urllib.parse import quote

import pytest

from tests import personas
from tests.browser.conftest import LOOKS, PageFor
from tests.browser.small_factory import CONFLICT, DATASET, DEPLOYMENT, INCIDENT
from tests.browser.test_pages import sound

VERSION = quote(CONFLICT)
PAGES = {
    "start": "/lineage/",
    "both ways": f"/lineage/?node={VERSION}",
    "provenance": f"/lineage/?node={quote(DEPLOYMENT)}&mode=provenance",
    "impact": f"/lineage/?node={VERSION}&mode=impact",
    "many": f"/lineage/?node={quote('dataset_version:bank/raw@unknown')}&depth=1",
    "not there": "/lineage/?node=dataset:bank/never",
    "what failed": "/failure/",
    "answer": f"/failure/?deployment={quote(DEPLOYMENT)}",
    "no such failure": "/failure/?node=nobody",
}
#: The boxes whose texts are wider than their room, and the lines that a box stands in the way of.
OVERFLOWS = """() => [...document.querySelectorAll('.picture .box svg text')]
    .filter(text => text.getBBox().width > Number(text.parentElement.getAttribute('width')) + 1)
    .map(text => text.textContent)"""
CROSSED = """() => {
    const boxes = [...document.querySelectorAll('.picture .box')].map(box => {
        const at = box.transform.baseVal.consolidate().matrix;
        const size = box.querySelector('.outline').getBBox();
        return [at.e + 1, at.f + 1, at.e + size.width - 1, at.f + size.height - 1];
    });
    return [...document.querySelectorAll('.picture .lines path')].filter(line => {
        const length = line.getTotalLength();
        for (let along = 2; along < length - 2; along += 4) {
            const p = line.getPointAtLength(along);
            if (boxes.some(([x1, y1, x2, y2]) => p.x > x1 && p.x < x2 && p.y > y1 && p.y < y2)) return true;
        }
        return false;
    }).map(line => line.textContent);
}"""


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_a_page_in_every_look(page_for: PageFor, path: str, look: str) -> None:
    visitor = page_for(personas.alice, look)
    visitor.go(path)
    # the browser itself puts an answer of 404 on the console
    sound(visitor, console="never" not in path and "nobody" not in path)


@pytest.mark.parametrize(
    "path", [PAGES["both ways"], PAGES["many"], f"/lineage/?node={quote(DATASET)}&depth=2"]
)
def test_texts_stay_in_their_boxes_and_lines_out_of_them(page_for: PageFor, path: str) -> None:
    page = page_for(personas.alice).go(path)
    assert page.locator(".picture .box").count() > 3
    assert page.evaluate(OVERFLOWS) == []
    assert page.evaluate(CROSSED) == []


def test_a_box_is_reached_and_followed_by_keyboard(page_for: PageFor) -> None:
    page = page_for(personas.alice).go(PAGES["both ways"])
    page.get_by_role("region", name="Lineage picture").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.box') !== null")
    page.locator(".picture").get_by_role("link", name=re.compile("^scoring deployment")).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**node=deployment**")
    assert page.get_by_role("heading", level=1).inner_text() == "Lineage of scoring"


def test_the_focus_is_scrolled_to_the_middle_and_zoom_works(page_for: PageFor) -> None:
    page = page_for(personas.alice).go(PAGES["many"])
    box = page.locator(".picture .box.focus").bounding_box()
    region = page.get_by_role("region", name="Lineage picture").bounding_box()
    assert box and region
    assert region["y"] <= box["y"] <= region["y"] + region["height"]
    before = page.locator("svg.picture[role=group]").bounding_box()
    page.get_by_role("button", name="Smaller").click()
    after = page.locator("svg.picture[role=group]").bounding_box()
    assert before and after
    assert after["width"] < before["width"]


def test_a_change_of_depth_swaps_the_picture_and_the_address(page_for: PageFor) -> None:
    visitor = page_for(personas.alice)
    page = visitor.go(PAGES["both ways"])
    page.evaluate("document.body.dataset.kept = 'yes'")
    page.get_by_label("Depth, in runs").fill("1")
    page.get_by_role("button", name="Show", exact=True).click()
    page.wait_for_url("**depth=1**")
    assert page.evaluate("document.body.dataset.kept") == "yes"
    assert page.locator("#lineage #lineage").count() == 0
    sound(visitor)


def test_everything_works_without_scripts(page_for: PageFor) -> None:
    page = page_for(personas.alice, scripts=False).go(PAGES["both ways"])
    page.get_by_label("Depth, in runs").fill("2")
    page.get_by_role("button", name="Show", exact=True).click()
    assert "depth=2" in page.url
    page.locator(".picture").get_by_role("link", name=re.compile("^Hide what lies beyond")).first.click()
    assert "collapsed=" in page.url
    page.get_by_label("Jump to a node in this picture").select_option(
        label="scoring, deployment · production · serving"
    )
    page.get_by_role("button", name="Put in the middle").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Lineage of scoring"
    page.goto(page.url.split("/lineage/")[0] + "/failure/")
    page.get_by_role("link", name=INCIDENT).click()
    assert "ran credit version 5" in page.locator("#answer").inner_text()


def test_on_a_narrow_screen_the_table_comes_first(page_for: PageFor) -> None:
    page = page_for(personas.alice, "narrow").go(PAGES["both ways"])
    table = page.get_by_role("region", name="The same as a table").bounding_box()
    picture = page.get_by_role("region", name="Lineage picture").bounding_box()
    assert table and picture
    assert table["y"] < picture["y"]


def test_on_paper_the_path_is_open_and_the_forms_are_gone(page_for: PageFor) -> None:
    page = page_for(personas.alice).go(PAGES["answer"])
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator("#answer").is_visible()
    assert page.locator("main details:not([open])").count() == 0
    assert not page.get_by_role("button", name="Trace", exact=True).is_visible()
