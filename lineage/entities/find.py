"""Finding nodes: by key, by name, by words."""

from datetime import datetime
from urllib.parse import unquote

import msgspec
from django.contrib.postgres.search import SearchQuery
from django.db.models import Q, QuerySet

from factory.kit.bulk import fetch
from lineage.entities import fold as folding
from lineage.entities.fold import FacetRef
from lineage.entities.keys import KINDS, BadKey, NodeKey
from lineage.entities.models import Node, NodeState

_body = msgspec.json.Decoder(dict[str, dict[str, msgspec.Raw]])


def nodes(
    *,
    kind: str = "",
    namespace: str = "",
    name: str = "",
    q: str = "",
    tag: str = "",
    owner: str = "",
    department: str = "",
) -> QuerySet[NodeState]:
    """Return canonical nodes. `name` is a prefix, `q` words (the last may be unfinished) or a prefix."""
    found = NodeState.objects.filter(canonical=None)
    exact = {"kind": kind, "namespace": namespace, "department": department}
    found = found.filter(**{field: value for field, value in exact.items() if value})
    if name:
        found = found.filter(name__startswith=name)
    if tag:
        found = found.filter(Q(tags__contains=[tag]), ~Q(tags=[]))
    if owner:
        found = found.filter(Q(owners__contains=[owner]), ~Q(owners=[]))
    if q.strip():
        found = found.filter(_matches(q.strip()))
    return found


def _matches(text: str) -> Q:
    matching = Q(name__startswith=text) & ~Q(kind="run")
    words = folding.words(text)
    if words:
        raw = (
            " & ".join(f"'{word}'" for word in words[:-1]) + (" & " if words[1:] else "") + f"'{words[-1]}':*"
        )
        matching |= Q(search=SearchQuery(raw, config="simple", search_type="raw"))
    return matching | Q(kind="run", name=text)


def find_node(text: str) -> NodeState:
    """Return the node of a key; another name of a node leads to it.

    A key that arrives decoded is accepted where it can mean only one node. Raises BadKey where the
    text is no key or can mean several nodes, NodeState.DoesNotExist where there is no such node.
    """
    _refuse_nul(text)
    state = _by_key(text)
    if state is None:
        candidates = _decoded(text)
        if len(candidates) > 1:
            raise BadKey(f"this can mean {' or '.join(map(str, candidates))}: percent-encode its parts")
        state = candidates[0] if candidates else None
    if state is None:
        raise NodeState.DoesNotExist(f"there is no node {text}")
    return state if state.canonical_id is None else NodeState.objects.get(pk=state.canonical_id)


def find_name(text: str) -> NodeKey:
    """Return the very name that a key means, be it another name of a node or one of the past.

    Raises as `find_node` does.
    """
    _refuse_nul(text)
    try:
        key = NodeKey.parse(text)
    except BadKey:
        return find_node(text).key
    return key if Node.objects.filter(**key._asdict()).exists() else find_node(text).key


def _refuse_nul(text: str) -> None:
    if "\0" in unquote(text):  # which no column holds, and PostgreSQL refuses even to look for
        raise BadKey("a node key has no NUL in it")


def _by_key(text: str) -> NodeState | None:
    try:
        key = NodeKey.parse(text)
    except BadKey:
        if text.partition(":")[0] in KINDS and "/" in text:
            return None
        raise
    return NodeState.objects.filter(**key._asdict()).first()


def _decoded(text: str) -> list[NodeState]:
    """Return the nodes that a decoded key can mean: every place where it could be split is tried."""
    kind, _, rest = text.partition(":")
    rest = unquote(rest)
    at = [None, *(i for i, letter in enumerate(rest) if letter == "@")]
    tried: list[tuple[str, str, str]] = []
    for end in at[:50]:
        path, version = (rest, "") if end is None else (rest[:end], rest[end + 1 :])
        for slash in [i for i, letter in enumerate(path) if letter == "/"][:50]:
            tried.append((path[:slash], path[slash + 1 :], version))
    rows = fetch(
        """SELECT n.id FROM unnest(%s::text[], %s::text[], %s::text[]) AS k(namespace, name, version)
           JOIN lineage_node n USING (namespace, name, version) WHERE n.kind = %s LIMIT 3""",
        [*([parts[i] for parts in tried] for i in range(3)), kind],
    )
    return list(NodeState.objects.filter(pk__in=[row[0] for row in rows]))


class FacetValue(msgspec.Struct):
    """A facet as it came, when, and from whom."""

    value: bytes
    at: datetime
    asserter: str


def facets_of(node: NodeState) -> dict[str, FacetValue]:
    """Return the node's standing facets, under any of its names: name -> value."""
    names = [node, *NodeState.objects.filter(canonical=node.pk)]
    newest: dict[str, FacetRef] = {}
    for one in names:
        for name, mark in folding.load(bytes(one.fold)).facets.items():
            if name not in newest or (mark.at, mark.digest) > (newest[name].at, newest[name].digest):
                newest[name] = mark
    rows = fetch(
        """SELECT reading_id, asserter, body FROM lineage_statement
           WHERE node_id = ANY(%s) AND reading_id = ANY(%s)""",
        [[one.pk for one in names], [mark.reading for mark in newest.values()]],
    )
    bodies: dict[int, list[tuple[str, dict[str, msgspec.Raw]]]] = {}
    for reading, asserter, body in rows:
        bodies.setdefault(reading, []).append((asserter, _body.decode(bytes(body))["facets"]))
    found = {}
    for name, mark in sorted(newest.items()):
        for asserter, facets in bodies.get(mark.reading, ()):
            if name in facets and not mark.deleted:
                found[name] = FacetValue(bytes(facets[name]), mark.at, asserter)
    return found
