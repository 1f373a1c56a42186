"""The shapes of answers about sources, for the OpenAPI document (JSON Schema 2020-12)."""

from typing import Any

from lineage.api.schema import COUNT, ID, MAYBE_MOMENT, MOMENT, TEXT, TEXTS

MAYBE_COUNT = {"type": ["integer", "null"], "minimum": 0}
MAYBE_TEXT = {"type": ["string", "null"]}
COUNTING = {
    "enum": ["declared", "assumed", "ordered"],
    "description": "declared: sequencetype is Integer; assumed: whole numbers without a type;"
    " ordered: values that can be compared and not counted, so that gaps can't be seen",
}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


SOURCE_LINE = _object(
    door=TEXT,
    name=TEXT,
    state={"enum": ["sending", "silent", "new"]},
    silent_from=MAYBE_MOMENT,
    first_seen=MOMENT,
    last_seen=MOMENT,
    accepted=COUNT,
    repeated=COUNT,
    quarantined=COUNT,
    refused_30_days=COUNT,
    numbering={"enum": [*COUNTING["enum"], "none"]},
    missing=MAYBE_COUNT
    | {"description": "null where it numbers nothing that can be counted: gaps can't be seen"},
    unended_runs=COUNT,
)
SOURCE_PAGE = _object(results=_list(SOURCE_LINE), next=MAYBE_TEXT, previous=MAYBE_TEXT)

_GAP = _object(first={"type": "integer"}, last={"type": "integer"}, missing=COUNT, known_since=MOMENT)
_NUMBERING = _object(
    source=TEXT | {"description": "the CloudEvents source"},
    counting=COUNTING,
    first=TEXT,
    last=TEXT,
    events=COUNT,
    received=COUNT | {"description": "different numbers"},
    missing=MAYBE_COUNT,
    used_again=COUNT | {"description": "events whose number another event had: the numbering began anew"},
    uncounted=COUNT,
    senders=TEXTS,
    gaps=_list(_GAP),
    next=MAYBE_TEXT,
)
SOURCE_REPORT = {
    "type": "object",
    "properties": {
        "door": TEXT,
        "name": TEXT,
        "as_of": MOMENT,
        "from": MOMENT | {"description": "widened to full hours, as `to`"},
        "to": MOMENT,
        "state": {"enum": ["sending", "silent", "new", ""]},
        "silent_from": MAYBE_MOMENT,
        "first_seen": MAYBE_MOMENT,
        "last_seen": MAYBE_MOMENT,
        "counts": _object(accepted=COUNT, repeated=COUNT, quarantined=COUNT, refused=COUNT),
        "refused": _list(_object(status={"type": "integer"}, code=TEXT, count=COUNT, last_at=MOMENT)),
        "numbering": _list(_NUMBERING),
        "unnumbered": COUNT,
        "silences": _list(_object(**{"from": MOMENT, "to": MAYBE_MOMENT})),
        "unended_runs": _list(
            _object(
                run=TEXT,
                job=TEXT,
                state=TEXT,
                began_at=MOMENT,
                last_heard=MOMENT,
                allowed_seconds={"type": "number"},
            )
        ),
        "last_events": _list(
            _object(
                submission=ID,
                index=COUNT,
                received_at=MOMENT,
                outcome=TEXT,
                code=TEXT,
                type=TEXT,
                time=MAYBE_MOMENT,
                sequence=TEXT,
            )
        ),
        "notes": TEXTS,
    },
}
SOURCE_REPORT["required"] = list(SOURCE_REPORT["properties"])
