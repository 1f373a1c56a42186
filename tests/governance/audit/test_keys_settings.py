"""LOG_KEY and LOG_ORIGIN: what is taken, and what is refused in one line that doesn't hold the key."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from governance.audit.signing.private_keys import BadKey, new_key, origin_of, read_keys
from governance.audit.tlog.notes import Ed25519Signer

ORIGIN = "log.bank.example/audit"
TOKEN = "pkcs11:token=audit;object=log%20key;id=%01%02?module-path=/usr/lib/softhsm/libsofthsm2.so"


def read_settings(**environ: str) -> subprocess.CompletedProcess[str]:
    """Read the settings in a process of its own and print the origin and the key."""
    program = (
        "from factory import preflight\n"
        "try: settings = preflight.settings()\n"
        "except preflight.Unfit as problem: print(problem)\n"
        "else: print(settings.LOG_ORIGIN); print(settings.LOG_KEY)\n"
    )
    left_out = ("LOG_KEY", "LOG_ORIGIN", "PUBLIC_URL", "PORT", "DJANGO_SETTINGS_MODULE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=settings.BASE_DIR,
        env=kept | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"} | environ,
        capture_output=True,
        text=True,
        check=True,
    )


def said(**environ: str) -> str:
    done = read_settings(**environ)
    assert not done.stderr
    return done.stdout.removesuffix("\n")


def test_a_trial_keeps_one_key_and_with_it_its_origin(tmp_path: Path) -> None:
    var = str(tmp_path)
    first = said(PLUMBLINE_VAR=var, PORT="8123")
    origin, key = first.split("\n")
    assert origin == "localhost:8123"
    assert Ed25519Signer.parse(key).key.name == origin
    assert (tmp_path / "keys" / "log_key").stat().st_mode & 0o777 == 0o600
    # Another port is another address, not another log.
    assert said(PLUMBLINE_VAR=var, PORT="8124", PUBLIC_URL="https://plumbline.example") == first


def test_the_origin_comes_from_the_public_address(tmp_path: Path) -> None:
    origin, _ = said(PLUMBLINE_VAR=str(tmp_path), PUBLIC_URL="https://bank.example/plumbline/").split("\n")
    assert origin == "bank.example/plumbline"


PRODUCTION = {
    "PLUMBLINE_MODE": "production",
    "SECRET_KEY": "s" * 60,
    "BODY_KEY": "b" * 43,
    "ALLOWED_HOSTS": "bank.example",
}


def test_production_brings_its_own_key(tmp_path: Path) -> None:
    environ = PRODUCTION | {"PLUMBLINE_VAR": str(tmp_path)}
    assert "needs LOG_KEY" in said(**environ)
    assert not (tmp_path / "keys" / "log_key").exists()
    file = tmp_path / "key"
    assert "LOG_KEY_FILE can't be read" in said(**environ, LOG_KEY_FILE=str(file))
    key = new_key(ORIGIN)
    file.write_text(f"{key}\n")
    assert said(**environ, LOG_KEY_FILE=str(file)) == f"{ORIGIN}\n{key}"
    assert "the log needs a name" in said(**environ, LOG_KEY=TOKEN)
    assert said(**environ, LOG_KEY=TOKEN, PUBLIC_URL="https://bank.example").startswith("bank.example\n")


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "is empty"),
        ("hunter2", "neither a private key"),
        (str(Ed25519Signer.generate(ORIGIN).key), "neither a private key"),
        ("PRIVATE+KEY+a+b", "is damaged"),
        (new_key(ORIGIN)[:-8] + "AAAAAAA=", "is damaged"),
        (new_key(ORIGIN).replace(ORIGIN, "other.example"), "is damaged"),
        (Ed25519Signer.generate(ORIGIN, cosigner=True).encode(), "the key of a witness"),
        (f"{new_key(ORIGIN)}\nhunter2", "line 2 of LOG_KEY is neither"),
        ("pkcs11:token=audit;object=log", "needs `module-path`"),
        ("pkcs11:token=audit;object=log?module-path=libsofthsm2.so", "needs `module-path`"),
        ("pkcs11:token=audit?module-path=/lib/a.so", "needs `object`"),
        ("pkcs11:object=log;type=public?module-path=/lib/a.so", "no private key"),
        ("pkcs11:object=log?module-path=/lib/a.so&pin-value=1234", "LOG_KEY_PIN"),
        ("pkcs11:object=log?module-path=/lib/a.so&pin-source=file:/pin", "LOG_KEY_PIN"),
        ("pkcs11:object=log;colour=red?module-path=/lib/a.so", "`colour`"),
        ("pkcs11:object=log;object=log?module-path=/lib/a.so", "twice"),
        ("pkcs11:object=%C3?module-path=/lib/a.so", "not UTF-8"),
        ("pkcs11:object=l g?module-path=/lib/a.so", "not a PKCS#11 URI"),
        ("pkcs11:slot-id=x;object=log?module-path=/lib/a.so", "is a number"),
    ],
)
def test_what_is_no_key_is_refused_without_being_told(key: str, reason: str) -> None:
    with pytest.raises(BadKey, match=reason) as caught:
        read_keys(key)
    message = str(caught.value)
    assert "\n" not in message
    for part in key.replace("\n", "+").split("+"):
        assert len(part) < 16 or part == ORIGIN or part not in message


def test_the_parts_of_a_pkcs11_uri_are_unquoted() -> None:
    (key,) = read_keys(TOKEN)
    assert not isinstance(key, Ed25519Signer)
    assert (key.token, key.object, key.id) == ("audit", "log key", b"\1\2")
    assert key.module_path == "/usr/lib/softhsm/libsofthsm2.so"


def test_a_key_of_another_name_is_refused() -> None:
    keys = read_keys(f"{new_key(ORIGIN)}\n\n{new_key(ORIGIN)}\n")
    assert len(keys) == 2
    assert origin_of(keys, "", "localhost:8000") == ORIGIN
    with pytest.raises(BadKey, match=r"is named log\.bank\.example/audit, but the log is other"):
        origin_of(keys, "other.example", "")
    with pytest.raises(BadKey, match=r"is named other\.example, but the log is"):
        origin_of(keys + read_keys(new_key("other.example")), "", "")


@pytest.mark.parametrize("origin", ["https://log.example", "a b", "a+b", "über.example", "a\n", "x" * 201])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(BadKey, match="LOG_ORIGIN can't be"):
        new_key(origin)
