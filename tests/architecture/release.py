"""`python -m tests.architecture.release`: what else must hold before a release, beside the tests."""

import base64
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from governance.audit.signing.private_keys import new_key

HOME = Path(__file__).resolve().parent.parent.parent
PRODUCTION = {
    "PLUMBLINE_MODE": "production",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "BODY_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "LOG_KEY": new_key("plumbline.example"),
    "ALLOWED_HOSTS": "plumbline.example",
    "PUBLIC_URL": "https://plumbline.example",
}


def manage(*arguments: str, **environ: str) -> None:
    """Run manage.py; raises subprocess.CalledProcessError where it fails."""
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=HOME, env=os.environ | environ, check=True)


def settings_for_production() -> None:
    """Django's own deployment checks find nothing in settings made up for production."""
    manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)


def migrations() -> None:
    """The models are what the migrations make."""
    manage("makemigrations", "--check", "--dry-run")


def openapi() -> None:
    """The description of the interface has no gaps and is valid OpenAPI 3.1."""
    from openapi_spec_validator import validate

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "openapi.json"
        manage("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", "--file", str(file))
        validate(json.loads(file.read_text()))


CHECKS: tuple[Callable[[], None], ...] = (settings_for_production, migrations, openapi)


def main() -> int:
    """Run every check; return the exit code."""
    os.environ.setdefault("PLUMBLINE_VAR", str(HOME / "build" / "test"))
    failed = 0
    for check in CHECKS:
        try:
            check()
        except subprocess.CalledProcessError as problem:
            failed += 1
            print(f"{check.__name__}: failed (exit code {problem.returncode})", flush=True)
        else:
            print(f"{check.__name__}: ok", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
