"""One submission: the body as it was received, what became of its events, what rests on it."""

import json
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import F, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from lineage.entities.models import Retracted
from lineage.graph.models import ClaimFact, Edge
from lineage.intake.erase_models import ERASED
from lineage.intake.models import Outcome, Reading, Submission
from lineage.intake.vault import BodyDestroyed, open_body
from lineage.pages.sources import DOORS

#: A longer body is shown in part, and can be downloaded whole.
SHOWN_BYTES = 200_000
SHOWN_READINGS = 200
SHOWN_EDGES = 100


class Body(NamedTuple):
    """A body as text around the place that a refusal points to: `before`, `marked`, `after`."""

    before: str
    marked: str
    after: str
    cut: bool
    json: bool


class Place(NamedTuple):
    """A value inside an indented JSON text: where its lines begin and end."""

    start: int
    end: int


def spell(value: Any, pointer: list[str] | None, indent: int = 0) -> tuple[str, Place | None]:
    """Return `value` indented and the place of what `pointer` leads to, or of what it comes nearest to."""
    if pointer == []:
        text = json.dumps(value, indent=2, ensure_ascii=False).replace("\n", "\n" + " " * indent)
        return text, Place(0, len(text))
    inside = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    )
    if pointer is None or inside is None or not value:
        text, _ = spell(value, [], indent)
        return text, None
    pad, place = " " * (indent + 2), None
    text = "{\n" if isinstance(value, dict) else "[\n"
    for position, (name, item) in enumerate(inside):
        label = f"{json.dumps(name, ensure_ascii=False)}: " if isinstance(value, dict) else ""
        text += f"{pad}{label}"
        here = pointer if str(name) == pointer[0] else None
        spelt, found = spell(item, here[1:] if here else None, indent + 2)
        if here:
            found = found or Place(0, len(spelt))
            place = Place(len(text) + found.start, len(text) + found.end)
        text += f"{spelt}{',' if position < len(value) - 1 else ''}\n"
    return f"{text}{' ' * indent}{'}' if isinstance(value, dict) else ']'}", place


def parts(pointer: str) -> list[str]:
    """A JSON pointer's tokens (RFC 6901 section 4)."""
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def laid_out(raw: bytes, pointer: str) -> Body:
    """Make a body readable, and mark what `pointer` leads to."""
    try:
        value = json.loads(raw)
        text, place = spell(value, parts(pointer) if pointer else None)
        is_json = True
    except (ValueError, RecursionError):
        text, place, is_json = raw.decode(errors="replace"), None, False
    cut = len(text) > SHOWN_BYTES
    if place is None:
        return Body(text[:SHOWN_BYTES], "", "", cut, is_json)
    start = max(0, place.start - SHOWN_BYTES // 2)
    end = min(len(text), place.start + SHOWN_BYTES // 2)
    stop = min(place.end, end)
    return Body(text[start : place.start], text[place.start : stop], text[stop:end], cut, is_json)


def edges_resting_on(readings: list[Reading]) -> list[Edge]:
    """Edges that the claims of these readings are evidence of, those that stand first: two queries."""
    claims = ClaimFact.objects.filter(reading_id__in=[reading.pk for reading in readings])
    told = set(claims.values_list("actor_id", "kind", "entity_id").distinct()[: 10 * SHOWN_EDGES])
    if not told:
        return []
    actors = {actor for actor, _, _ in told}
    # an edge's actor is one of its ends, which the indexes know
    touching = Edge.objects.filter(
        Q(source_id__in=actors) | Q(target_id__in=actors),
        actor_id__in=actors,
        entity_id__in={entity for _, _, entity in told},
    )
    found = touching.select_related("source", "target").order_by(
        F("superseded_at").desc(nulls_first=True), "id"
    )
    return [edge for edge in found[: 10 * SHOWN_EDGES] if (edge.actor_id, edge.kind, edge.entity_id) in told]


def submission(request: HttpRequest, pk: UUID) -> HttpResponse:
    """GET /submission/<id>/; `reading` picks the event whose pointer is marked."""
    row = get_object_or_404(Submission, pk=pk)
    readings = list(Reading.objects.filter(submission=row).order_by("index", "-id")[: SHOWN_READINGS + 1])
    retracted = set(
        Retracted.objects.filter(reading_id__in=[reading.pk for reading in readings]).values_list(
            "reading_id", flat=True
        )
    )
    refused = [reading for reading in readings if reading.outcome == Outcome.QUARANTINED]
    wanted = request.GET.get("reading", "")
    marked = next((r for r in refused if str(r.pk) == wanted), refused[0] if refused else None)
    try:
        shown = laid_out(open_body(row), marked.pointer if marked else "")
    except BodyDestroyed:
        shown = None
    edges = edges_resting_on(readings)
    context = {
        "submission": row,
        "door": DOORS.get(row.door, row.door),
        "sha256": bytes(row.sha256).hex(),
        "readings": [(reading, reading.pk in retracted) for reading in readings[:SHOWN_READINGS]],
        "more_readings": len(readings) > SHOWN_READINGS,
        "marked": marked,
        "body": shown,
        "erased": any(reading.code == ERASED for reading in readings),
        "edges": edges[:SHOWN_EDGES],
        "more_edges": len(edges) > SHOWN_EDGES,
    }
    return render(request, "lineage/submission.html", context)


def body(request: HttpRequest, pk: UUID) -> HttpResponse:
    """GET /submission/<id>/body/: the bytes as they were received, for download."""
    row = get_object_or_404(Submission, pk=pk)
    try:
        raw = open_body(row)
    except BodyDestroyed:
        raise Http404("the key of this body was destroyed, and with it the body") from None
    # never shown as a page: it is a stranger's bytes
    response = HttpResponse(raw, content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="submission-{row.pk}.json"'
    response["X-Content-Type-Options"] = "nosniff"
    return response
