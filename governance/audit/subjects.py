"""Data of people in entries: sealed under a key of the person's, which can be destroyed.

An entry never changes, so what has to be erasable must not stand in it in clear. It is sealed with
AES-256-GCM under the key of its subject; that key is wrapped (RFC 3394) by a key derived from the
installation's. Without the key's row nobody can read it again, and the log still verifies.
"""

import base64
import hashlib
import hmac
import json
import os
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from django.conf import settings
from django.utils import timezone

from factory.kit.bulk import fetch
from factory.kit.canonical import canonical

_NONCE = 12


@lru_cache(maxsize=8)
def _derived(secret: str, purpose: str) -> bytes:
    """A key for one purpose (RFC 5869): 32 bytes."""
    return HKDF(SHA256(), 32, None, f"plumbline {purpose}".encode()).derive(secret.encode())


def digest(subject: str) -> bytes:
    """Return the keyed digest by which a subject, e.g. `user:<id>`, is named: HMAC-SHA256, 32 bytes."""
    return hmac.digest(_derived(settings.BODY_KEY, "subject digests"), subject.encode(), hashlib.sha256)


def seal(subject: str, data: dict[str, Any]) -> dict[str, str]:
    """Return `{"subject": hex digest, "data": base64}`; makes the subject's key where it has none."""
    named, nonce = digest(subject), os.urandom(_NONCE)
    box = AESGCM(_key(named) or _new_key(named)).encrypt(nonce, canonical(data), named)
    return {"subject": named.hex(), "data": base64.b64encode(nonce + box).decode()}


def unseal(sealed: dict[str, str]) -> dict[str, Any] | None:
    """Return what `seal` was given; None where the key was destroyed."""
    named = bytes.fromhex(sealed["subject"])
    if (key := _key(named)) is None:
        return None
    box = base64.b64decode(sealed["data"])
    clear: dict[str, Any] = json.loads(AESGCM(key).decrypt(box[:_NONCE], box[_NONCE:], named))
    return clear


def _key(named: bytes) -> bytes | None:
    rows = fetch("SELECT wrapped FROM governance_subjectkey WHERE digest = %s", [named])
    return aes_key_unwrap(_derived(settings.BODY_KEY, "subject keys"), bytes(rows[0][0])) if rows else None


def _new_key(named: bytes) -> bytes:
    key = os.urandom(32)
    wrapped = aes_key_wrap(_derived(settings.BODY_KEY, "subject keys"), key)
    made = fetch(
        """INSERT INTO governance_subjectkey (digest, wrapped, made_at) VALUES (%s, %s, %s)
           ON CONFLICT DO NOTHING RETURNING 1""",
        [named, wrapped, timezone.now()],
    )
    # Somebody else made it meanwhile.
    return key if made else _key(named) or _new_key(named)
