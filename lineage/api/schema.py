"""Shapes that several addresses answer with, for the OpenAPI document (JSON Schema 2020-12)."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse

from factory.kit import problems


def _object(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required or list(properties)}


TEXT = {"type": "string"}
COUNT = {"type": "integer", "minimum": 0}
MOMENT = {"type": "string", "format": "date-time"}
MAYBE_MOMENT = {"type": ["string", "null"], "format": "date-time"}
FLAG = {"type": "boolean"}
TEXTS = {"type": "array", "items": TEXT}
ID = {"type": "string", "format": "uuid"}

PROBLEM = _object(
    {
        "type": TEXT,
        "title": TEXT,
        "status": {"type": "integer"},
        "code": TEXT,
        "detail": TEXT,
        "errors": {"type": "array", "items": _object({"pointer": TEXT, "detail": TEXT})},
        "submission": ID,
    },
    ["type", "title", "status"],
)
_REFUSALS = {
    400: "not understood; where there was a body, it is kept in quarantine",
    401: "no token, or not a valid one",
    403: "the token may not do this",
    404: "there is no such thing",
    409: "the event's id came before with another body",
    413: "too large",
    415: "a content type or encoding that is not understood",
    503: "the database can't answer or commit now: send the same again after Retry-After",
}


def refusals(*statuses: int) -> dict[tuple[int, str], OpenApiResponse]:
    """Return what an address answers where it refuses, for `extend_schema`."""
    return {(s, problems.CONTENT_TYPE): OpenApiResponse(PROBLEM, _REFUSALS[s]) for s in statuses}


STORED = _object(
    {"submission": ID, "status": {"enum": ["stored", "repeated"]}, "repeat_of": ID}, ["submission", "status"]
)
BATCH_RESULT = _object(
    {
        "status": {"enum": ["success", "partial_success"]},
        "summary": _object(
            {
                "received": COUNT,
                "successful": COUNT,
                "failed": COUNT,
                "retriable": COUNT,
                "non_retriable": COUNT,
            }
        ),
        "failed_events": {
            "type": "array",
            "items": _object(
                {"index": COUNT, "reason": TEXT, "retriable": FLAG, "code": TEXT, "pointer": TEXT},
                ["index", "reason", "retriable"],
            ),
        },
        "submission": ID,
        "repeated": COUNT,
    },
    ["status", "summary"],
)

NODE = _object(
    {
        "key": TEXT,
        "kind": TEXT,
        "namespace": TEXT,
        "name": TEXT,
        "version": TEXT,
        "title": TEXT,
        "state": TEXT,
        "department": TEXT,
        "classification": TEXT,
        "owners": TEXTS,
        "tags": TEXTS,
        "inferred": FLAG,
        "conflicting": FLAG,
        "attributes": {"type": "object"},
        "first_known": MOMENT,
        "last_known": MOMENT,
    }
)
NODE_PAGE = _object(
    {
        "results": {"type": "array", "items": NODE},
        "next": {"type": ["string", "null"]},
        "previous": {"type": ["string", "null"]},
    }
)
FULL_NODE = _object(
    {
        **NODE["properties"],
        "other_names": TEXTS,
        "facets": {"type": "object"},
        "asserted_by": TEXTS,
    }
)
_COUNTED = (
    "inferred",
    "undated",
    "unversioned",
    "conflicting",
    "backdated",
    "quarantined",
    "withheld",
    "missing",
)
COMPLETENESS = _object(
    {
        "truncated": FLAG,
        **dict.fromkeys(_COUNTED, COUNT),
        "stale_sources": TEXTS,
    }
)
TRACE = _object(
    {
        "root": TEXT,
        "roots": TEXTS,
        "direction": TEXT,
        "depth": COUNT,
        "at": MOMENT,
        "known_at": MOMENT,
        "nodes": {
            "type": "array",
            "items": _object({"key": TEXT, "kind": TEXT, "depth": COUNT, "attributes": {"type": "object"}}),
        },
        "edges": {
            "type": "array",
            "items": _object(
                {
                    "source": TEXT,
                    "target": TEXT,
                    "kind": TEXT,
                    "basis": TEXT,
                    "valid_from": MAYBE_MOMENT,
                    "valid_to": MAYBE_MOMENT,
                    "known_from": MOMENT,
                    "superseded_at": MAYBE_MOMENT,
                    "evidence": TEXTS,
                    "asserted_by": TEXTS,
                    "detail": {"type": "object"},
                }
            ),
        },
        "next": {"type": ["string", "null"]},
        "completeness": COMPLETENESS,
    }
)
SERVING = _object(
    {
        "at": MOMENT,
        "results": {
            "type": "array",
            "items": _object(
                {
                    "deployment": TEXT,
                    "model": TEXT,
                    "title": TEXT,
                    "environment": TEXT,
                    "department": TEXT,
                    "state": TEXT,
                    "share": {"type": ["number", "null"]},
                    "since": MOMENT,
                    "until": MAYBE_MOMENT,
                    "basis": TEXT,
                }
            ),
        },
    }
)
