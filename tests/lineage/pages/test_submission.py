import hashlib
import json

import pytest
from django.test import Client

from lineage.intake.models import BodyKey
from lineage.pages.submission import laid_out
from tests.lineage.pages import told

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("pointer", "marked"),
    [
        ("/a/1/b~1c", '"here"'),
        ("/a/0", "1"),
        ("/~0d", "null"),
        # what is missing is marked where it should have been
        ("/a/1/missing", '{\n      "b/c": "here"\n    }'),
        ("/nothing", ""),
        ("", ""),
    ],
)
def test_the_offending_place_is_marked(pointer: str, marked: str) -> None:
    value = {"a": [1, {"b/c": "here"}], "~d": None}
    body = laid_out(json.dumps(value).encode(), pointer)
    assert body.marked == marked
    assert body.before + body.marked + body.after == json.dumps(value, indent=2)


@pytest.mark.parametrize("raw", [b"{broken", b"\xff\xfe", b"", b"[" * 100_000, b"1" * 10_000])
def test_a_body_that_is_no_json_is_shown_as_text(raw: bytes) -> None:
    assert not laid_out(raw, "/a").marked


def test_a_long_body_is_cut_around_the_place() -> None:
    body = laid_out(json.dumps({"x": "y" * 500_000, "here": "found"}).encode(), "/here")
    assert body.cut and body.marked == '"found"' and len(body.before) < 200_001


def test_a_submission_shows_its_digest_readings_body_and_edges(alice: Client) -> None:
    arrival = told.run("load", reads=("raw",), writes=("clean",))
    page = alice.get(f"/submission/{arrival.id}/")
    text = page.content.decode()
    assert hashlib.sha256(arrival.body).hexdigest() in text
    assert {edge.kind for edge in page.context["edges"]} == {"read", "wrote"}
    assert "accepted" in text and "RunEvent" in text
    body = alice.get(f"/submission/{arrival.id}/body/")
    assert body.content == arrival.body and "attachment" in body["Content-Disposition"]


def test_a_strangers_body_is_text_never_markup(alice: Client) -> None:
    arrival = told.tell("openlineage", b'{"eventTime": "<script>alert(1)</script>"}', source="eve")
    assert b"<script>alert" not in alice.get(f"/submission/{arrival.id}/").content


def test_a_destroyed_body_is_said_to_be_destroyed(alice: Client) -> None:
    arrival = told.run("load", writes=("a",))
    BodyKey.objects.filter(submission=arrival.id).delete()
    assert b"The body was destroyed" in alice.get(f"/submission/{arrival.id}/").content
    assert alice.get(f"/submission/{arrival.id}/body/").status_code == 404


def test_the_page_costs_the_same_however_many_events_it_brought(
    alice: Client, django_assert_max_num_queries
) -> None:
    small = told.run("load", reads=("raw",), writes=("clean",))
    large = told.run(
        "load2", reads=tuple(f"r{i}" for i in range(40)), writes=tuple(f"w{i}" for i in range(40))
    )
    for arrival in (small, large):
        with django_assert_max_num_queries(9):
            alice.get(f"/submission/{arrival.id}/")
