"""Collecting what one event asserts: one statement a node, one claim a relation."""

from typing import Any

from lineage.entities.assertions import Statement
from lineage.entities.keys import NodeKey
from lineage.graph.assertions import Basis, Claim, Kind


class Gathering:
    """The statements and claims of one event, in the order of their first mention."""

    def __init__(self) -> None:
        #: every node that the event names, be it in a statement, a claim or an attribute
        self.named: set[NodeKey] = set()
        self._said: dict[NodeKey, tuple[dict[str, bytes], dict[str, Any]]] = {}
        self._claimed: dict[tuple[NodeKey, Kind, NodeKey], tuple[Basis, dict[str, Any]]] = {}

    def name(self, key: NodeKey) -> NodeKey:
        self.named.add(key)
        return key

    def say(self, node: NodeKey, facets: dict[str, bytes], attributes: dict[str, Any]) -> None:
        """State something of `node`. What is said later in the event stands; names are joined."""
        standing = self._said.get(node)
        if standing is None:
            self.named.add(node)
            self._said[node] = (dict(facets), dict(attributes))
            return
        standing[0].update(facets)
        same_as = standing[1].get("same_as", [])
        standing[1].update(attributes)
        if same_as:
            standing[1]["same_as"] = list(dict.fromkeys([*same_as, *attributes.get("same_as", [])]))

    def mention_run(self, run: NodeKey, job: NodeKey | None = None) -> None:
        """State that `run` exists, of `job`, unless the event said so already."""
        attributes = self._said[run][1] if run in self._said else {}
        if run not in self._said or (job is not None and "job" not in attributes):
            self.say(run, {}, {"job": str(job)} if job is not None else {})

    def mention_job(self, job: NodeKey) -> None:
        if job not in self._said:
            self.say(job, {}, {})

    def claim(
        self, actor: NodeKey, kind: Kind, entity: NodeKey, basis: Basis, detail: dict[str, Any] | None = None
    ) -> None:
        """Assert a relation. Of two with the same ends the first one's details stand."""
        standing = self._claimed.get((actor, kind, entity))
        if standing is None:
            self.named.add(actor)
            self.named.add(entity)
            self._claimed[actor, kind, entity] = (basis, detail or {})
        elif detail and "via" not in detail:
            for name, value in detail.items():
                standing[1].setdefault(name, value)

    def has_said(self, node: NodeKey) -> bool:
        return node in self._said

    def statements(self) -> list[Statement]:
        return [Statement(node=n, facets=f, attributes=a) for n, (f, a) in self._said.items()]

    def claims(self) -> list[Claim]:
        return [
            Claim(actor=actor, kind=kind, entity=entity, basis=basis, detail=detail)
            for (actor, kind, entity), (basis, detail) in self._claimed.items()
        ]
