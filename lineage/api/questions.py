"""The questions: search, one node, a trace, what is in production."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from factory.kit.bulk import fetch
from factory.kit.grants import MayAsk
from factory.kit.problems import Problem
from factory.kit.times import BadTime, parse_time
from lineage.api import schema
from lineage.api.paging import page
from lineage.entities import find
from lineage.entities.keys import KINDS, BadKey, NodeKey
from lineage.entities.models import NodeState
from lineage.graph import trace as tracing
from lineage.graph.serving import serving
from lineage.graph.standing import standing


def _parameter(name: str, description: str, **options: Any) -> OpenApiParameter:
    return OpenApiParameter(name, description=description, **options)


_KEY = "a node key: kind:namespace/name[@version], each part percent-encoded"
_AT = _parameter("at", "as it was then (RFC 3339 with a zone)")
_KNOWN_AT = _parameter("known_at", "as it was known then (RFC 3339 with a zone)")
_REFUSALS = schema.refusals(400, 401, 403, 503)


def text(request: Request, name: str) -> str:
    """Return a text of the query string, empty where there is none. Raises Problem 400."""
    value = request.query_params.get(name, "")
    if "\0" in value:
        why = f"{name} can't hold the character NUL"
        raise Problem(400, detail=why, code="invalid", errors=[_at(name, why)])
    return value


def moment(request: Request, name: str) -> datetime | None:
    """Return a time of the query string. Raises Problem 400."""
    given = text(request, name)
    if not given:
        return None
    try:
        # a plus sign in a query string arrives as a space where nobody encoded it
        return parse_time(given.replace(" ", "+") if "T" in given.upper() else given)
    except BadTime as error:
        raise Problem(
            400, detail=f"{name}: {error}", code="invalid", errors=[_at(name, str(error))]
        ) from None


def number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """Return a whole number of the query string. Raises Problem 400."""
    given = text(request, name)
    if not given:
        return default
    if not (given.isascii() and given.isdigit() and len(given) < 10 and low <= int(given) <= high):
        why = f"{name} is a whole number from {low} to {high}"
        raise Problem(400, detail=why, code="invalid", errors=[_at(name, why)])
    return int(given)


def _at(name: str, why: str) -> dict[str, str]:
    return {"pointer": f"/{name}", "detail": why}


@contextmanager
def _looking_up(name: str) -> Iterator[None]:
    try:
        yield
    except BadKey as error:
        raise Problem(400, detail=str(error), code="bad_key", errors=[_at(name, str(error))]) from None
    except NodeState.DoesNotExist as error:
        raise Problem(404, detail=str(error), code="unknown_node") from None


def _key(request: Request, name: str) -> str:
    key = text(request, name)
    if not key:
        raise Problem(400, detail=f"say which node: ?{name}=KEY", code="invalid", errors=[_at(name, _KEY)])
    return key


def node_of(request: Request, name: str) -> NodeState:
    """Return the node of a key of the query string. Raises Problem 400 or 404."""
    with _looking_up(name):
        return find.find_node(_key(request, name))


def _summary(node: NodeState) -> dict[str, Any]:
    return {
        "key": str(node.key),
        "kind": node.kind,
        "namespace": node.namespace,
        "name": node.name,
        "version": node.version,
        "title": node.title,
        "state": node.state,
        "department": node.department,
        "classification": node.classification,
        "owners": node.owners,
        "tags": node.tags,
        "inferred": node.inferred,
        "conflicting": node.conflicting,
        "attributes": node.attributes,
        "first_known": node.first_known,
        "last_known": node.last_known,
    }


class NodesView(APIView):
    """Search."""

    permission_classes = [MayAsk]
    FILTERS = {
        "kind": "one kind of node, e.g. dataset",
        "namespace": "exactly this namespace",
        "name": "how the name starts",
        "q": "words, of which the last may be unfinished, or how the name starts",
        "tag": "one of its tags",
        "owner": "one of its owners",
        "department": "the department that it belongs to",
    }

    @extend_schema(
        operation_id="searchNodes",
        tags=["Questions"],
        summary="Find nodes by kind, namespace, name (a prefix), words, tag, owner, department",
        parameters=[
            *(_parameter(name, words) for name, words in FILTERS.items()),
            _parameter("cursor", "see `next` and `previous`"),
            _parameter("limit", "how many at a time, at most 500 (50 if not given)", type=int),
        ],
        responses={200: schema.NODE_PAGE, **_REFUSALS},
    )
    def get(self, request: Request) -> Response:
        wanted = {name: text(request, name) for name in self.FILTERS}
        if wanted["kind"] and wanted["kind"] not in KINDS:
            raise Problem(
                400,
                detail=f"there is no kind {wanted['kind']!r}; kinds are {', '.join(KINDS)}",
                code="invalid",
                errors=[_at("kind", "no such kind")],
            )
        limit = number(request, "limit", 50, 1, 500)
        found, links = page(request, standing(find.nodes(**wanted)).defer("fold", "search"), limit)
        return Response({"results": [_summary(node) for node in found], **links})


class NodeView(APIView):
    """One node."""

    permission_classes = [MayAsk]

    @extend_schema(
        operation_id="getNode",
        tags=["Questions"],
        summary="What stands about one node",
        parameters=[_parameter("key", _KEY, required=True)],
        responses={200: schema.FULL_NODE, **schema.refusals(404), **_REFUSALS},
    )
    def get(self, request: Request) -> HttpResponse:
        node = node_of(request, "key")
        others = list(NodeState.objects.filter(canonical=node.pk).order_by("pk").defer("fold"))
        asserters = fetch(
            """SELECT DISTINCT s.asserter FROM lineage_statement s WHERE s.node_id = ANY(%s) AND NOT EXISTS
               (SELECT 1 FROM lineage_retracted x WHERE x.reading_id = s.reading_id) ORDER BY 1""",
            [[node.pk, *(other.pk for other in others)]],
        )
        return _json(
            _summary(node)
            | {
                "other_names": [str(other.key) for other in others],
                # facets leave as they came, byte for byte
                "facets": {name: msgspec.Raw(f.value) for name, f in find.facets_of(node).items()},
                "asserted_by": [row[0] for row in asserters],
            }
        )


class TraceView(APIView):
    """A trace."""

    permission_classes = [MayAsk]

    @extend_schema(
        operation_id="trace",
        tags=["Questions"],
        summary="What shaped a node, or what it shaped, version by version",
        parameters=[
            _parameter("node", _KEY, required=True),
            _parameter(
                "direction", "which way; upstream if not given", enum=["upstream", "downstream", "both"]
            ),
            _parameter("depth", f"how many runs far, at most {tracing.MAX_DEPTH}", type=int),
            _AT,
            _KNOWN_AT,
            _parameter("limit", "how many nodes at most", type=int),
            _parameter("offset", "how many nodes to skip: see `next`", type=int),
        ],
        responses={200: schema.TRACE, **schema.refusals(404), **_REFUSALS},
    )
    def get(self, request: Request) -> HttpResponse:
        with _looking_up("node"):
            # what the name meant may have changed since the moment that is asked about
            root = find.find_name(_key(request, "node"))
        direction = text(request, "direction") or "upstream"
        if direction not in ("upstream", "downstream", "both"):
            why = "direction is upstream, downstream or both"
            raise Problem(400, detail=why, code="invalid", errors=[_at("direction", why)])
        options: dict[str, Any] = {
            "direction": direction,
            "depth": number(request, "depth", tracing.DEFAULT_DEPTH, 0, tracing.MAX_DEPTH),
            "at": moment(request, "at"),
            "known_at": moment(request, "known_at"),
            "limit": number(request, "limit", tracing.DEFAULT_LIMIT, 1, tracing.MAX_LIMIT),
            "offset": number(request, "offset", 0, 0, 10_000_000),
        }
        with _looking_up("node"):
            answer = tracing.trace(root, **options)
        body = msgspec.structs.asdict(answer)
        body["next"] = None if answer.next is None else self._next(request, root, answer)
        return _json(body)

    @staticmethod
    def _next(request: Request, root: NodeKey, answer: tracing.Trace) -> str:
        # both moments are pinned, so that the pages belong to one answer
        query = request.query_params.dict() | {
            "node": str(root),
            "at": answer.at.isoformat(),
            "known_at": answer.known_at.isoformat(),
            "offset": str(answer.next),
        }
        return request.build_absolute_uri(f"{request.path}?{urlencode(query)}")


class ServingView(APIView):
    """What is in production."""

    permission_classes = [MayAsk]

    @extend_schema(
        operation_id="serving",
        tags=["Questions"],
        summary="What was in production at a moment",
        parameters=[_AT, _parameter("environment", "one environment only")],
        responses={200: schema.SERVING, **_REFUSALS},
    )
    def get(self, request: Request) -> HttpResponse:
        at = moment(request, "at") or timezone.now()
        return _json({"at": at, "results": serving(at, text(request, "environment"))})


def _json(value: Any) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(value), content_type="application/json")
