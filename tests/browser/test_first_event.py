"""The snippets of Connect a source, pasted as they are, and the page that sees their event arrive."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests import personas
from tests.browser.conftest import PageFor


def snippets(page: Page, tool: str) -> list[str]:
    """Make a token for the tool and return what the page says to paste."""
    page.get_by_label("The source's name").fill(f"first-{tool}")
    page.get_by_role("button", name="Make a token").click()
    page.get_by_text("Waiting for the first event").wait_for()
    return page.locator(".snippet code").all_inner_texts()


@pytest.mark.parametrize("tool", ["curl", "cloudevents"])
def test_what_is_pasted_into_a_shell_arrives(page_for: PageFor, tool: str) -> None:
    visitor = page_for(personas.dave)
    page = visitor.go(f"/connect/?tool={tool}")
    [command] = snippets(page, tool)
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    expect(page.get_by_text("Your first event arrived")).to_be_visible(timeout=10_000)
    page.get_by_role("link", name="See what became of it").click()
    assert "accepted" in page.get_by_role("region", name="Readings, table").inner_text()
    assert visitor.said == []


def test_the_python_client_arrives(page_for: PageFor, tmp_path: Path) -> None:
    pytest.importorskip("openlineage.client")
    page = page_for(personas.dave).go("/connect/?tool=python")
    _, config, program = snippets(page, "python")
    (tmp_path / "openlineage.yml").write_text(config)
    (tmp_path / "first.py").write_text(program)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OPENLINEAGE")}
    ran = subprocess.run(
        [sys.executable, "first.py"], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    expect(page.get_by_text("Your first event arrived")).to_be_visible(timeout=10_000)
