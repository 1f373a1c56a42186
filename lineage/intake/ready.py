"""What is done with a body before its turn comes: all that needs no database.

Writers take turns. What a request does in its own thread is done while the one whose turn it is waits
for the database.
"""

import hashlib
from contextlib import suppress

import msgspec

from lineage.entities.assertions import Statement
from lineage.graph import bind
from lineage.intake.arrival import Arrival, Sealed, Spelt
from lineage.intake.derived import Derived
from lineage.intake.mentions import spell_out
from lineage.intake.vault import seal


def make_ready(arrival: Arrival) -> None:
    """Seal a body that is new, and spell out its events. What is done already is not done again."""
    if not arrival.stored and arrival.sealed is None:
        sealed, key = seal(arrival.body, arrival.id.bytes)
        arrival.sealed = Sealed(sealed, key, hashlib.sha256(arrival.body).digest())
    for event in arrival.events:
        if event.derived is not None and event.refusal is None and event.spelt is None:
            with suppress(Exception):  # it fails again, and goes to quarantine, when it is recorded
                event.spelt = spell(event.derived)


def spell(derived: Derived) -> Spelt:
    """Spell an event out, with the versions that settling will ask for among its keys."""
    statements, claims = spell_out(derived)
    made = {
        bind.own_output(claim.actor, claim.entity)
        for claim in claims
        if claim.kind == "wrote"
        and claim.entity.kind in bind.BOUND_KINDS
        and statements[claim.actor].attributes.get("run_state") == "COMPLETE"
    }
    return Spelt(statements, [body_of(one) for one in statements.values()], claims, [*statements, *made])


_EMPTY = b'{"facets":{},"attributes":{}}'


def body_of(statement: Statement) -> bytes:
    """Return the statement's body as JSON; facets go in byte for byte."""
    if not statement.facets and not statement.attributes:
        return _EMPTY
    facets = {name: msgspec.Raw(raw) for name, raw in statement.facets.items()}
    return msgspec.json.encode({"facets": facets, "attributes": statement.attributes})
