"""A real browser on the real web process, which holds a small factory; each test gets pages of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from playwright._impl._api_structures import SetCookieParam
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.conformance.plant import Plant, drop_database, make_database, named

if TYPE_CHECKING:
    from governance.people.models import User

    Person = Callable[[], User]

HOME = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
AXE = HOME / "node_modules/axe-core/axe.min.js"
#: What a page is walked through in.
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 320, "height": 640}, "color_scheme": "light"},
}


@pytest.fixture(scope="session")
def plant(
    tmp_path_factory: pytest.TempPathFactory, django_test_environment: None, django_db_blocker
) -> Iterator[Plant]:
    """The web process, on a database of its own, with the small factory told to it."""
    from tests.browser.small_factory import tell_it

    name = f"{settings.DATABASE_URL.rpartition('/')[2].partition('?')[0]}_browser"
    url = named(settings.DATABASE_URL, name)
    make_database(url)
    plant = Plant(url, tmp_path_factory.mktemp("plant"), workers=1)
    try:
        collect = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"]
        subprocess.run(collect, cwd=HOME, env=plant.environ(), check=True)
        with django_db_blocker.unblock(), plant.as_default():
            tell_it()
        plant.start()
        yield plant
    finally:
        plant.stop()
        drop_database(url)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.fail(f"the browser tests need Chromium; there is none at {CHROMIUM} (set CHROMIUM)")
    # Playwright keeps an event loop in this thread, which Django takes for asynchronous code
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@dataclass
class Visitor:
    """A page with somebody signed in, and what its console said."""

    page: Page
    url: str
    said: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        self.page.goto(self.url + path)
        self.page.wait_for_load_state("load")
        return self.page

    def violations(self) -> list[str]:
        """What axe-core finds wrong with the page as it stands, in words."""
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(r => r.violations)")
        return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]

    def spills(self) -> int:
        """By how many pixels the page is wider than its window."""
        return self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


PageFor = Callable[..., Visitor]


@pytest.fixture
def page_for(browser: Browser, plant: Plant, django_db_blocker) -> Iterator[PageFor]:
    """`page_for(personas.alice, look="dark", scripts=False)` opens a browser where Alice is signed in;
    `page_for(None)` one where nobody is."""
    contexts: list[BrowserContext] = []

    def open_page(person: "Person | None", look: str = "light", *, scripts: bool = True) -> Visitor:
        context = browser.new_context(**LOOKS[look], java_script_enabled=scripts, reduced_motion="reduce")
        contexts.append(context)
        if person is not None:
            with django_db_blocker.unblock(), plant.as_default():
                key = session_of(person())
            context.add_cookies([SetCookieParam(name=settings.SESSION_COOKIE_NAME, value=key, url=plant.url)])
        visitor = Visitor(context.new_page(), plant.url)
        visitor.page.on(
            "console", lambda m: visitor.said.append(m.text) if m.type in ("error", "warning") else None
        )
        visitor.page.on("pageerror", lambda error: visitor.said.append(str(error)))
        return visitor

    yield open_page
    for context in contexts:
        context.close()


def session_of(user: "User") -> str:
    """Sign a person in, and return the session's key."""
    from django.contrib.sessions.backends.db import SessionStore

    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)
