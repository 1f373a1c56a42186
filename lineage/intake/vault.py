"""Bodies at rest: encrypted under a key of their own, which can be destroyed.

Envelope encryption: a body under its own AES-256-GCM key, that key wrapped (RFC 3394) by the key of
the month, that one wrapped by the installation's key (setting BODY_KEY). Destroying a BodyKey row
destroys one body, destroying a PeriodKey row a month of them.
"""

import base64
import hashlib
import os
import zlib
from datetime import date
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from django.conf import settings

from factory.kit.bulk import fetch
from lineage.intake.models import BodyKey, PeriodKey, Submission

_NONCE = 12


class BodyDestroyed(Exception):
    """The key of this body was destroyed, and with it the body."""


@lru_cache(maxsize=4)
def _installation_key(text: str) -> bytes:
    # any secret text makes a key; one of 32 bytes in base64 is used as it is
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raw = b""
    return raw if len(raw) == 32 else hashlib.sha256(text.encode()).digest()


@lru_cache(maxsize=16)
def _unwrapped(wrapped: bytes, text: str) -> bytes:
    return aes_key_unwrap(_installation_key(text), wrapped)


def period_key(day: date) -> tuple[int, bytes]:
    """Return the id and the clear key of the day's month, making it where it is missing."""
    period = day.replace(day=1)
    rows = fetch("SELECT id, wrapped FROM lineage_periodkey WHERE period = %s", [period])
    if not rows:
        wrapped = aes_key_wrap(_installation_key(settings.BODY_KEY), os.urandom(32))
        row, _ = PeriodKey.objects.get_or_create(period=period, defaults={"wrapped": wrapped})
        rows = [(row.pk, row.wrapped)]
    id_, wrapped = rows[0]
    return id_, _unwrapped(bytes(wrapped), settings.BODY_KEY)


def seal(body: bytes, submission_id: bytes, key_of_period: bytes) -> tuple[bytes, bytes]:
    """Return (the sealed body, its wrapped key). The submission's id is authenticated with it."""
    key, nonce = os.urandom(32), os.urandom(_NONCE)
    sealed = nonce + AESGCM(key).encrypt(nonce, zlib.compress(body, 1), submission_id)
    return sealed, aes_key_wrap(key_of_period, key)


def open_body(submission: Submission) -> bytes:
    """Return the body as it was received. Raises BodyDestroyed."""
    row = BodyKey.objects.select_related("period").filter(submission=submission).first()
    if row is None:
        raise BodyDestroyed(str(submission.pk))
    key = aes_key_unwrap(_unwrapped(bytes(row.period.wrapped), settings.BODY_KEY), bytes(row.wrapped))
    sealed = bytes(submission.body)
    clear = AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], submission.pk.bytes)
    return zlib.decompress(clear)
