"""Legal holds: what must not go, whatever else is said of it."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from factory.kit.bulk import fetch
from factory.kit.recording import CONSOLE, Actor, actor_of, record
from governance.audit.retention.models import Hold, Scope
from governance.audit.subjects import hidden
from lineage.entities.keys import VERSION_KIND, BadKey, NodeKey

#: Whoever places a hold, and whoever destroys something, takes this lock of its transaction first: so a hold
#: that was placed is seen by everything that is destroyed after.
LOCK = 0x706C756D68  # "plumh"


class HoldRefused(ValueError):
    """No such hold can be placed, or lifted; the message says why."""


def standing() -> list[Hold]:
    """Return the holds that stand, the oldest first."""
    return list(Hold.objects.filter(lifted_at=None).order_by("placed_at", "id"))


def held(targets: Iterable[str]) -> list[Hold]:
    """Return the standing holds that forbid to destroy what is about these targets.

    Targets are as in entries: node keys, `submission:<id>`, `user:<id>`, `source:<name>`. A hold touches a
    target that it names, and one of which an entry in its scope speaks: as target, as actor or as submission.

    Call it in the transaction that destroys, after `wait_for_holds`.
    """
    wanted = list(dict.fromkeys(targets))
    return [hold for hold in standing() if _touches(hold, wanted)]


def wait_for_holds() -> None:
    """Let no hold be placed until this transaction ends, and see those that were placed before."""
    fetch("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def place(
    scope: Scope,
    *,
    reason: str,
    node: str = "",
    source: str = "",
    begins_at: datetime | None = None,
    ends_at: datetime | None = None,
    request: HttpRequest | None = None,
) -> Hold:
    """Place a hold, on record; at the console where there is no request. Raises HoldRefused."""
    if not reason.strip():
        raise HoldRefused("a hold has a reason")
    hold = Hold(
        scope=scope,
        node=_node(node) if scope == Scope.NODE else "",
        source=source.strip() if scope == Scope.SOURCE else "",
        begins_at=begins_at if scope == Scope.TIME else None,
        ends_at=ends_at if scope == Scope.TIME else None,
        reason=reason.strip(),
        placed_by_id=_person(request),
    )
    if scope == Scope.SOURCE and not hold.source:
        raise HoldRefused("name the source")
    if scope == Scope.TIME and not (hold.begins_at and hold.ends_at and hold.begins_at < hold.ends_at):
        raise HoldRefused("a time range ends after it begins")
    with transaction.atomic():
        wait_for_holds()
        hold.placed_at = timezone.now()
        hold.save(force_insert=True)
        record("hold.placed", actor=_actor(request), request=request, **_said(hold, hold.reason))
    return hold


def lift(hold: Hold, *, reason: str, request: HttpRequest | None = None) -> None:
    """Lift a hold, on record. Raises HoldRefused where it is lifted already or no reason is given."""
    if not reason.strip():
        raise HoldRefused("lifting a hold has a reason")
    with transaction.atomic():
        row = Hold.objects.select_for_update().get(pk=hold.pk)
        if row.lifted_at is not None:
            raise HoldRefused("this hold was lifted already")
        row.lifted_at, row.lifted_by_id, row.lifted_because = (
            timezone.now(),
            _person(request),
            reason.strip(),
        )
        row.save(update_fields=["lifted_at", "lifted_by", "lifted_because"])
        record("hold.lifted", actor=_actor(request), request=request, **_said(row, row.lifted_because))


def _node(text: str) -> str:
    try:
        return str(NodeKey.parse(text.strip()))
    except BadKey as error:
        raise HoldRefused(str(error)) from None


def _actor(request: HttpRequest | None) -> Actor:
    return CONSOLE if request is None else actor_of(request)


def _person(request: HttpRequest | None) -> Any:
    return None if request is None else request.user.pk


def _said(hold: Hold, reason: str) -> dict[str, Any]:
    of = {"scope": hold.scope, "node": "".join(hidden([hold.node])), "source": hold.source}
    ends = {"begins_at": hold.begins_at, "ends_at": hold.ends_at}
    detail = {name: value for name, value in of.items() if value}
    detail |= {name: moment.isoformat() for name, moment in ends.items() if moment}
    targets = [f"hold:{hold.pk}", *([hold.node] if hold.node else [])]
    return {"targets": targets, "reason": reason, "detail": detail}


# --- what a hold covers ---------------------------------------------------------------------------
def in_scope(hold: Hold) -> tuple[str, list[Any]]:
    """Return a condition on the entry `e`, in SQL, and its parameters: that the hold covers it."""
    match hold.scope:
        case Scope.NODE:
            ids, keys = nodes_of(hold.node)
            told = [hidden(keys), ids, ids, ids]
            return f"(e.targets && %s OR {_SPEAKS_OF.format(submission='e.id')})", told
        case Scope.SOURCE:
            return "(e.actor_type = 'source' AND e.actor_id = %s)", [hold.source]
        case Scope.TIME:
            ends = [hold.begins_at, hold.ends_at]
            return (
                "(e.occurred_at >= %s AND e.occurred_at < %s OR e.recorded_at >= %s AND e.recorded_at < %s)",
                ends * 2,
            )
    return "true", []


def entries_of_node(key: str) -> tuple[str, list[Any]]:
    """Return a query for the ids of the entries that speak of a node, and its parameters."""
    ids, keys = nodes_of(key)
    query = f"""SELECT id FROM governance_entry WHERE targets && %s UNION
                SELECT id FROM governance_entry WHERE {_SPEAKS_OF.format(submission="id")}"""
    return query, [hidden(keys), ids, ids, ids]


#: That a submission says something of one of the nodes. From the nodes to the submissions, because readings
#: lead to what they said only roughly.
_SPEAKS_OF = """{submission} IN (
    SELECT r.submission_id FROM lineage_reading r JOIN (
        SELECT reading_id FROM lineage_statement WHERE node_id = ANY(%s) UNION ALL
        SELECT reading_id FROM lineage_claimfact WHERE actor_id = ANY(%s) UNION ALL
        SELECT reading_id FROM lineage_claimfact WHERE entity_id = ANY(%s)
    ) s ON s.reading_id = r.id)"""


def nodes_of(key: str) -> tuple[list[int], list[str]]:
    """Return the ids and the keys of a node, of its versions and of its other names."""
    node = NodeKey.parse(key)
    rows = fetch(
        """
        WITH named AS (
            SELECT id FROM lineage_node
            WHERE namespace = %(namespace)s AND name = %(name)s
              AND (kind = %(kind)s AND version = %(version)s OR kind = %(versions)s)
        ),
        heads AS (
            SELECT id FROM named UNION
            SELECT canonical_id FROM lineage_nodestate JOIN named ON node_id = id
            WHERE canonical_id IS NOT NULL
        ),
        names AS (
            SELECT id FROM heads UNION SELECT node_id FROM lineage_nodestate JOIN heads ON canonical_id = id
        )
        SELECT id, kind, namespace, name, version FROM lineage_node JOIN names USING (id)
        """,
        {**node._asdict(), "versions": VERSION_KIND.get(node.kind, "")},
    )
    return [row[0] for row in rows], list({key, *(str(NodeKey(*row[1:])) for row in rows)})


def _touches(hold: Hold, targets: list[str]) -> bool:
    if hold.scope == Scope.EVERYTHING:
        return True
    submissions = [id_ for target in targets if (id_ := _submission(target))]
    if hold.scope == Scope.NODE and set(nodes_of(hold.node)[1]) & set(targets):
        return True
    if hold.scope == Scope.SOURCE and f"source:{hold.source}" in targets:
        return True
    condition, params = in_scope(hold)
    people = [target.partition(":")[::2] for target in targets]
    found = fetch(
        f"""SELECT 1 FROM (
                SELECT * FROM governance_entry WHERE targets && %s UNION ALL
                SELECT * FROM governance_entry WHERE id = ANY(%s) UNION ALL
                SELECT n.* FROM unnest(%s::text[], %s::text[]) AS a(type, id)
                JOIN governance_entry n ON n.actor_type = a.type AND n.actor_id = a.id
            ) e WHERE {condition} LIMIT 1""",
        [hidden(targets), submissions, [kind for kind, _ in people], [id_ for _, id_ in people], *params],
    )
    return bool(found) or _covers_one(hold, submissions)


def _covers_one(hold: Hold, submissions: Collection[UUID]) -> bool:
    """Whether the hold covers one of the submissions, which may have no entry yet."""
    of_it: tuple[str, list[Any]]
    match hold.scope:
        case Scope.NODE:
            ids, _ = nodes_of(hold.node)
            of_it = _SPEAKS_OF.format(submission="b.id"), [ids, ids, ids]
        case Scope.SOURCE:
            of_it = "b.source = %s", [hold.source]
        case _:
            of_it = "b.received_at >= %s AND b.received_at < %s", [hold.begins_at, hold.ends_at]
    condition, params = of_it
    return bool(
        fetch(
            f"SELECT 1 FROM lineage_submission b WHERE b.id = ANY(%s) AND {condition} LIMIT 1",
            [list(submissions), *params],
        )
    )


def _submission(target: str) -> UUID | None:
    kind, _, id_ = target.partition(":")
    try:
        return UUID(id_) if kind == "submission" else None
    except ValueError:
        return None
