"""What an entry says: the members of its leaf, and the row that it is searched by."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from factory.kit.recording import Actor
from governance.audit.tlog import leaf
from governance.audit.tlog.bundles import LARGEST_ENTRY

#: The revision of the members, kept in each leaf so that old ones stay readable.
SCHEMA_VERSION = 1
#: The members that may be arbitrarily long; beyond 65,535 bytes a leaf names them by their digest.
_REPLACEABLE = ("detail", "targets", "reason")


class Act(NamedTuple):
    """One act, as it goes on record.

    `policy` is (id, revision), `digests` the SHA-256 before and after, `sealed` what `subjects.seal` made
    of personal data, one member for each subject. Empty members are left out of the leaf.
    """

    id: UUID
    occurred_at: datetime
    recorded_at: datetime
    actor: Actor
    action: str
    targets: Sequence[str] = ()
    outcome: str = "success"
    reason: str = ""
    policy: tuple[str, str] = ("", "")
    address: str = ""
    service: str = ""
    request_id: str = ""
    trace_id: str = ""
    digests: tuple[bytes | None, bytes | None] = (None, None)
    detail: dict[str, Any] | None = None
    sealed: tuple[dict[str, str], ...] = ()

    def leaf(self) -> tuple[bytes, bytes | None]:
        """Return the canonical JSON that is hashed into the log (RFC 8785), and what is kept beside it.

        The leaf has at most 65,535 bytes: in a larger one the detail, the targets or the reason give way to
        `{"sha256", "size"}` of themselves, and stand in the second value, a JSON object.
        Raises LeafError for what JSON can't say.
        """
        actor = self.actor
        before, after = self.digests
        said = {
            "id": str(self.id),
            "schema": SCHEMA_VERSION,
            "occurred_at": rfc3339(self.occurred_at),
            "recorded_at": rfc3339(self.recorded_at),
            "actor": _full({"type": actor.type, "id": actor.id, "on_behalf_of": actor.on_behalf_of}),
            "authentication": actor.authentication,
            "action": self.action,
            "targets": list(self.targets),
            "outcome": self.outcome,
            "reason": self.reason,
            "policy": _full({"id": self.policy[0], "revision": self.policy[1]}),
            "source": _full({"address": self.address, "service": self.service}),
            "request_id": self.request_id,
            "trace_id": self.trace_id,
            "digests": _full({"before": _hex(before), "after": _hex(after)}),
            "detail": self.detail,
            "sealed": list(self.sealed),
        }
        said = _full(said)
        if len(data := leaf.canonical(said)) <= LARGEST_ENTRY:
            return data, None
        data, apart = leaf.encode_by_digest(said, _REPLACEABLE)
        return data, leaf.canonical({name: json.loads(value) for name, value in apart.items()})

    def row(self) -> tuple[Any, ...]:
        """Return the values of `ROW`. Raises LeafError."""
        data, apart = self.leaf()
        return (
            self.id,
            self.occurred_at,
            self.recorded_at,
            self.actor.type,
            self.actor.id,
            self.action,
            list(self.targets),
            self.outcome,
            data,
            apart,
        )


#: The columns of an entry's row.
ROW = (
    "id",
    "occurred_at",
    "recorded_at",
    "actor_type",
    "actor_id",
    "action",
    "targets",
    "outcome",
    "leaf",
    "apart",
)


def rfc3339(moment: datetime) -> str:
    """Spell a moment in UTC with microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _hex(digest: bytes | None) -> str:
    return digest.hex() if digest else ""


def _full(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value}
