import re

import pytest
from django.conf import settings
from django.test import Client

pytestmark = pytest.mark.django_db
PAGES = ("/", "/search/?q=a", "/inventory/dataset/", "/intake/", "/connect/")


@pytest.mark.parametrize("path", PAGES)
def test_no_page_needs_what_the_content_security_policy_forbids(dave: Client, path: str) -> None:
    answer = dave.get(path)
    text = answer.content.decode()
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", text)
    # a script without an address holds data, and data is not run
    for attributes in re.findall(r"<script([^>]*)>", text):
        assert "src=" in attributes or 'type="application/json"' in attributes


def test_trial_mode_is_said_on_every_page(dave: Client, client: Client) -> None:
    assert settings.MODE == "trial"
    assert b"Trial mode" in dave.get("/").content
    assert b"Trial mode" in client.get(settings.LOGIN_URL and "/accounts/login/").content


def test_the_theme_is_kept_without_a_script(dave: Client) -> None:
    assert b'<html lang="en-GB">' in dave.get("/").content
    answer = dave.post("/theme/", {"theme": "dark", "next": "/intake/"})
    assert answer["Location"] == "/intake/"
    assert b'data-bs-theme="dark"' in dave.get("/").content
    dave.post("/theme/", {"theme": "auto"})
    assert b"data-bs-theme" not in dave.get("/").content


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_the_theme_leads_nowhere_else(dave: Client, elsewhere: str) -> None:
    assert dave.post("/theme/", {"theme": "dark", "next": elsewhere})["Location"] == "/"


def test_a_spoilt_theme_is_no_theme(dave: Client) -> None:
    dave.cookies["theme"] = '"><script>'
    assert b'<html lang="en-GB">' in dave.get("/").content


def test_the_menu_says_where_one_is(dave: Client) -> None:
    text = dave.get("/inventory/run/").content.decode()
    assert re.search(r'href="/inventory/dataset/" aria-current="page"', text)
