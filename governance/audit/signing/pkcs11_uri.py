"""Which key in which token: PKCS#11 URIs (RFC 7512)."""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote_to_bytes

#: What tells the token and the key in it (RFC 7512, section 2.3).
_PATH = ("token", "manufacturer", "model", "serial", "slot-id", "object", "id", "type")
_PART = re.compile(r"([a-z-]+)=((?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=&/?]|%[0-9A-Fa-f]{2})*)")


class BadUri(ValueError):
    """Not a PKCS#11 URI, or not one that names a private key."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """Which key in which token, as a PKCS#11 URI tells them; what is empty matches any."""

    module_path: str
    token: str = ""
    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    slot_id: int | None = None
    object: str = ""
    id: bytes = b""

    def __str__(self) -> str:
        """The key and its token, as a sentence names them."""
        where = self.token or self.serial or self.model
        return f"the key {self.object or self.id.hex()}{where and f' in the token {where}'}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `pkcs11:token=…;object=…?module-path=…` (RFC 7512, section 2.3). Raises BadUri."""
        path, _, query = text.removeprefix("pkcs11:").partition("?")
        named = _parts(path, ";", _PATH) | _parts(query, "&", ("module-path",))
        if named.pop("type", b"private") != b"private":
            raise BadUri("the PKCS#11 URI names no private key; leave `type` out")
        if not named.get("module-path", b"").startswith(b"/"):
            raise BadUri("the PKCS#11 URI needs `module-path`, the absolute path of the token's library")
        if not (named.get("object") or named.get("id")):
            raise BadUri("the PKCS#11 URI needs `object` (the key's label) or `id`")
        slot = named.pop("slot-id", None)
        if slot is not None and not slot.isdigit():
            raise BadUri("`slot-id` in the PKCS#11 URI is a number")
        key_id = named.pop("id", b"")
        try:
            words = {name.replace("-", "_"): value.decode() for name, value in named.items()}
        except UnicodeDecodeError:
            raise BadUri("the PKCS#11 URI is not UTF-8") from None
        return cls(**words, id=key_id, slot_id=None if slot is None else int(slot))


def _parts(text: str, separator: str, known: tuple[str, ...]) -> dict[str, bytes]:
    parts: dict[str, bytes] = {}
    for part in filter(None, text.split(separator)):
        match = _PART.fullmatch(part)
        if match is None:
            raise BadUri("not a PKCS#11 URI: pkcs11:token=…;object=…?module-path=/…")
        name, value = match[1], unquote_to_bytes(match[2])
        if name in ("pin-value", "pin-source"):
            raise BadUri(f"`{name}` in the PKCS#11 URI is not used; the PIN goes in LOG_KEY_PIN")
        if name not in known:
            raise BadUri(f"`{name}` in the PKCS#11 URI is not understood")
        if name in parts:
            raise BadUri(f"`{name}` stands twice in the PKCS#11 URI")
        parts[name] = value
    return parts
