"""The keys of a log: which sign now, and which ever did.

LOG_KEY holds the private keys; the record (`LogKey`) says whose turn it is. Where they don't agree nothing is
signed: a key comes into use by `begin_log.py` or `rotate_key.py`, and not by a changed setting.
"""

import os
import stat
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

import structlog
from django.conf import settings
from django.utils import timezone

from governance.audit.models import Checkpoint, Log, LogKey, Place
from governance.audit.signing.private_keys import BadKey, PrivateKey, read_keys
from governance.audit.tlog.notes import Ed25519Signer, Signer, VerifierKey

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A public key of a log: it signs from `since` until `until` (None: no end is set)."""

    key: VerifierKey
    since: datetime
    until: datetime | None
    current: bool


def held() -> tuple[Signer, ...]:
    """Return what the private keys in LOG_KEY sign with, in their order. Raises BadKey."""
    return _opened(settings.LOG_KEY)


def signers(log: Log | None = None) -> tuple[Signer, ...]:
    """Return what signs the checkpoints of `log` (the current one) now, the current key first.

    For a while after a rotation the former key signs too, so that who knows only that one can follow.
    Before a log is begun this is the one key in LOG_KEY. Raises BadKey where LOG_KEY is not as the record
    has it, or can't be used.
    """
    log = log or Log.objects.order_by("-id").first()
    if log is None:
        return (first_key(),)
    if log.origin != settings.LOG_ORIGIN:
        raise BadKey(
            f"LOG_ORIGIN is {settings.LOG_ORIGIN}, but the log is {log.origin}: set it back, or begin a new "
            "log that cites this one (docs/keys.md)"
        )
    rows = _newest_first(log)[:2]
    if not rows:
        raise BadKey(f"there is no record of the keys of the log {log.origin}: this database is not whole")
    current, *former = rows
    signer = _find(current)
    if signer is None:
        raise BadKey(
            f"since {current.since:%Y-%m-%d %H:%M} UTC the log {log.origin} is signed with the key "
            f"{_short(current.verifier)}, which LOG_KEY doesn't hold: put it there and start again; another "
            "key is taken into use by `manage.py log_key rotate` (docs/keys.md)"
        )
    return (signer, *_former(former[0], current)) if former else (signer,)


def first_key() -> Signer:
    """Return the key that a log begins with. Raises BadKey where LOG_KEY holds more than one."""
    if len(held()) > 1:
        raise BadKey("a log begins with one key, and LOG_KEY holds several")
    return held()[0]


def published_keys(log: Log) -> list[PublishedKey]:
    """Return every key that ever signed for the log, newest first."""
    found, until = [], None
    for number, row in enumerate(_newest_first(log)):
        found.append(PublishedKey(row.verifier, row.since, until, current=number == 0))
        until = row.former_until
    return found


def verifier_keys(log: Log) -> tuple[VerifierKey, ...]:
    """Return the public keys that ever signed for the log, newest first."""
    return tuple(each.key for each in published_keys(log))


def is_handed_over(current: LogKey) -> bool:
    """Whether a checkpoint covers the entry of the rotation to this key; the former key signed that one."""
    if current.former_until is None or current.entry_id is None:
        return True
    place = Place.objects.filter(entry_id=current.entry_id).values("index")
    return Checkpoint.objects.filter(log_id=current.log_id, size__gt=place[:1]).exists()


def _former(former: LogKey, current: LogKey) -> tuple[Signer, ...]:
    """The key before the current one: it signs to the end of the overlap, and until it has handed over."""
    ends = current.former_until
    overlaps = ends is not None and timezone.now() < ends
    if not overlaps and is_handed_over(current):
        return ()
    if signer := _find(former):
        return (signer,)
    if not is_handed_over(current):
        raise BadKey(
            f"the key {_short(former.verifier)} has not handed over to {_short(current.verifier)} yet, and "
            "LOG_KEY doesn't hold it: put it back"
        )
    return ()


def _find(row: LogKey) -> Signer | None:
    return next((signer for signer in held() if signer.key == row.verifier), None)


def _newest_first(log: Log) -> list[LogKey]:
    return list(LogKey.objects.filter(log=log).order_by("-id"))


def _short(key: VerifierKey) -> str:
    return f"{key.name}+{key.key_id.hex()}"


def too_open() -> list[str]:
    """Return what is wrong with who may read the file of the private key, in sentences."""
    named = os.environ.get("LOG_KEY_FILE")
    file = Path(named) if named else settings.VAR / "keys" / "log_key"
    if (not named and os.environ.get("LOG_KEY")) or not file.exists():
        return []
    mode = stat.S_IMODE(file.stat().st_mode)
    if not mode & 0o077:
        return []
    return [f"{file} holds the log's private key, and others than its owner may read it (mode {mode:03o})"]


@cache
def _opened(text: str) -> tuple[Signer, ...]:
    for warning in too_open():
        _log.warning("the log's key is not kept well", why=warning)
    return tuple(_open(key) for key in read_keys(text))


def _open(key: PrivateKey) -> Signer:
    if isinstance(key, Ed25519Signer):
        return key
    from governance.audit.signing.pkcs11 import TokenSigner  # a library that few need

    return TokenSigner(settings.LOG_ORIGIN, key, settings.LOG_KEY_PIN)
