"""Keys that stay inside a token: SoftHSM 2 signs, and governance.audit.tlog verifies."""

from collections.abc import Iterator
from pathlib import Path

import pkcs11
import pytest

from governance.audit.signing.pkcs11 import TokenSigner
from governance.audit.signing.pkcs11_uri import TokenKey
from governance.audit.signing.private_keys import BadKey, KeyUnavailable
from governance.audit.tlog.checkpoint import Checkpoint, open_checkpoint
from governance.audit.tlog.merkle import EMPTY_ROOT
from tests.governance.audit.tokens import MODULE, PIN, SoftToken, needs_token

pytestmark = [
    needs_token,
    # python-pkcs11 says so where it closes a search in a session that is gone.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ORIGIN = "log.bank.example/audit"


@pytest.fixture
def token(tmp_path: Path) -> Iterator[SoftToken]:
    token = SoftToken(tmp_path)
    token.make_key("log", 1)
    yield token
    # Whoever comes next finds nobody signed in.
    token.library.reinitialize()


def signer(token: SoftToken, label: str = "log", pin: str = PIN) -> TokenSigner:
    return TokenSigner(ORIGIN, TokenKey.parse(token.uri(label)), pin)


def test_a_checkpoint_signed_by_a_token_is_verified(token: SoftToken) -> None:
    log = signer(token)
    note = Checkpoint(ORIGIN, 0, EMPTY_ROOT).sign(log)
    assert open_checkpoint(note.encode(), [log.key])[0].origin == ORIGIN


def test_two_keys_of_one_token_share_its_session(token: SoftToken) -> None:
    token.make_key("next", 2)
    old, new = signer(token), signer(token, "next")
    assert old.key != new.key
    for _ in range(3):
        for each in (old, new):
            assert each.key.verify(b"said", each.sign(b"said"))


def test_a_library_that_was_started_again_is_signed_in_to_again(token: SoftToken) -> None:
    token.make_key("next", 2)
    old, new = signer(token), signer(token, "next")
    pkcs11.lib(str(MODULE)).reinitialize()
    # The handles of before mean other objects now, or none; each signature is the right key's.
    for each in (new, old, new):
        assert each.key.verify(b"said", each.sign(b"said"))


def test_a_token_may_be_pulled_and_come_back(token: SoftToken) -> None:
    log = signer(token)
    with token.pulled():
        for _ in range(2):
            with pytest.raises(KeyUnavailable, match="the key log in the token audit: no such token"):
                log.sign(b"said")
    assert log.key.verify(b"said", log.sign(b"said"))


def test_a_token_with_another_key_of_that_name_does_not_sign(token: SoftToken, tmp_path: Path) -> None:
    log = signer(token)
    (tmp_path / "other").mkdir()
    other = SoftToken(tmp_path / "other")
    other.make_key("log", 1)
    with pytest.raises(KeyUnavailable, match="signature invalid"):
        log.sign(b"said")


def test_a_wrong_pin_is_tried_once_and_never_to_the_last(token: SoftToken) -> None:
    with pytest.raises(BadKey, match="LOG_KEY_PIN is refused") as caught:
        signer(token, pin="wrong-pin")
    assert "wrong-pin" not in str(caught.value)
    # A token counts wrong PINs and locks: this process doesn't try that one again, even were it right now.
    token.set_pin("wrong-pin")
    with pytest.raises(BadKey, match="LOG_KEY_PIN is refused"):
        signer(token, pin="wrong-pin")
    token.set_pin(PIN, "wrong-pin")
    with pytest.raises(BadKey, match="set LOG_KEY_PIN"):
        signer(token, pin="")
    assert signer(token).sign(b"said")


def test_what_is_wrong_with_the_key_is_said(token: SoftToken) -> None:
    with pytest.raises(KeyUnavailable, match="the key nothing in the token audit: no such key"):
        signer(token, "nothing")
    token.make_key("curve", 3, edwards=False)
    with pytest.raises(BadKey, match="is not an Ed25519 key"):
        signer(token, "curve")
    token.make_key("log", 4)
    with pytest.raises(BadKey, match="is not the only one"):
        signer(token)
    assert TokenSigner(ORIGIN, TokenKey.parse(f"pkcs11:object=log;id=%04?module-path={MODULE}"), PIN)


@pytest.mark.parametrize("path", ["/nowhere.so", __file__])
def test_what_is_no_library_is_said(path: str) -> None:
    with pytest.raises(BadKey, match="of the token can't be used"):
        TokenSigner(ORIGIN, TokenKey.parse(f"pkcs11:object=log?module-path={path}"), PIN)
