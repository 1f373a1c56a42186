"""What the derivations of all types have in common: the event being read, and how nodes are named."""

from collections.abc import Callable
from datetime import datetime
from math import isfinite
from typing import Any

import msgspec
from msgspec import Raw, Struct

from lineage.entities.assertions import Statement
from lineage.entities.keys import NodeKey, plain
from lineage.graph.assertions import Claim
from lineage.intake.cloudevents.vocabulary import Ref, VersionedRef
from lineage.intake.derived import Derived


class Event(Struct, kw_only=True, frozen=True):
    """A CloudEvent whose envelope was understood. `data` is its data's JSON as it came."""

    type: str
    source: str
    id: str
    time: datetime
    data: bytes
    #: `subject` and extension attributes, as a JSON object; empty where there are none.
    extensions: bytes = b""

    def facets(self) -> dict[str, bytes]:
        """The event as a node keeps it: its data under the name of its type."""
        facets = {self.type: self.data}
        if self.extensions:
            facets["cloudevents"] = self.extensions
        return facets


#: What makes assertions of an event: its data, decoded, goes into what is derived.
Derive = Callable[[Event, Any, Derived], None]


def known(**attributes: Any) -> dict[str, Any]:
    """The attributes that the event gave."""
    return {name: value for name, value in attributes.items() if value is not None}


def node_of(kind: str, ref: Ref | VersionedRef) -> NodeKey:
    """The dataset, model or deployment that a ref names; its version where the ref has one."""
    node = NodeKey(kind, ref.namespace, ref.name)
    return node.at_version(ref.version) if ref.version and kind != "deployment" else node


def ref_value(ref: Ref) -> dict[str, str]:
    """A ref as JSON again."""
    return known(namespace=ref.namespace, name=ref.name, version=ref.version)


def owned(out: Derived, node: NodeKey, department: str | None, owner: str | None = None) -> None:
    """Claim that a department, and a person, own a node."""
    if department is not None:
        out.claims.append(Claim(actor=node, kind="owns", entity=plain("department", department)))
    if owner is not None:
        out.claims.append(Claim(actor=node, kind="owns", entity=plain("user", owner)))


def say(
    out: Derived, node: NodeKey, attributes: dict[str, Any], facets: dict[str, bytes] | None = None
) -> None:
    """Add a statement on a node."""
    out.statements.append(Statement(node=node, attributes=attributes, facets=facets or {}))


def _finite(digits: str) -> float | str:
    number = float(digits)
    return number if isfinite(number) else digits


_json = msgspec.json.Decoder(float_hook=_finite)


def json_value(raw: Raw) -> Any:
    """A JSON value as an attribute keeps it; a number too large for that stays text."""
    return _json.decode(raw)
