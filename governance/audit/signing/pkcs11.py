"""Signs with an Ed25519 key that stays inside a token (PKCS#11 3.0: CKK_EC_EDWARDS, CKM_EDDSA)."""

import re
from collections.abc import Callable
from functools import cache
from threading import RLock
from typing import Any, TypeVar

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass, TokenFlag
from pkcs11.exceptions import (
    NoSuchKey,
    NoSuchToken,
    PinIncorrect,
    PinInvalid,
    PinLenRange,
    PinLocked,
    PKCS11Error,
    SignatureInvalid,
    UserAlreadyLoggedIn,
)

from governance.audit.signing.pkcs11_uri import TokenKey
from governance.audit.signing.private_keys import BadKey, KeyUnavailable
from governance.audit.tlog.notes import Algorithm, VerifierKey

#: How tokens spell an Ed25519 point: as it is, or as a DER OCTET STRING or BIT STRING.
_POINT_PREFIXES = (b"", b"\x04\x20", b"\x03\x21\x00")
_POINT_SIZE = 32

T = TypeVar("T")


class TokenSigner:
    """A signer whose private key is in a token; the public `key` is read from there when it is made.

    The session is kept. Where the token was pulled, or its service was started again, the next signature
    opens a new one and signs in again. Making one raises BadKey.
    """

    def __init__(self, name: str, where: TokenKey, pin: str) -> None:
        self._where = where
        self._pin = pin
        self._library = _library(where.module_path)
        self._opened = -1
        self._private: Any = None
        self.key = VerifierKey(name, Algorithm.ED25519, self._retrying(self._public))

    def sign(self, message: bytes) -> bytes:
        """Return the signature over `message`, 64 bytes.

        Raises BadKey; KeyUnavailable where the next call may do better.
        """
        return self._retrying(lambda: self._signed(message))

    def _signed(self, message: bytes) -> bytes:
        signature: bytes = self._key().sign(message, mechanism=Mechanism.EDDSA)
        # What is signed is published and can't be taken back, so what is not right ends here.
        if not self.key.verify(message, signature):
            raise SignatureInvalid
        return signature

    def _retrying(self, act: Callable[[], T]) -> T:
        """Do `act`; where the token doesn't play along, once more with a library started afresh."""
        with self._library.lock:
            try:
                return act()
            except PKCS11Error:
                pass
            try:
                self._library.restart()
                return act()
            except PKCS11Error as error:
                raise KeyUnavailable(f"{self._where}: {_said(error)}") from None

    def _key(self) -> Any:
        """The private key, as an object of the library."""
        if self._opened != self._library.starts:
            session = self._library.session(self._where, self._pin)
            self._private = self._one(session, ObjectClass.PRIVATE_KEY, self._where.object, self._where.id)
            self._opened = self._library.starts
        return self._private

    def _public(self) -> bytes:
        """The 32 bytes of the public key, from the public object that goes with the private one."""
        private = self._key()
        key_id = private[Attribute.ID]
        public = self._one(private.session, ObjectClass.PUBLIC_KEY, "" if key_id else private.label, key_id)
        point: bytes = public[Attribute.EC_POINT]
        if point[:-_POINT_SIZE] not in _POINT_PREFIXES or len(point) < _POINT_SIZE:
            raise BadKey(f"{self._where} is not an Ed25519 key")
        return point[-_POINT_SIZE:]

    def _one(self, session: Any, kind: ObjectClass, label: str, key_id: bytes) -> Any:
        """The one key of that class with that label and id; either may be empty."""
        asked: dict[Attribute, Any] = {Attribute.CLASS: kind}
        if label:
            asked[Attribute.LABEL] = label
        if key_id:
            asked[Attribute.ID] = key_id
        found = list(session.get_objects(asked))
        if not found and kind == ObjectClass.PUBLIC_KEY:
            raise BadKey(f"{self._where} has no public key beside it in the token")
        if not found:
            raise NoSuchKey
        if len(found) > 1:
            raise BadKey(f"{self._where} is not the only one: name it by `id` and `object`")
        if found[0].key_type != KeyType.EC_EDWARDS:
            raise BadKey(f"{self._where} is not an Ed25519 key")
        return found[0]


class _Library:
    """A token's library in this process, with one session for each token.

    Signing in counts for a token and all sessions with it, so its keys share one. `starts` counts how often
    the library was started: handles from before the last start mean nothing.
    """

    def __init__(self, path: str) -> None:
        try:
            self._library = pkcs11.lib(path)
        except (PKCS11Error, OSError, RuntimeError) as error:
            raise BadKey(f"the library {path} of the token can't be used: {_said(error)}") from None
        self.lock = RLock()
        self.starts = 0
        self._sessions: dict[int, Any] = {}
        #: What each token, by its serial number, said to a PIN: a token counts the wrong ones and locks.
        self._refused: dict[tuple[bytes, str], str] = {}

    def restart(self) -> None:
        """Forget every session and start the library again."""
        self.starts += 1
        self._sessions.clear()
        self._library.reinitialize()

    def session(self, where: TokenKey, pin: str) -> Any:
        """Return the session with the token that `where` tells. Raises BadKey, PKCS11Error."""
        token = self._token(where)
        slot = token.slot.slot_id
        if slot not in self._sessions:
            if refusal := self._refused.get((token.serial, pin)):
                raise BadKey(refusal)
            try:
                self._sessions[slot] = _sign_in(token, where, pin)
            except BadKey as error:
                self._refused[token.serial, pin] = str(error)
                raise
        return self._sessions[slot]

    def _token(self, where: TokenKey) -> Any:
        found = []
        for slot in self._library.get_slots(token_present=True):
            token = slot.get_token()
            if not token.flags & TokenFlag.TOKEN_INITIALIZED:
                continue
            asked = (
                (where.token, token.label),
                (where.manufacturer, token.manufacturer_id),
                (where.model, token.model),
                (where.serial, token.serial.decode(errors="replace")),
            )
            if all(not wish or wish == value.strip() for wish, value in asked) and (
                where.slot_id in (None, slot.slot_id)
            ):
                found.append(token)
        if not found:
            raise NoSuchToken
        if len(found) > 1:
            raise BadKey(f"{where}: more than one token is like that; name it by `serial`")
        return found[0]


@cache
def _library(path: str) -> _Library:
    return _Library(path)


def _sign_in(token: Any, where: TokenKey, pin: str) -> Any:
    if not token.flags & TokenFlag.LOGIN_REQUIRED:
        return token.open()
    if not pin:
        raise BadKey(f"{where}: the token asks for a PIN; set LOG_KEY_PIN or LOG_KEY_PIN_FILE")
    if token.flags & (TokenFlag.USER_PIN_FINAL_TRY | TokenFlag.USER_PIN_LOCKED):
        # Processes that are started again and again would use up the last try.
        raise BadKey(f"{where}: the token has seen too many wrong PINs; sign in by hand before it is locked")
    try:
        return token.open(user_pin=pin)
    except (PinIncorrect, PinInvalid, PinLenRange, PinLocked) as error:
        raise BadKey(f"{where}: the PIN of LOG_KEY_PIN is refused ({_said(error)})") from None
    except UserAlreadyLoggedIn:
        return token.open()


def _said(error: Exception) -> str:
    """What went wrong, in words; most of the library's errors have none but their name."""
    named = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
    return " ".join(str(error).split()) or named
