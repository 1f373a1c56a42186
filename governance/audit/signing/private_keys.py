"""What the settings LOG_KEY and LOG_ORIGIN say. Knows no Django, and opens no device."""

import re

from governance.audit.signing.pkcs11_uri import TokenKey
from governance.audit.tlog.notes import Algorithm, Ed25519Signer, NoteError

PrivateKey = Ed25519Signer | TokenKey

_ORIGIN = re.compile(r"(?!\w+://)[!-*,-~]{1,200}", re.ASCII)


class BadKey(ValueError):
    """A private key, or the name of a log, that can't be used; one line says why and never holds the key."""


class KeyUnavailable(BadKey):
    """The token that holds the key doesn't answer as it should; it may do so in a moment."""


def read_keys(text: str) -> tuple[PrivateKey, ...]:
    """Read private keys, one a line: `PRIVATE+KEY+name+hash+base64` or a `pkcs11:` URI.

    There is one; while one key takes over from another there are two. Raises BadKey.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise BadKey("LOG_KEY is empty")
    if len(lines) == 1:
        return (_read_key(lines[0], "LOG_KEY"),)
    return tuple(_read_key(line, f"line {number} of LOG_KEY") for number, line in enumerate(lines, 1))


def _read_key(line: str, where: str) -> PrivateKey:
    if line.startswith("pkcs11:"):
        try:
            return TokenKey.parse(line)
        except ValueError as error:
            raise BadKey(f"{where}: {error}") from None
    if not line.startswith("PRIVATE+KEY+"):
        raise BadKey(f"{where} is neither a private key, PRIVATE+KEY+name+hash+base64, nor a pkcs11: URI")
    try:
        signer = Ed25519Signer.parse(line)
    except NoteError:  # what it says may quote the key
        raise BadKey(f"{where} is damaged: not PRIVATE+KEY+name+hash+base64, or of another hash") from None
    if signer.key.algorithm != Algorithm.ED25519:
        raise BadKey(f"{where} is the key of a witness; a log has a key of the type Ed25519 for notes")
    return signer


def new_key(origin: str) -> str:
    """Return a new private key for the log `origin`, as `read_keys` reads it. Raises BadKey."""
    return Ed25519Signer.generate(_checked(origin)).encode()


def origin_of(keys: tuple[PrivateKey, ...], asked: str, otherwise: str) -> str:
    """Return the origin of the log: the one `asked` for, else the name that the keys bear, else `otherwise`.

    A log keeps its origin for life, so the name in its key comes before an address that may change.
    Raises BadKey: no origin (c2sp.org/tlog-checkpoint, c2sp.org/signed-note), or a key has another name.
    """
    names = [key.key.name for key in keys if isinstance(key, Ed25519Signer)]
    origin = _checked(asked or (names or [otherwise])[0])
    for name in names:
        if name != origin:
            raise BadKey(f"the key in LOG_KEY is named {name}, but the log is {origin} (LOG_ORIGIN)")
    return origin


def _checked(origin: str) -> str:
    if not origin:
        raise BadKey("the log needs a name: LOG_ORIGIN, or PUBLIC_URL")
    if _ORIGIN.fullmatch(origin) is None:
        raise BadKey(
            f"LOG_ORIGIN can't be {origin[:200]!r}: it is a name like log.example.org/audit, "
            "with no scheme, no space and no plus sign"
        )
    return origin
