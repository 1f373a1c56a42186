"""What a reader makes of one event, and how it refuses one."""

from datetime import datetime
from typing import Any

import msgspec

from lineage.entities.assertions import Statement
from lineage.graph.assertions import Claim


class Sequence(msgspec.Struct, frozen=True):
    """An event's place among those of its source: as it was written, of which `sequencetype`, and the
    number that it says, None where it can be ordered but not counted (see `cloudevents.sequence`)."""

    text: str
    kind: str
    number: int | None


class Derived(msgspec.Struct, kw_only=True):
    """Everything that one event asserts. A pure function of the event and the reader's revision:
    it looks nothing up, so that the order of arrival cannot matter.

    `time` is the event's own time, in UTC. `event_type` and `namespace` are what a token's scope is
    judged by. `identity` is (source, id) where the standard gives an event one; `digest` is the
    SHA-256 of the event's canonical JSON. `measures` are rows for the usage room, each with its
    table's name first. `retracts` is the (source, id) of the event that this one takes back. `sequence`
    is its place among the events of its source, where it has one.
    """

    time: datetime
    event_type: str
    namespace: str
    digest: bytes
    producer: str = ""
    identity: tuple[str, str] | None = None
    statements: list[Statement] = []
    claims: list[Claim] = []
    measures: list[tuple[str, dict[str, Any]]] = []
    retracts: tuple[str, str] | None = None
    sequence: Sequence | None = None


class Refused(Exception):
    """The event can't be understood. It is kept in quarantine with this reason.

    `pointer` is a JSON pointer (RFC 6901) to what is wrong, `code` a short stable word for it,
    `status` the HTTP status of a refusal of the single event.
    """

    def __init__(self, reason: str, pointer: str = "", *, code: str = "invalid", status: int = 400):
        super().__init__(reason)
        self.reason = reason
        self.pointer = pointer
        self.code = code
        self.status = status
