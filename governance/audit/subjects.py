"""Data of people in entries: sealed under a key of the person's, which can be destroyed.

An entry never changes, so what has to be erasable must not stand in it in clear. It is sealed under the key
of its subject (see `factory.kit.sealing`). Where that key is destroyed nobody can read it again, and the log
still verifies. What is left of a destroyed key is its row, without the key: nothing can be kept of that
subject any more.
"""

import base64
import json
from collections.abc import Iterable
from typing import Any

from django.utils import timezone

from factory.kit.bulk import fetch
from factory.kit.canonical import canonical
from factory.kit.sealing import decrypt, digest, encrypt, key_for, new_key, unwrap

#: Kinds of nodes whose names may be names of people, or tell of them.
PERSONAL_KINDS = ("outcome", "user")
#: The namespace of such a node where an entry names it by its digest.
HIDDEN = "hidden"


def seal(subject: str, data: dict[str, Any]) -> dict[str, str]:
    """Return `{"subject": hex digest, "data": base64}`; makes the subject's key where it has none.

    Of a subject whose key was destroyed, nobody can ever read what is returned.
    """
    named = digest(subject)
    box = encrypt(_key_or_new(named), canonical(data), named)
    return {"subject": named.hex(), "data": base64.b64encode(box).decode()}


def unseal(sealed: dict[str, str]) -> dict[str, Any] | None:
    """Return what `seal` was given; None where the key was destroyed."""
    named = bytes.fromhex(sealed["subject"])
    if not (wrapped := _wrapped(named)):
        return None
    key = unwrap(wrapped, key_for("subject keys"))
    clear: dict[str, Any] = json.loads(decrypt(key, base64.b64decode(sealed["data"]), named))
    return clear


def personal_data(said: dict[str, Any]) -> dict[str, Any]:
    """Return what an entry's leaf says that is personal, as far as it can still be read.

    It is what `record` was given as `personal`, and the `address` of a person who acted.
    """
    return {
        name: value for sealed in said.get("sealed", ()) for name, value in (unseal(sealed) or {}).items()
    }


def destroy(subject: str) -> bool:
    """Destroy the subject's key, in the caller's transaction. Returns whether there was one."""
    return bool(
        fetch(
            """INSERT INTO governance_subjectkey AS k (digest, wrapped, made_at) VALUES (%s, '', %s)
               ON CONFLICT (digest) DO UPDATE SET wrapped = '' WHERE k.wrapped <> ''
               RETURNING xmax <> 0""",
            [digest(subject), timezone.now()],
        )
        == [(True,)]
    )


def has_key(subject: str) -> bool:
    """Whether anything of this subject could be read."""
    return bool(_wrapped(digest(subject)))


def hidden(targets: Iterable[str]) -> list[str]:
    """Return targets as an entry names them: node keys of people and outcomes by their keyed digests.

    An entry can't be changed, so a name that may have to be erased never stands in it.
    """
    return [_hidden(target) for target in targets]


def _hidden(target: str) -> str:
    kind, _, rest = target.partition(":")
    # `user:<id>` is no node key, and its id says nothing of the person
    if kind in PERSONAL_KINDS and "/" in rest and not rest.startswith(f"{HIDDEN}/"):
        return f"{kind}:{HIDDEN}/{digest(target).hex()}"
    return target


def _wrapped(named: bytes) -> bytes | None:
    """The wrapped key: empty where it was destroyed, None where there was never one."""
    rows = fetch("SELECT wrapped FROM governance_subjectkey WHERE digest = %s", [named])
    return bytes(rows[0][0]) if rows else None


def _key_or_new(named: bytes) -> bytes:
    under = key_for("subject keys")
    wrapped = _wrapped(named)
    if wrapped:
        return unwrap(wrapped, under)
    key, new = new_key(under)
    if wrapped is not None:
        return key
    made = fetch(
        """INSERT INTO governance_subjectkey (digest, wrapped, made_at) VALUES (%s, %s, %s)
           ON CONFLICT DO NOTHING RETURNING 1""",
        [named, new, timezone.now()],
    )
    # Where it was not made, somebody else made it meanwhile.
    return key if made else _key_or_new(named)
