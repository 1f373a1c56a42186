"""Reads the audit trail."""

from collections.abc import Mapping

from django.db.models import QuerySet

from governance.audit.models import Entry
from governance.audit.subjects import hidden


def entries(bounds: Mapping[str, str]) -> QuerySet[Entry]:
    """Return the entries with the `action`, `outcome`, `actor` (`type:id` or `type`) and `target` given.

    In no order; their ids are ordered by time.
    """
    found = Entry.objects.all()
    if action := bounds.get("action"):
        found = found.filter(action=action)
    if outcome := bounds.get("outcome"):
        found = found.filter(outcome=outcome)
    if actor := bounds.get("actor"):
        kind, _, name = actor.partition(":")
        found = found.filter(actor_type=kind, actor_id=name)
    if target := bounds.get("target"):
        found = found.filter(targets__contains=hidden([target]))
    return found


def actions() -> list[str]:
    """Every action on record, by a walk over the index that touches one entry an action."""
    found: list[str] = []
    after = ""
    while following := (
        Entry.objects.filter(action__gt=after).order_by("action").values_list("action", flat=True).first()
    ):
        found.append(following)
        after = following
    return found
