"""A token of SoftHSM 2 for the tests, as a device that holds keys: in a folder that can be pulled away."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType
from pkcs11.util.ec import encode_named_curve_parameters

MODULE = Path(os.environ.get("SOFTHSM2_MODULE", "/usr/lib/softhsm/libsofthsm2.so"))
PIN = "log-pin-1234"
LABEL = "audit"
#: Marks a test that needs the token; `.ci/run` installs it.
needs_token = pytest.mark.skipif(not MODULE.exists(), reason=f"no SoftHSM 2 at {MODULE} (SOFTHSM2_MODULE)")


class SoftToken:
    """A token with the label `audit`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "tokens"
        self.folder.mkdir()
        config = folder / "softhsm2.conf"
        config.write_text(f"directories.tokendir = {self.folder}\nlog.level = ERROR\n")
        os.environ["SOFTHSM2_CONF"] = str(config)
        command = f"softhsm2-util --init-token --free --label {LABEL} --pin {PIN} --so-pin {PIN}"
        subprocess.run(command.split(), check=True, capture_output=True)
        self.library = pkcs11.lib(str(MODULE))
        self.library.reinitialize()

    def make_key(self, label: str, number: int, *, edwards: bool = True) -> str:
        """Make a key pair in the token and return the URI of the private key."""
        kind, curve = KeyType.EC_EDWARDS, b"\x13\x0cedwards25519"
        if not edwards:
            kind, curve = KeyType.EC, encode_named_curve_parameters("secp256r1")
        self.library.reinitialize()  # nobody is signed in
        with self.library.get_token(token_label=LABEL).open(rw=True, user_pin=PIN) as session:
            domain = session.create_domain_parameters(kind, {Attribute.EC_PARAMS: curve}, local=True)
            domain.generate_keypair(store=True, label=label, id=bytes([number]))
        self.library.reinitialize()
        return self.uri(label)

    def set_pin(self, new: str, old: str = PIN) -> None:
        self.library.reinitialize()
        with self.library.get_token(token_label=LABEL).open(rw=True, user_pin=old) as session:
            session.set_pin(old, new)

    def uri(self, label: str, token: str = LABEL) -> str:
        return f"pkcs11:token={token};object={label}?module-path={MODULE}"

    @contextmanager
    def pulled(self) -> Iterator[None]:
        """Have the token gone for a while."""
        away = self.folder.with_name("away")
        self.folder.rename(away)
        self.folder.mkdir()
        try:
            yield
        finally:
            shutil.rmtree(self.folder)
            away.rename(self.folder)
