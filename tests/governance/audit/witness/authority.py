"""A timestamp authority of the test's own: certificates, and `openssl ts` behind a socket."""

import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CONFIG = """
[tsa]
default_tsa = a
[a]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
ess_cert_id_alg = sha256
clock_precision_digits = 0
"""
_NOW = datetime.now(UTC)


def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def _certificate(
    name: str, key: rsa.RSAPrivateKey, by: "tuple[x509.Name, rsa.RSAPrivateKey] | None", begins: datetime
) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by[0] if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
    )


@dataclass
class Authority:
    """An authority in `folder`; `root` is the certificate to trust. Ways to be a bad one are arguments."""

    folder: Path
    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.TIME_STAMPING
    begins: datetime = _NOW - timedelta(days=30)
    config: str = _CONFIG
    root: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        root_key, key = _key(), _key()
        root = _certificate(f"Root {self.folder}"[-64:], root_key, None, _NOW - timedelta(days=60))
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        self.root = root.add_extension(usage, critical=True).sign(root_key, hashes.SHA256())
        signer = _certificate("Test Authority", key, (self.root.subject, root_key), self.begins)
        signer = signer.add_extension(x509.ExtendedKeyUsage([self.purpose]), critical=True)
        (self.folder / "root.pem").write_bytes(self.root.public_bytes(Encoding.PEM))
        certificate = signer.sign(root_key, hashes.SHA256())
        (self.folder / "tsa.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.folder / "tsa.key").write_bytes(private)
        (self.folder / "config").write_text(self.config)
        (self.folder / "serial").write_text("01\n")

    def openssl(self, *words: str) -> bytes:
        done = subprocess.run(["openssl", *words], cwd=self.folder, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def answer(self, query: bytes) -> bytes:
        """What the authority answers to a query, both in DER."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            asked, reply = Path(folder) / "query", Path(folder) / "reply"
            asked.write_bytes(query)
            words = ["ts", "-reply", "-config", "config", "-queryfile", str(asked), "-out", str(reply)]
            self.openssl(*words, "-signer", "tsa.pem", "-inkey", "tsa.key")
            return reply.read_bytes()

    @contextmanager
    def served(self) -> Iterator[str]:
        """Yield the address of the authority, behind a socket of this machine."""
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.headers["Content-Type"] == "application/timestamp-query"
                reply = authority.answer(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/tsa"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
