"""What is never written to a log."""

import pytest

from factory.kit.logs import blot_out


@pytest.mark.parametrize(
    "name", ["password", "SECRET_KEY", "token", "Authorization", "api_key", "DATABASE_URL"]
)
def test_values_of_secret_names(name: str) -> None:
    assert blot_out(None, "info", {"event": "x", name: "hunter2"})[name] == "…"


@pytest.mark.parametrize(
    "text",
    [
        "refused Bearer plb_hunter2",
        "Authorization: Basic hunter2==",
        "connection to postgresql://plumbline:hunter2@db/plumbline failed",
    ],
)
def test_secrets_inside_texts(text: str) -> None:
    assert "hunter2" not in str(blot_out(None, "info", {"event": text}))


def test_the_rest_stays() -> None:
    event = {"event": "stored", "submission": "0192", "bytes": 12, "url": "https://example.org/a"}
    assert blot_out(None, "info", dict(event)) == event
