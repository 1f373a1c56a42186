"""Asks an authority for a timestamp (RFC 3161, section 3.4: over HTTP)."""

from collections.abc import Iterable

from cryptography import x509
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from governance.audit.tlog.timestamp import LARGEST_TIMESTAMP, Timestamp, verify
from governance.audit.witness.exchange import Unreachable, exchange

#: The most seconds for one question.
TIMEOUT = 20.0
_QUERY, _REPLY = "application/timestamp-query", "application/timestamp-reply"


def request(
    url: str, content: bytes, trusted: Iterable[x509.Certificate], *, timeout: float = TIMEOUT
) -> Timestamp:
    """Ask the authority at `url` for a timestamp over the SHA-256 of `content`, with a nonce; verify it.

    Raises Unreachable, or TimestampError where what came doesn't hold.
    """
    asked = TimestampRequestBuilder().data(content).hash_algorithm(HashAlgorithm.SHA256).build()
    answer = exchange(
        "POST",
        url,
        body=asked.as_bytes(),
        headers={"Content-Type": _QUERY, "Accept": _REPLY},
        most=LARGEST_TIMESTAMP,
        timeout=timeout,
    )
    if answer.status != 200:
        raise Unreachable(f"{url}: it answered {answer.status}")
    if answer.media_type != _REPLY:
        raise Unreachable(f"{url}: it answered {answer.media_type} instead of {_REPLY}")
    assert asked.nonce is not None
    return verify(answer.body, content, trusted, nonce=asked.nonce)
