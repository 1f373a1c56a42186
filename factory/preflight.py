"""What is looked at before anything starts. Each check raises `Unfit` with one line to act on."""

import errno
import os
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

OLDEST_PYTHON = (3, 11)


class Unfit(Exception):
    """Plumbline can't start here; the text says why, in one line."""


def check_python() -> None:
    """Raise Unfit where Python is older than Plumbline can use."""
    if sys.version_info < OLDEST_PYTHON:
        raise Unfit(f"Plumbline needs Python {'.'.join(map(str, OLDEST_PYTHON))} or newer")


def var_folder() -> Path:
    """Return the folder for everything that is kept, made where it is missing; Unfit if not writable."""
    var = Path(os.environ.get("PLUMBLINE_VAR") or Path(__file__).parent.parent / "var").resolve()
    try:
        var.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=var):
            pass
        for folder in ("log", "run", "keys"):
            (var / folder).mkdir(exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=var / folder):
                pass
    except OSError as problem:
        raise Unfit(
            f"the folder {var} can't be written ({problem.strerror}); set PLUMBLINE_VAR to one that can"
        ) from None
    return var


def settings() -> Any:
    """Return Django's settings; Unfit where a value in the environment makes no sense."""
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "factory.settings")
    try:
        _ = settings.DEBUG  # reads them
    except (ImproperlyConfigured, ValueError, OSError) as problem:
        raise Unfit(f"the settings are not right: {problem}") from None
    return settings


def check_port_number(text: str) -> None:
    """Raise Unfit where `text`, if there is any, is no number of a port."""
    if text and not (text.isdecimal() and 0 < int(text) < 65536):
        raise Unfit(f"PORT is a number from 1 to 65535, not {text!r}")


def check_port(host: str, port: int, patience: float = 0) -> None:
    """Raise Unfit where the port can't be listened on; after a kill it may need a moment to get free."""
    deadline = time.monotonic() + patience
    while problem := _listen(host, port):
        if problem.errno == errno.EADDRINUSE and time.monotonic() < deadline:
            time.sleep(0.2)
        elif problem.errno == errno.EADDRINUSE:
            raise Unfit(f"port {port} is in use; stop what listens there, or set PORT to another")
        else:
            raise Unfit(f"can't listen on {host} port {port} ({problem.strerror or problem})")


def _listen(host: str, port: int) -> OSError | None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
            trial.listen()
    except OSError as problem:
        return problem
    return None


def check_database(url: str) -> None:
    """Raise Unfit where the database of DATABASE_URL doesn't answer, or is too old."""
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            version = connection.info.server_version
    except psycopg.Error as problem:
        reason = " ".join(str(problem).split())
        raise Unfit(f"the database of DATABASE_URL doesn't answer: {reason}") from None
    if version < 150000:
        raise Unfit(f"Plumbline needs PostgreSQL 15 or newer; DATABASE_URL has {version // 10000}")


def check_broker(url: str) -> None:
    """Raise Unfit where the broker of CELERY_BROKER_URL doesn't answer."""
    from kombu import Connection

    try:
        with Connection(url, connect_timeout=5) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=5)
    except Exception as problem:  # every transport raises its own
        reason = " ".join(str(problem).split())
        raise Unfit(f"the broker of CELERY_BROKER_URL doesn't answer: {reason}") from None
