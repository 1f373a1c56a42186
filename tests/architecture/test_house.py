"""The rules of the house that a program can check."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings

HOME = Path(settings.BASE_DIR)
CODE = [HOME / "factory", HOME / "lineage", HOME / "governance"]
MOST_LINES = 400
#: A few lines more are no reason to tear a module apart.
TOLERANCE = 20
NOT_OURS = {".git", ".venv", "node_modules", "var", "build", "__pycache__"}
#: Addresses of package registries, spelt so that this file doesn't hold one.
REGISTRIES = re.compile(
    "|".join(
        (
            r"pypi\.(python\.)?org/(simple|packages)",
            r"files\.pythonhosted",
            r"registry\.npm",
            r"registry\.yarn",
        )
    )
)
FORBIDDEN_MODULES = {"utils.py", "helpers.py", "services.py"}


def modules() -> list[Path]:
    return [path for folder in CODE for path in folder.rglob("*.py") if "migrations" not in path.parts]


def test_layers_are_kept() -> None:
    """Imports point one way: `[tool.importlinter]` in pyproject.toml says which."""
    linted = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as lint; lint()",
            "--no-cache",
        ],
        cwd=HOME,
        capture_output=True,
        text=True,
    )
    assert linted.returncode == 0, linted.stdout[linted.stdout.find("Broken contracts") :]


def test_a_module_is_read_in_one_sitting() -> None:
    long = {
        str(path.relative_to(HOME)): lines
        for path in modules()
        if (lines := len(path.read_text().splitlines())) > MOST_LINES + TOLERANCE
    }
    assert not long


def test_modules_are_named_for_what_they_do() -> None:
    assert not [str(path) for path in modules() if path.name in FORBIDDEN_MODULES]


def test_every_room_says_what_it_keeps() -> None:
    rooms = [
        folder
        for app in CODE
        for folder in app.iterdir()
        if (folder / "__init__.py").exists()
        and folder.name not in ("migrations", "management", "templatetags")
    ]
    assert [str(room.relative_to(HOME)) for room in rooms if not (room / "README.md").exists()] == []


def test_models_of_lineage_know_nothing_above_them() -> None:
    for model in apps.get_app_config("lineage").get_models():
        for field in model._meta.get_fields():
            if field.related_model is not None:
                assert field.related_model._meta.app_label == "lineage", f"{model.__name__}.{field.name}"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements.node.lock", "package-lock.json"])
def test_what_is_installed_is_pinned_by_digest(name: str) -> None:
    text = (HOME / name).read_text()
    if name.endswith(".json"):
        assert text.count('"integrity"') == text.count('"node_modules/')
    else:
        wanted = re.findall(r"^([\w.\-\[\]]+==\S+).*\n((?:    --hash=.*\n?)+)", text, re.MULTILINE)
        assert len(wanted) == len(re.findall(r"^\w", text, re.MULTILINE))


def test_no_file_names_a_registry() -> None:
    """Where packages come from is the machine's affair."""
    found = []
    for path in HOME.rglob("*"):
        if (
            NOT_OURS & set(path.relative_to(HOME).parts)
            or not path.is_file()
            or path.stat().st_size > 3_000_000
        ):
            continue
        if REGISTRIES.search(path.read_bytes().decode(errors="ignore")):
            found.append(str(path.relative_to(HOME)))
    assert found == []
