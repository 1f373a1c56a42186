"""Who is named in an event, kept as keyed digests: so their data are found when they are to be erased."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from factory.kit.bulk import fetch
from factory.kit.sealing import digest
from lineage.entities.keys import BadKey, NodeKey, plain
from lineage.intake.arrival import Arrival
from lineage.intake.derived import Derived

#: Kinds of nodes that are somebody, or something about somebody.
_KINDS = ("outcome", "user")
#: What names them in a body that could not be read, as the vocabulary of outcomes calls it.
_MEMBERS = re.compile(rb'"(subject_digest|outcome|reviewer)"\s*:\s*("(?:[^"\\]|\\.)*")')


def subject(sent: str) -> str:
    """Return the name of a data subject whom a sender calls by the digest `sent`."""
    return f"subject:{sent}"


def in_event(derived: Derived) -> set[str]:
    """Return whom an event names: node keys of outcomes and people, and `subject:<digest>`."""
    found = {str(key) for key in _nodes(derived) if key.kind in _KINDS}
    for statement in derived.statements:
        if statement.node.kind == "outcome":
            if told := statement.attributes.get("subject_digest"):
                found.add(subject(told))
            if review := statement.attributes.get("human_review"):
                found.add(str(plain("user", review["reviewer"])))
    return found


def _nodes(derived: Derived) -> Iterator[NodeKey]:
    for statement in derived.statements:
        yield statement.node
    for claim in derived.claims:
        yield from (claim.actor, claim.entity)
    for _, fields in derived.measures:
        if key := fields.get("subject"):
            try:
                yield NodeKey.parse(key)
            except BadKey:
                continue


def in_unread(raw: bytes) -> set[str]:
    """Return whom an event seems to name that no reader understands."""
    found = set()
    for member, text in _MEMBERS.findall(raw):
        try:
            name = json.loads(text)
        except ValueError:
            continue
        if member == b"subject_digest":
            found.add(subject(name))
        elif name:
            found.add(str(plain("outcome" if member == b"outcome" else "user", name)))
    return found


def keep(arrivals: Iterable[Arrival]) -> None:
    """Keep who is named in these bodies; costs nothing where nobody is."""
    rows: list[tuple[Any, ...]] = []
    for arrival in arrivals:
        for event in arrival.events:
            names = event.names if event.derived is None else in_event(event.derived)
            rows += [
                (digest(name), arrival.id, event.index, name.startswith("outcome:")) for name in sorted(names)
            ]
    if rows:
        fetch(
            """WITH mentions AS (
                   INSERT INTO lineage_mention (about, submission_id, index, is_outcome)
                   SELECT * FROM unnest(%s::bytea[], %s::uuid[], %s::int[], %s::bool[])
                   ON CONFLICT DO NOTHING)
               SELECT 1""",
            [list(column) for column in zip(*rows, strict=True)],
        )
