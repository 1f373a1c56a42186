"""One spelling for one JSON value, so that equal bodies have equal digests."""

import hashlib
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="sorted")


def canonical(value: Any) -> bytes:
    """Return `value` as JSON with sorted keys and no white space.

    The spelling follows RFC 8785 except for numbers, which keep the digits that they came with: an
    integer beyond 2**53 stays exact, and 1.0 is not 1. It serves comparison inside Plumbline; what
    leaves the house signed is spelt by `rfc8785`.
    """
    return _encoder.encode(value)


def digest(value: Any) -> bytes:
    """Return the SHA-256 of `canonical(value)`, 32 bytes."""
    return hashlib.sha256(canonical(value)).digest()
