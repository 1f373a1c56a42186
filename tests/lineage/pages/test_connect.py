import re
from datetime import UTC, datetime

import pytest
from django.test import Client

from governance.people.models import ApiToken
from lineage.pages.connect import TOOLS
from tests.lineage.pages import told

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("tool", TOOLS)
def test_every_tool_has_a_snippet_with_the_address_and_the_new_token(dave: Client, tool: str) -> None:
    answer = dave.post("/connect/", {"tool": tool, "name": "My source's name"})
    issued = answer.context["issued"]
    snippets = "\n".join(step.snippet for step in answer.context["steps"])
    assert issued.secret in snippets and "http://testserver" in snippets and "YOUR_TOKEN" not in snippets
    assert "My-source-s-name" in snippets or tool == "python"
    assert "no-store" in answer["Cache-Control"]
    token = ApiToken.objects.get(name="My source's name")
    assert token.doors == [TOOLS[tool].door]


def test_the_secret_is_shown_once(dave: Client) -> None:
    secret = dave.post("/connect/", {"tool": "curl", "name": "shop"}).context["issued"].secret
    assert secret not in dave.get("/connect/?tool=curl").content.decode()


def test_a_name_that_is_taken_is_said_to_be_taken(dave: Client) -> None:
    dave.post("/connect/", {"tool": "curl", "name": "shop"})
    again = dave.post("/connect/", {"tool": "curl", "name": "shop"})
    assert again.status_code == 400 and b"already" in again.content


def test_only_an_administrator_makes_tokens(alice: Client) -> None:
    assert b"Only an administrator" in alice.get("/connect/").content
    assert alice.post("/connect/", {"tool": "curl", "name": "shop"}).status_code == 400
    assert not ApiToken.objects.exists()


def test_the_first_event_is_seen_to_arrive(dave: Client) -> None:
    page = dave.post("/connect/", {"tool": "curl", "name": "shop"}).content.decode()
    [again] = [found.replace("&amp;", "&") for found in re.findall(r'hx-get="([^"]+)"', page)]
    waiting = dave.get(again, headers={"HX-Request": "true"})
    assert (
        b"Waiting" in waiting.content and b"hx-trigger" in waiting.content and b"<html" not in waiting.content
    )
    told.run("load", writes=("a",), source="shop")
    there = dave.get(again, headers={"HX-Request": "true"})
    assert b"Your first event arrived" in there.content and b"hx-trigger" not in there.content
    assert b"<html" in dave.get(again).content


def test_a_refused_first_event_is_explained(dave: Client) -> None:
    told.tell("openlineage", b"{broken", source="shop")
    since = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
    answer = dave.get("/connect/arrived/", {"source": "shop", "door": "openlineage", "since": since})
    assert b"could not be understood" in answer.content


@pytest.mark.parametrize("since", ["", "never", "2026-13-99T00:00", "2026-01-01T00:00"])
def test_a_spoilt_address_is_answered_too(dave: Client, since: str) -> None:
    assert dave.get("/connect/arrived/", {"source": "\x00", "since": since}).status_code == 200
