"""A body on its way in: what it is, the events in it, and what became of each."""

from collections.abc import Set
from datetime import datetime
from uuid import UUID

import msgspec

from factory.kit.grants import Grant
from lineage.entities.assertions import Statement
from lineage.entities.keys import NodeKey
from lineage.graph.assertions import Claim
from lineage.intake.derived import Derived, Refused


class Verdict(msgspec.Struct):
    """What became of one event: `outcome` is that of its reading (see `models.Outcome`)."""

    outcome: str
    code: str = ""
    reason: str = ""
    pointer: str = ""
    status: int = 201
    #: The submission that brought this very event before.
    repeat_of: UUID | None = None


class Prior(msgspec.Struct, frozen=True):
    """What became of an event when it was read before."""

    outcome: str
    code: str
    reason: str
    reader: str


class Spelt(msgspec.Struct):
    """All that an event says: one statement for each node, in the order of `statements` their bodies as
    they are kept, and the claims. `keys` are all nodes whose ids will be needed."""

    statements: dict[NodeKey, Statement]
    bodies: list[bytes]
    claims: list[Claim]
    keys: list[NodeKey]


class Event(msgspec.Struct):
    """One event of a body: `derived` where its door could read it, else `refusal`.

    `names` is whom an event seems to name that nobody could read (see `mentioned`).
    """

    index: int
    derived: Derived | None
    refusal: Refused | None
    verdict: Verdict | None = None
    reading: int = 0
    prior: Prior | None = None
    names: Set[str] = frozenset()
    spelt: Spelt | None = None

    def says_nothing_new(self) -> bool:
        """Whether reading it again came to the same end."""
        if self.prior is None or self.verdict is None:
            return False
        same = (self.verdict.outcome, self.verdict.code) == (self.prior.outcome, self.prior.code)
        return same or self.verdict.outcome == "repeated"


class Sealed(msgspec.Struct, frozen=True):
    """A body as it is kept, its key in clear, and the digest of its clear bytes."""

    body: bytes
    key: bytes
    sha256: bytes


class Arrival(msgspec.Struct):
    """One body. `stored` is True for a body that was kept before and is read again.

    `unreadable`: no events could be told apart in it; its one event stands for the whole.
    """

    id: UUID
    door: str
    source: str
    received_at: datetime
    content_type: str
    headers: dict[str, str]
    body: bytes
    batch: bool
    reader: str
    events: list[Event]
    stored: bool = False
    sealed: Sealed | None = None
    unreadable: bool = False
    error: BaseException | None = None
    done: bool = False


def admitted(derived: Derived, grant: Grant | None) -> Refused | None:
    """Return why this token may not send this event, or None where it may (or a replay sends it)."""
    why = grant.may_send(derived.event_type, derived.namespace) if grant else None
    return Refused(why, code="scope", status=403) if why else None
