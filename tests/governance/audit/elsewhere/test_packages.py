"""What only the tests need is neither served nor needed to run."""

import json
import tomllib
from pathlib import Path

from django.conf import settings

HOME = Path(settings.BASE_DIR)


def test_no_package_for_tests_is_served() -> None:
    lock = json.loads((HOME / "package-lock.json").read_text())["packages"]
    only_tests = [HOME / path for path, package in lock.items() if package.get("dev")]
    assert HOME / "node_modules/@sigstore/verify" in only_tests
    for served in settings.STATICFILES_DIRS:
        folder = Path(str(served[1] if isinstance(served, tuple) else served))
        for package in only_tests:
            assert folder not in (package, *package.parents)
            assert package not in folder.parents


def test_no_package_for_tests_is_needed_to_run() -> None:
    project = tomllib.loads((HOME / "pyproject.toml").read_text())
    assert not [each for each in project["project"]["dependencies"] if each.startswith("pymerkle")]
    for path in (HOME / "governance").rglob("*.py"):
        assert "pymerkle" not in path.read_text(), path
