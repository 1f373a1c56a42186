"""Envelope encryption of data at rest, and digests that only this installation can make.

Data lies under a key of its own (AES-256-GCM), that key wrapped by another one (RFC 3394). Whoever destroys
the wrapped key destroys the data, wherever copies of them lie. All keys hang on the installation's (setting
BODY_KEY), which is never in the database.
"""

import hashlib
import hmac
import os
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from django.conf import settings

_NONCE = 12


@lru_cache(maxsize=8)
def _derived(secret: str, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, None, f"plumbline {purpose}".encode()).derive(secret.encode())


def key_for(purpose: str) -> bytes:
    """Return the installation's key for one purpose, 32 bytes (RFC 5869)."""
    return _derived(settings.BODY_KEY, purpose)


def digest(name: str) -> bytes:
    """Return the keyed digest that stands for a person's name, e.g. `user:<id>`: HMAC-SHA256, 32 bytes.

    A plain hash would tell a name to everybody who guesses it.
    """
    return hmac.digest(key_for("subject digests"), name.encode(), hashlib.sha256)


def new_key(under: bytes) -> tuple[bytes, bytes]:
    """Return a new key of 32 bytes, and the key wrapped."""
    key = os.urandom(32)
    return key, wrap(key, under)


def wrap(key: bytes, under: bytes) -> bytes:
    """Return the key wrapped (RFC 3394)."""
    return aes_key_wrap(under, key)


def unwrap(wrapped: bytes, under: bytes) -> bytes:
    """Return a wrapped key. Raises InvalidUnwrap where it was wrapped by another one."""
    return aes_key_unwrap(under, wrapped)


def encrypt(key: bytes, clear: bytes, bound: bytes) -> bytes:
    """Return the data sealed; `bound`, what they belong to, is authenticated with them."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, clear, bound)


def decrypt(key: bytes, box: bytes, bound: bytes) -> bytes:
    """Return what `encrypt` sealed. Raises InvalidTag where it was changed or belongs to something else."""
    return AESGCM(key).decrypt(box[:_NONCE], box[_NONCE:], bound)
