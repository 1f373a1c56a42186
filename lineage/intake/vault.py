"""Bodies at rest: encrypted under a key of their own, which can be destroyed.

A body lies under its own key, that key wrapped by the key of the month, that one by the installation's
(setting BODY_KEY; see `factory.kit.sealing`). Destroying a BodyKey row destroys one body, destroying a
PeriodKey row a month of them.
"""

import base64
import hashlib
import os
import zlib
from datetime import date
from functools import lru_cache

from django.conf import settings

from factory.kit.bulk import fetch_often
from factory.kit.sealing import decrypt, encrypt, new_key, unwrap
from lineage.intake.models import BodyKey, PeriodKey, Submission


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
    return unwrap(wrapped, _installation_key(text))


def period_key(day: date) -> tuple[int, bytes]:
    """Return the id and the clear key of the day's month, making it where it is missing."""
    period = day.replace(day=1)
    rows = fetch_often("SELECT id, wrapped FROM lineage_periodkey WHERE period = %s", [period])
    if not rows:
        _, wrapped = new_key(_installation_key(settings.BODY_KEY))
        row, _ = PeriodKey.objects.get_or_create(period=period, defaults={"wrapped": wrapped})
        rows = [(row.pk, row.wrapped)]
    id_, wrapped = rows[0]
    return id_, _unwrapped(bytes(wrapped), settings.BODY_KEY)


def seal(body: bytes, submission_id: bytes) -> tuple[bytes, bytes]:
    """Return (the sealed body, its key, to be wrapped). The submission's id is authenticated with it."""
    key = os.urandom(32)
    return encrypt(key, zlib.compress(body, 1), submission_id), key


def open_body(submission: Submission) -> bytes:
    """Return the body as it was received. Raises BodyDestroyed."""
    row = BodyKey.objects.select_related("period").filter(submission=submission).first()
    if row is None:
        raise BodyDestroyed(str(submission.pk))
    key = unwrap(bytes(row.wrapped), _unwrapped(bytes(row.period.wrapped), settings.BODY_KEY))
    return zlib.decompress(decrypt(key, bytes(submission.body), submission.pk.bytes))
