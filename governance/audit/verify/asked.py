"""What a verification is asked to look for, beside the log itself."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Self

from governance.audit.tlog.leaf import LeafError, canonical
from governance.audit.tlog.notes import VerifierKey
from governance.audit.tlog.policy import Policy


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose word counts: keys of the log, a policy, or both.

    `origin` is the log that the keys speak for; without it each speaks for the origin that it is named after.
    """

    keys: tuple[VerifierKey, ...] = ()
    policy: Policy | None = None
    origin: str = ""

    @property
    def log_keys(self) -> tuple[VerifierKey, ...]:
        """The keys whose signatures under a checkpoint count."""
        return self.keys + (self.policy.logs if self.policy else ())


@dataclass(slots=True)
class Wanted:
    """An entry that should be in the log; `found` collects the indexes where it is.

    `needle` is in every entry that is meant. Made by one of the class methods.
    """

    label: str
    needle: bytes
    leaf: bytes | None = None
    id: str | None = None
    found: list[int] = field(default_factory=list)

    @classmethod
    def entry(cls, label: str, content: bytes) -> Self:
        """The entry with this content, byte by byte or as JSON of the same value."""
        leaf = leaf_of(content)
        return cls(label, leaf, leaf=leaf)

    @classmethod
    def by_id(cls, entry_id: str) -> Self:
        """The entry whose field `id` is this."""
        return cls(f"id {entry_id}", canonical(entry_id), id=entry_id)

    @classmethod
    def naming(cls, label: str, content: bytes) -> Self:
        """Every entry that names the SHA-256 of `content` in lowercase hexadecimal, as one of its values.

        The entry of a submission does so as `detail.sha256`.
        """
        return cls(label, canonical(hashlib.sha256(content).hexdigest()))

    def is_meant(self, entry: bytes) -> bool:
        """Whether `entry` is what is wanted."""
        if self.needle not in entry:
            return False
        if self.leaf is not None:
            return entry == self.leaf
        if self.id is not None:
            value = _json(entry)
            return isinstance(value, dict) and value.get("id") == self.id
        return True


def leaf_of(content: bytes) -> bytes:
    """Return the leaf that a file with an entry means: canonical JSON where it is JSON, else its bytes."""
    value = _json(content)
    try:
        return canonical(value) if value is not None else content
    except LeafError:
        return content


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
