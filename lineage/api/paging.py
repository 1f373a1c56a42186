"""Pages of nodes by cursor: newest first, each page as quick as the first."""

import base64
import json
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db.models import QuerySet
from rest_framework.request import Request

from factory.kit.lists import one_page
from factory.kit.problems import Problem
from lineage.entities.models import NodeState

_ORDER = ("last_known", "node_id")


class Cursor(NamedTuple):
    """A place in the order of (last known, id): the page begins behind it, or ends before it."""

    last_known: datetime
    node_id: int
    back: bool = False

    def __str__(self) -> str:
        place = [self.last_known.isoformat(), self.node_id, self.back]
        return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Raises Problem 400."""
        try:
            moment, node_id, back = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            cursor = cls(datetime.fromisoformat(moment), node_id, bool(back))
            if cursor.last_known.tzinfo and type(node_id) is int and 0 <= node_id < 2**63:
                return cursor
        except (ValueError, TypeError, RecursionError):
            pass
        raise Problem(400, detail="the cursor is not one that Plumbline gave out", code="invalid")


def page(request: Request, nodes: QuerySet[NodeState], limit: int) -> tuple[list[NodeState], dict[str, Any]]:
    """Return the nodes of the page that the request asks for, and the links `next` and `previous`."""
    text = request.query_params.get("cursor", "")
    cursor = Cursor.parse(text) if text else None
    marks = [cursor.last_known, cursor.node_id] if cursor else None
    back = cursor is not None and cursor.back
    rows, before, after = one_page(nodes, _ORDER, marks, down=True, back=back, size=limit)
    links = {"next": None, "previous": None} | {
        name: _link(request, Cursor(row.last_known, row.pk, back))
        for name, there, row, back in (
            ("next", after, rows[-1] if rows else None, False),
            ("previous", before, rows[0] if rows else None, True),
        )
        if there and row is not None
    }
    return rows, links


def _link(request: Request, cursor: Cursor) -> str:
    query = request.query_params.dict() | {"cursor": str(cursor)}
    return request.build_absolute_uri(f"{request.path}?{urlencode(query)}")
