"""Timestamps against a real authority: `openssl ts`."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, decode_timestamp_response

from governance.audit.tlog.timestamp import TimestampError, read_certificates, verify
from governance.audit.witness.exchange import Unreachable
from governance.audit.witness.timestamp import request
from tests.governance.audit.tlog.logs import log_of
from tests.governance.audit.witness.authority import Authority
from tests.governance.audit.witness.witnesses import answering, http

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to stamp with")
NOTE = log_of(300).files["checkpoint"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def token(authority: Authority) -> bytes:
    query = TimestampRequestBuilder().data(NOTE).hash_algorithm(HashAlgorithm.SHA256).build()
    return authority.answer(query.as_bytes())


def test_a_timestamp_is_asked_for_and_verified(authority: Authority) -> None:
    with authority.served() as url:
        stamp = request(url, NOTE, [authority.root])
    assert abs(stamp.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert stamp.at.tzinfo is UTC
    assert stamp.authority == "CN=Test Authority"
    assert verify(stamp.token, NOTE, [authority.root]) == stamp


def test_tools_of_others_verify_it(authority: Authority, token: bytes) -> None:
    (authority.folder / "note").write_bytes(NOTE)
    (authority.folder / "note.tsr").write_bytes(token)
    words = ["ts", "-verify", "-data", "note", "-in", "note.tsr", "-CAfile", "root.pem"]
    assert b"Verification: OK" in authority.openssl(*words)


def test_of_other_bytes(authority: Authority, token: bytes) -> None:
    with pytest.raises(TimestampError, match="Mismatch between messages"):
        verify(token, NOTE.replace(b"300", b"301"), [authority.root])


def test_of_an_older_question(authority: Authority, token: bytes) -> None:
    asked = decode_timestamp_response(token).tst_info.nonce
    assert verify(token, NOTE, [authority.root], nonce=asked)
    with pytest.raises(TimestampError, match="Nonce"):
        verify(token, NOTE, [authority.root], nonce=asked + 1)


def test_of_an_authority_that_nobody_trusts(authority: Authority, token: bytes, tmp_path: Path) -> None:
    other = Authority(tmp_path)
    with pytest.raises(TimestampError, match="does not hold: unable to get local issuer certificate"):
        verify(token, NOTE, [other.root])
    with pytest.raises(TimestampError):
        verify(token, NOTE, [])
    assert verify(token, NOTE, [other.root, authority.root])


def test_of_a_certificate_for_something_else(tmp_path: Path) -> None:
    query = TimestampRequestBuilder().data(NOTE).hash_algorithm(HashAlgorithm.SHA256).build().as_bytes()
    expired = Authority(tmp_path / "expired", begins=datetime.now(UTC) - timedelta(days=400))
    with pytest.raises(TimestampError, match="certificate has expired"):
        verify(expired.answer(query), NOTE, [expired.root])
    with pytest.raises(AssertionError, match=r"(?i)purpose|usage"):
        Authority(tmp_path / "web", purpose=ExtendedKeyUsageOID.SERVER_AUTH).answer(query)


def test_over_another_kind_of_hash(authority: Authority) -> None:
    query = TimestampRequestBuilder().data(NOTE).hash_algorithm(HashAlgorithm.SHA512).build()
    with pytest.raises(TimestampError, match="SHA-256"):
        verify(authority.answer(query.as_bytes()), NOTE, [authority.root])


def test_a_refusal(tmp_path: Path) -> None:
    only = Authority(tmp_path, config=Authority.config.replace("sha256, sha512", "sha512"))
    with only.served() as url, pytest.raises(TimestampError, match=r"refused: Message digest algorithm"):
        request(url, NOTE, [only.root])


def test_every_changed_byte_is_seen(authority: Authority, token: bytes) -> None:
    """Or changes nothing that anyone reads: neither the bytes stamped, nor the time, nor who signed."""
    genuine = verify(token, NOTE, [authority.root])
    read = 0
    for at in range(0, len(token), 3):
        for flip in (1, 0x80):
            changed = token[:at] + bytes([token[at] ^ flip]) + token[at + 1 :]
            try:
                found = verify(changed, NOTE, [authority.root])
            except TimestampError:
                continue
            read += 1
            assert (found.at, found.authority) == (genuine.at, genuine.authority)
    # The status and certificates that nothing refers to are not signed.
    assert read < len(token) / 10


@pytest.mark.parametrize(
    "nonsense", [b"", b"0", b"<html>", b"\x30\x03\x02\x01\x00", bytes(100), b"0" * (1 << 20 | 1)]
)
def test_nonsense(authority: Authority, nonsense: bytes) -> None:
    with pytest.raises(TimestampError):
        verify(nonsense, NOTE, [authority.root])


def test_a_cut_timestamp(authority: Authority, token: bytes) -> None:
    for length in range(0, len(token), 97):
        with pytest.raises(TimestampError):
            verify(token[:length], NOTE, [authority.root])
    with pytest.raises(TimestampError):
        verify(token + b"\0", NOTE, [authority.root])


def test_an_authority_that_is_none(authority: Authority) -> None:
    with answering(http(200, b"hello", "text/html")) as other, pytest.raises(Unreachable, match="text/html"):
        request(other.url, NOTE, [authority.root])
    with answering(http(500, b"")) as other, pytest.raises(Unreachable, match="answered 500"):
        request(other.url, NOTE, [authority.root])
    nonsense = http(200, b"hello", "application/timestamp-reply")
    with answering(nonsense) as other, pytest.raises(TimestampError):
        request(other.url, NOTE, [authority.root])


def test_certificates_to_trust(authority: Authority) -> None:
    pem = authority.root.public_bytes(Encoding.PEM)
    assert read_certificates(pem + pem) == (authority.root, authority.root)
    for nonsense in (b"", b"nonsense"):
        with pytest.raises(TimestampError):
            read_certificates(nonsense)
