"""Which nodes answer for the node that was asked about, and as of when."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import msgspec
from django.db import connection, transaction

from factory.kit.bulk import fetch
from lineage.entities.find import find_node
from lineage.entities.keys import VERSION_KIND, NodeKey
from lineage.graph.as_known import current_version, known_node

#: The advisory lock that writers hold (see `intake.record`); a reader may wait for it to be free. Any
#: number that nobody else uses for one in this database.
TURNSTILE = 0x706C756D62


class Root(msgspec.Struct):
    """`ids` are the nodes to walk from; `at` and `known_at` the moments the answer is for."""

    key: NodeKey
    ids: list[int]
    at: datetime
    known_at: datetime


def answering_for(root: NodeKey, at: datetime | None, known_at: datetime | None) -> Root:
    """Return what stands for the root: for a dataset, model or agent its current version too.

    A deployment answers for itself: the edges valid at `at` lead to what it served. An incident is
    answered for by what it is about, a system by its parts. An outcome or an incident is asked about as
    of the moment it happened. Raises NodeState.DoesNotExist where it was never heard of.
    """
    known_at = settled(known_at)
    newest, now = fetch(_NEWEST)[0]
    horizon = newest if known_at is None else known_at
    if horizon < newest:
        return _as_known(root, at or now, at is None, horizon)
    node = find_node(str(root))
    if at is None:
        at = node.began_at if node.kind in _HAPPENED and node.began_at else now
    ids = [node.node_id]
    if node.kind in VERSION_KIND:
        ids += [row[0] for row in fetch(_CURRENT, [node.node_id, at, at])]
    return Root(node.key, ids + _parts(node.kind, node.node_id, at, horizon), at, horizon)


def _as_known(root: NodeKey, at: datetime, is_default: bool, horizon: datetime) -> Root:
    known = known_node(root, horizon)
    if is_default and known.key.kind in _HAPPENED and known.began:
        at = known.began
    ids = [known.node]
    if known.key.kind in VERSION_KIND:
        version = current_version(known, at, horizon)
        ids += [] if version is None else [version]
    return Root(known.key, ids + _parts(known.key.kind, known.node, at, horizon), at, horizon)


#: Kinds that happen at a moment, which is what a question about them is about.
_HAPPENED = ("outcome", "incident")


def _parts(kind: str, node: int, at: datetime, horizon: datetime) -> list[int]:
    """Return what an incident is about, or the deployments and agents of a system."""
    if kind not in ("incident", "system"):
        return []
    near, far = ("source_id", "target_id") if kind == "incident" else ("target_id", "source_id")
    rows = fetch(
        f"""SELECT DISTINCT {far} FROM lineage_edge
            WHERE {near} = %(node)s AND kind = 'part_of' AND (valid_from IS NULL OR valid_from <= %(at)s)
              AND known_from <= %(known_at)s AND (superseded_at IS NULL OR superseded_at > %(known_at)s)
            ORDER BY 1""",
        {"node": node, "at": at, "known_at": horizon},
    )
    return [row[0] for row in rows]


_CURRENT = """
    SELECT node_id FROM (
        SELECT node_id, ended_at FROM lineage_nodestate
        WHERE entity_id = %s AND canonical_id IS NULL AND began_at <= %s
        ORDER BY began_at DESC, inferred OR attributes ? 'made' DESC, version DESC LIMIT 1
    ) v WHERE v.ended_at IS NULL OR v.ended_at >= %s
"""


_NEWEST = """
    SELECT coalesce((SELECT known_at FROM lineage_reading ORDER BY id DESC LIMIT 1), clock_timestamp()),
           clock_timestamp()
"""


def settled(asked: datetime | None) -> datetime | None:
    """Return a moment on the known clock up to which nothing can be added any more.

    A moment was asked for that is not committed yet: wait for the writer at work, because its moment may
    be earlier than the one asked. A moment to come is no answer that could stay the same, so it means
    the present one. None (nothing asked for) stays: the newest moment that is committed.
    """
    if asked is None or connection.in_atomic_block or asked <= fetch(_NEWEST)[0][0]:
        return asked
    fetch("SELECT pg_advisory_lock_shared(%s)", [TURNSTILE])
    now = fetch("SELECT clock_timestamp(), pg_advisory_unlock_shared(%s)", [TURNSTILE])[0][0]
    return min(asked, now)


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Let all questions inside see the database as of one moment, so that they make one answer."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield
