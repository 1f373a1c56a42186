"""Addresses: how long is waited, what is trusted, where the token goes."""

import datetime
import ipaddress
import ssl
import time
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from governance.audit.tlog.checkpoint import Checkpoint
from governance.audit.tlog.edge import Edge
from governance.audit.tlog.merkle import leaf_hash
from governance.audit.verify.__main__ import main
from governance.audit.verify.asked import Trust
from governance.audit.verify.check import verify
from governance.audit.verify.live import Live
from governance.audit.verify.stores import Unreadable
from tests.governance.audit.tlog.logs import log_of, signer
from tests.governance.audit.verify.test_stores import reply, served

TRUST = Trust((signer().key,))
KEY = str(signer().key)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr("governance.audit.verify.live.sleep", waited.append)
    return waited


# --- waiting --------------------------------------------------------------------------------------------
def test_it_waits_as_long_as_it_is_asked_to(waits: list[float]) -> None:
    later = format_datetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=30), usegmt=True)
    answers = iter([(503, "7"), (429, later), (503, "soon"), (503, "-5"), (200, "")])

    def answer(handler: BaseHTTPRequestHandler) -> None:
        status, after = next(answers)
        reply(handler, status, b"content", **({"Retry-After": after} if after else {}))

    with served(answer) as url:
        assert Live(url).read("checkpoint", 100) == b"content"
    assert waits[0] == 7
    assert 27 < waits[1] <= 30
    assert waits[2:] == [2, 4]


def test_it_gives_up_at_once_where_it_would_wait_beyond_the_deadline() -> None:
    began = time.monotonic()
    with (
        served(lambda handler: reply(handler, 503, Retry_After="3600")) as url,
        pytest.raises(Unreadable, match=r"not done within 5 seconds.*503"),
    ):
        Live(url, deadline=5).read("checkpoint", 100)
    assert time.monotonic() - began < 3


def test_it_does_not_ask_for_ever(waits: list[float]) -> None:
    with (
        served(lambda handler: reply(handler, 503, Retry_After="86400")) as url,
        pytest.raises(Unreadable, match="503"),
    ):
        Live(url).read("checkpoint", 100)
    assert waits == [60] * 4


@pytest.mark.parametrize("part", ["head", "body", "nothing"])
def test_a_server_that_is_slow_in_every_way_ends_with_the_deadline(part: str, tmp_path: Path) -> None:
    """A byte now and then, in every answer and for as long as one listens."""

    def drip(handler: BaseHTTPRequestHandler) -> None:
        try:
            if part == "body":
                handler.send_response(200)
                handler.send_header("Content-Length", "1000")
                handler.end_headers()
            for _ in range(1000):
                if part != "nothing":
                    handler.wfile.write(b"x" if part == "body" else b"H")
                time.sleep(0.05)
        except OSError:
            pass

    began = time.monotonic()
    with served(drip) as url:
        assert main([url, "--key", KEY, "--timeout", "0.3", "--deadline", "1.5", "--quiet"]) == 2
    assert time.monotonic() - began < 4


def test_a_log_without_end_ends_with_the_deadline(capsys: pytest.CaptureFixture[str]) -> None:
    """Its key holder has signed a tree of 2**48 times the same entry: two files are all of it."""
    width, bundle = 256, b"\x00\x01x" * 256
    rows = [leaf_hash(b"x") * width]
    for _ in range(5):
        edge, _ = Edge().grown([rows[-1][:32]] * width)
        rows.append(edge.root() * width)
    top, _ = Edge().grown([rows[-1][:32]] * width)
    head = Checkpoint(signer().key.name, width**6, top.root()).sign(signer()).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        _, kind, *rest = handler.path.split("/")
        if kind == "checkpoint":
            reply(handler, 200, head)
        elif rest[0] == "entries":
            reply(handler, 200, bundle)
        elif handler.path.endswith(".p/1"):
            reply(handler, 200, top.root())
        else:
            reply(handler, 200, rows[int(rest[0])])

    began = time.monotonic()
    with served(answer) as url:
        assert main([url, "--key", KEY, "--deadline", "1"]) == 2
    assert time.monotonic() - began < 4
    assert "not done within 1 seconds: stopped before tile/" in capsys.readouterr().err


# --- the token ------------------------------------------------------------------------------------------
def test_the_token_comes_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = log_of(7).files

    def answer(handler: BaseHTTPRequestHandler) -> None:
        allowed = handler.headers["Authorization"] == "Bearer secret"
        content = files.get(handler.path.removeprefix("/"))
        reply(handler, 401 if not allowed else 404 if content is None else 200, content or b"")

    (tmp_path / "token").write_text("secret\n")
    with served(answer) as url:
        assert main([url, "--key", KEY, "--token-file", str(tmp_path / "token"), "--quiet"]) == 0
        monkeypatch.setenv("PLUMBLINE_TOKEN", "secret")
        assert main([url, "--key", KEY, "--quiet"]) == 0
        monkeypatch.setenv("PLUMBLINE_TOKEN", "")
        assert main([url, "--key", KEY]) == 2
    said = capsys.readouterr()
    assert "401" in said.err
    assert "secret" not in said.out + said.err


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("http://plumbline.example/tlog", "secret"),
        ("https://name:secret@plumbline.example/tlog", ""),
        ("https://plumbline.example/tlog", "se\ncret"),
        ("https://plumbline.example/tlog", "sécret"),
    ],
)
def test_where_no_token_goes(url: str, token: str) -> None:
    with pytest.raises(Unreadable) as raised:
        Live(url, token=token)
    assert "cret" not in str(raised.value)


# --- certificates ---------------------------------------------------------------------------------------
@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1, with its key, that no system trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private = key.private_bytes(pem, pkcs8, serialization.NoEncryption())
    (tmp_path / "certificate.pem").write_bytes(built.public_bytes(pem) + private)
    return tmp_path / "certificate.pem"


def test_https(certificate: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    files = log_of(700).export()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        content = files.get(handler.path.removeprefix("/"))
        reply(handler, 404 if content is None else 200, content or b"")

    with served(answer, context) as url:
        assert url.startswith("https://")
        with pytest.raises(Unreadable, match=r"not to be trusted: .*self.signed"):
            Live(url).read("checkpoint", 1000)
        assert not waits, "a certificate does not get better by waiting"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        report = verify(Live(url, token="secret"), TRUST)
        assert report.ok, report.findings
