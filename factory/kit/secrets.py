"""Secrets that an installation makes for itself and keeps beside its data."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def random_secret() -> str:
    """Return 32 random bytes, URL-safe base64."""
    return secrets.token_urlsafe(32)


def kept_secret(path: Path, make: Callable[[], str] = random_secret) -> str:
    """Return the secret kept in `path`; the first call lets `make` make it.

    Safe with any number of processes: exactly one of them makes the file, readable by its owner.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(f"{make()}\n")
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
