"""From what one event asserts to what is kept: its statements and claims, and those they imply."""

from collections.abc import Iterable, Iterator

from factory.kit.times import format_time
from lineage.entities.assertions import INHERITING, Statement
from lineage.entities.keys import ENTITY_KIND, NodeKey
from lineage.graph.assertions import Claim
from lineage.intake.derived import Derived


def spell_out(derived: Derived) -> tuple[dict[NodeKey, Statement], list[Claim]]:
    """Return one statement for each node that the event mentions, and all its claims.

    A node that is only mentioned gets a statement that says nothing but that it exists.
    """
    more_statements, more_claims = _implied(derived)
    claims = derived.claims + more_claims
    said: dict[NodeKey, Statement] = {}
    for statement in (*derived.statements, *more_statements):
        if standing := said.get(statement.node):
            statement = Statement(
                node=statement.node,
                facets=standing.facets | statement.facets,
                attributes=standing.attributes | statement.attributes,
            )
        said[statement.node] = statement
    for key in _mentioned(list(said.values()), claims):
        if key not in said:
            said[key] = Statement(node=key)
    return said, claims


def _mentioned(statements: Iterable[Statement], claims: Iterable[Claim]) -> Iterator[NodeKey]:
    for claim in claims:
        yield from (claim.actor, claim.actor.entity, claim.entity, claim.entity.entity)
    for statement in statements:
        yield statement.node.entity
        if job := statement.attributes.get("job"):
            yield NodeKey.parse(job)
        for other in statement.attributes.get("same_as", ()):
            yield NodeKey.parse(other)


def _implied(derived: Derived) -> tuple[list[Statement], list[Claim]]:
    """A version that was appended to its predecessor, or had rows deleted, comes from it."""
    statements: list[Statement] = []
    claims: list[Claim] = []
    for statement in derived.statements:
        node, attributes = statement.node, statement.attributes
        if node.kind in ENTITY_KIND and attributes.get("operation") in INHERITING:
            previous = attributes.get("previous")
            entity = node.entity.at_version(previous) if previous else node.entity
            claims.append(Claim(actor=node, kind="succeeds", entity=entity))
        if old := attributes.get("renamed_from"):
            _rename(derived, node.entity, NodeKey.parse(old), statements, claims)
    return statements, claims


def _rename(
    derived: Derived, node: NodeKey, old: NodeKey, statements: list[Statement], claims: list[Claim]
) -> None:
    """What is renamed by a run was read by it under its old name; else a version continues the old one."""
    statements.append(Statement(node=old, attributes={"dropped": True}))
    writers = [c.actor for c in derived.claims if c.kind == "wrote" and c.entity.entity == node]
    if writers:
        claims += [Claim(actor=run, kind="read", entity=old, basis="observed") for run in writers]
        return
    version = node.at_version(f"renamed-{format_time(derived.time)}")
    statements.append(Statement(node=version, attributes={"made": True, "operation": "rename"}))
    claims.append(Claim(actor=version, kind="succeeds", entity=old))
