"""What is checked of any text before and after it is understood: JSON, depth, characters, lengths."""

from typing import Any

import msgspec
from msgspec.json import Decoder

from lineage.entities.keys import NodeKey
from lineage.intake.derived import Derived, Refused
from lineage.intake.openlineage.locate import step

#: An event is an object in which values are nested at most so deep, the event itself counting 1.
DEEPEST = 100
#: Bytes of a node's namespace, name and version together: what one index entry can hold.
LONGEST_KEY = 2500

_decoder = Decoder()
_PARENTHESES = bytes.maketrans(b"[]{}", b"()()")
_NO_BRACKET = bytes(set(range(256)) - set(b'[]{}"'))


def decode(raw: bytes) -> Any:
    """Return the JSON value that `raw` spells. Raises Refused, code `malformed` or `too-deep`."""
    try:
        plain = _decoder.decode(raw)
    except UnicodeDecodeError:
        raise Refused(_not_utf8(raw), code="malformed") from None
    except msgspec.DecodeError as error:
        raise Refused(f"this is not JSON: {error}", code="malformed") from None
    except RecursionError:
        raise _TooDeep() from None
    if raw.count(b"[") + raw.count(b"{") > DEEPEST and _deeper_than(raw, DEEPEST):
        raise _TooDeep()
    return plain


class _TooDeep(Refused):
    def __init__(self) -> None:
        super().__init__(f"values are nested more than {DEEPEST} deep", code="too-deep")


def _not_utf8(raw: bytes) -> str:
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return f"this is not JSON: the text is not UTF-8 (byte {error.start})"
    return "this is not JSON: a string is not UTF-8"


def _deeper_than(raw: bytes, depth: int) -> bool:
    """Say whether brackets in the JSON text `raw` are nested deeper than `depth`.

    Escapes go first, then strings; what is left is brackets, of which each round takes away the
    innermost. All of it runs inside bytes methods, a few nanoseconds a byte.
    """
    outside = raw.replace(rb"\\", b"").replace(rb"\"", b"").translate(_PARENTHESES, _NO_BRACKET)
    brackets = b"".join(outside.split(b'"')[::2])
    for _ in range(depth):
        brackets = brackets.replace(b"()", b"")
        if not brackets:
            return False
    return True


# --- names ----------------------------------------------------------------------------------------
def admit_names(named: set[NodeKey], raw: bytes, plain: Any) -> None:
    """Raise Refused where a name holds a NUL or is too long to be looked up by."""
    has_nul = rb"\u0000" in raw
    if not has_nul and len(raw) < LONGEST_KEY:
        return
    for key in named:
        parts = key[1:]
        if has_nul and any("\0" in part for part in parts):
            at = _find(plain, key, "") or ""
            raise Refused(f"{at} is named with a NUL character, which no name can hold", at)
        if sum(map(len, parts)) * 4 > LONGEST_KEY and len("".join(parts).encode()) > LONGEST_KEY:
            at = _find(plain, key, "") or ""
            raise Refused(f"{at} has a name and namespace of more than {LONGEST_KEY:,} bytes", at)


def _find(value: Any, key: NodeKey, pointer: str) -> str | None:
    """Return the pointer of the first object that `key` names."""
    members: Any = value.items() if isinstance(value, dict) else enumerate(value)
    if isinstance(value, dict) and (value.get("namespace"), value.get("name")) == (key.namespace, key.name):
        return pointer
    nested = ((step(pointer, name), member) for name, member in members if isinstance(member, dict | list))
    return next(filter(None, (_find(member, key, at) for at, member in nested)), None)


def clean(derived: Derived, raw: bytes) -> Derived:
    """Return `derived` with every NUL in a text replaced by U+FFFD: PostgreSQL's text has none.

    Facets stay the bytes that they are.
    """
    if rb"\u0000" not in raw:
        return derived
    return msgspec.structs.replace(
        derived,
        producer=_clean(derived.producer),
        statements=[
            msgspec.structs.replace(statement, attributes=_clean(statement.attributes))
            for statement in derived.statements
        ],
        claims=[msgspec.structs.replace(claim, detail=_clean(claim.detail)) for claim in derived.claims],
    )


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {_clean(name): _clean(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_clean(member) for member in value]
    return value
