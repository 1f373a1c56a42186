"""Timestamps of a third party over any bytes (RFC 3161), checked offline.

A timestamp says that the bytes existed at a time, by the word and key of an authority that keeps nothing of
the log. It is kept as the whole answer in DER, which `openssl ts -verify -in FILE.tsr` reads as well.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from rfc3161_client import TimeStampResponse, VerificationError, VerifierBuilder, decode_timestamp_response

#: The most bytes of an answer: a signature and a chain of certificates.
LARGEST_TIMESTAMP = 1 << 20
_VERIFY_ERROR = re.compile(r'"Verify error: ([^"]+)"')
_SHA256 = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")


class TimestampError(Exception):
    """Not a timestamp over these bytes by an authority that is trusted; the message says why."""


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A timestamp that was verified: `token` is the answer in DER, `at` the time that it states.

    `authority` is the subject of the certificate that signed it, as RFC 4514 spells it.
    """

    token: bytes
    at: datetime
    authority: str


def read_certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    """Return the certificates of a PEM file, those that are trusted. Raises TimestampError."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise TimestampError(f"no certificates in PEM: {error}") from error


def verify(
    token: bytes, content: bytes, trusted: Iterable[x509.Certificate], *, nonce: int | None = None
) -> Timestamp:
    """Check a timestamp over the SHA-256 of `content`, offline; with the `nonce` that was sent, if any.

    The signing certificate must lead to one of `trusted`, have been valid at the time stated and be meant
    for timestamps; revocation isn't looked up. Raises TimestampError.
    """
    if len(token) > LARGEST_TIMESTAMP:
        raise TimestampError(f"a timestamp has at most {LARGEST_TIMESTAMP} bytes")
    try:
        response = decode_timestamp_response(token)
        if response.status not in (0, 1):
            raise TimestampError(f"the authority refused: {_refusal(response)}")
        info = response.tst_info
        if info.message_imprint.hash_algorithm != _SHA256:
            raise TimestampError("it is not over a SHA-256")
        builder = VerifierBuilder(roots=list(trusted), nonce=nonce)
        builder.build().verify(response, hashlib.sha256(content).digest())
        return Timestamp(token, info.gen_time.astimezone(UTC), _authority(response))
    except (VerificationError, ValueError) as error:
        raise TimestampError(f"the timestamp does not hold: {_plain(error)}") from error


def _plain(error: Exception) -> str:
    """Return what OpenSSL said, without its stack."""
    said = _VERIFY_ERROR.search(str(error))
    return said[1] if said else str(error).partition(": ErrorStack")[0]


def _refusal(response: TimeStampResponse) -> str:
    return " ".join(response.status_string)[:300] or f"status {response.status}"


def _authority(response: TimeStampResponse) -> str:
    """Return who signed, out of the certificates that came with the answer."""
    (signer,) = response.signed_data.signer_infos
    for der in response.signed_data.certificates:
        certificate = x509.load_der_x509_certificate(der)
        if (certificate.issuer, certificate.serial_number) == (signer.issuer, signer.serial_number):
            return certificate.subject.rfc4514_string()
    raise TimestampError("the certificate of the authority is missing")
