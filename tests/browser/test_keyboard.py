"""What can be done without a mouse, and without scripts."""

from playwright.sync_api import expect

from tests import personas
from tests.browser.conftest import PageFor


def focused(page) -> str:
    return page.evaluate(
        "(document.activeElement.innerText || document.activeElement.getAttribute('aria-label')"
        " || document.activeElement.id).trim()"
    )


def test_a_slash_leads_to_the_search_field_and_typing_finds(page_for: PageFor) -> None:
    visitor = page_for(personas.alice)
    page = visitor.go("/")
    page.keyboard.press("/")
    assert focused(page) == "quick-search"
    page.keyboard.type("custo")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/?q=custo")
    page.keyboard.press("/")
    assert focused(page) == "q"
    # a slash that is typed into a field is a slash
    page.keyboard.type("load/")
    assert page.locator("#q").input_value() == "load/"
    page.locator("#q").fill("load_cust")
    expect(page.locator("#results").get_by_role("link", name="load_customers", exact=True)).to_be_visible()
    page.wait_for_url("**/search/?q=load_cust")
    assert visitor.said == []


def test_a_slash_works_in_a_narrow_window_too(page_for: PageFor) -> None:
    page = page_for(personas.alice, "narrow").go("/intake/")
    page.keyboard.press("/")
    page.wait_for_url("**/search/")


def test_the_first_stop_skips_to_the_content(page_for: PageFor) -> None:
    page = page_for(personas.alice).go("/")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_focus_can_be_seen(page_for: PageFor) -> None:
    page = page_for(personas.alice).go("/")
    for _ in range(6):
        page.keyboard.press("Tab")
        outline = page.evaluate(
            "(s => s.outlineStyle + s.boxShadow)(getComputedStyle(document.activeElement))"
        )
        assert outline != "nonenone"


def test_the_menu_of_a_narrow_window_opens_and_closes(page_for: PageFor) -> None:
    page = page_for(personas.alice, "narrow").go("/")
    menu = page.get_by_role("navigation", name="Main")
    # The menu takes the focus one frame after it opens: whoever goes on before that loses their place.
    close = page.get_by_role("link", name="Close the menu")
    assert not menu.is_visible()
    page.get_by_role("link", name="Menu", exact=True).focus()
    page.keyboard.press("Enter")
    expect(menu).to_be_visible()
    expect(close).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).not_to_be_visible()
    page.get_by_role("link", name="Menu", exact=True).focus()
    page.keyboard.press("Enter")
    expect(close).to_be_focused()
    page.get_by_role("link", name="Inventory").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/inventory/dataset/")


def test_a_chip_is_taken_off(page_for: PageFor) -> None:
    page = page_for(personas.alice).go("/inventory/dataset/")
    page.get_by_label("Name begins with").fill("cust")
    page.keyboard.press("Enter")
    page.wait_for_url("**name=cust**")
    chip = page.get_by_role("link", name="Name begins with: cust")
    chip.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/inventory/dataset/?")
    assert page.get_by_role("table").get_by_role("row").count() > 10


def test_everything_works_without_scripts(page_for: PageFor) -> None:
    page = page_for(personas.dave, scripts=False).go("/")
    assert page.get_by_role("region", name="Events per hour, table").is_visible()
    page.get_by_role("button", name="Dark").click()
    assert page.locator("html").get_attribute("data-bs-theme") == "dark"
    page.goto(page.url + "search/")
    page.get_by_label("Words, the beginning of a name").fill("load_cust")
    page.get_by_role("main").get_by_role("button", name="Search").click()
    page.get_by_role("link", name="load_customers", exact=True).click()
    assert page.get_by_role("heading", level=1).inner_text() == "load_customers"
    page.goto(page.url.split("/node/")[0] + "/connect/?tool=curl")
    page.get_by_label("The source's name").fill("by-hand")
    page.get_by_role("button", name="Make a token").click()
    page.get_by_role("link", name="Look now").click()
    assert "by-hand" in page.get_by_role("heading", level=1).inner_text()


def test_the_menu_of_a_narrow_window_opens_without_scripts(page_for: PageFor) -> None:
    page = page_for(personas.alice, "narrow", scripts=False).go("/")
    page.get_by_role("link", name="Menu", exact=True).click()
    assert page.get_by_role("navigation", name="Main").is_visible()
