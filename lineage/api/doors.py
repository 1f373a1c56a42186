"""The doors that events come in by. Nothing is answered with 2xx before it is committed."""

from collections import Counter
from typing import Any, cast

from django.conf import settings
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from factory.kit.grants import Grant, MayUse
from factory.kit.problems import Problem, cannot_commit, check_space, problem_of
from lineage.api import body, metrics
from lineage.api.schema import BATCH_RESULT, STORED, refusals
from lineage.intake import refused
from lineage.intake.arrival import Arrival, Event
from lineage.intake.cloudevents import envelope, schemas
from lineage.intake.derived import Refused
from lineage.intake.doors import arrive
from lineage.intake.models import Outcome
from lineage.intake.turnstile import CannotCommit, pass_through

_STORED = OpenApiResponse(STORED, "stored, and in the graph")
_REPEATED = OpenApiResponse(STORED, "a repeat: it was stored before")
_BATCH = OpenApiResponse(BATCH_RESULT, "received; failed events are kept in quarantine")
_REFUSED = refusals(400, 401, 403, 413, 415, 503)


class DoorView(APIView):
    """What all doors do: read, keep, answer."""

    permission_classes = [MayUse]
    parser_classes: list[Any] = []
    door = ""

    def handle_exception(self, exc: Exception) -> Response:
        """Count a push that is refused before anything of it is kept."""
        problem = problem_of(exc)
        if problem is not None and "submission" not in problem.extra and self.request.method == "POST":
            # not `self.request.auth`, which would look the token up once more where that has failed
            name = getattr(getattr(self.request, "_auth", None), "name", "")
            refused.count(self.door, name, problem.status, problem.code, timezone.now())
        return super().handle_exception(exc)

    def take(self, request: Request, *, batch: bool, headers: dict[str, str] | None = None) -> Arrival:
        """Read the body and record it. Raises Problem."""
        check_space()
        unpackable = None
        try:
            content = body.read_body(
                request._request, settings.MAX_BATCH_BYTES if batch else settings.MAX_EVENT_BYTES
            )
        except body.Packed as error:
            content, unpackable = error.raw, error.refusal
        grant = cast(Grant, request.auth)
        arrival = arrive(
            self.door,
            content,
            source=grant.name,
            grant=grant,
            received_at=timezone.now(),
            content_type=request.content_type or "",
            headers=headers,
            batch=batch,
            refusal=unpackable,
        )
        try:
            pass_through(arrival)
        except CannotCommit as error:
            raise cannot_commit(error) from error
        metrics.count(arrival)
        return arrival

    def answer_one(self, arrival: Arrival) -> Response:
        """Answer for a single event. Raises Problem where it was refused."""
        event = arrival.events[0]
        _raise_refused(arrival, event)
        assert event.verdict is not None
        answer: dict[str, Any] = {"submission": str(arrival.id), "status": "stored"}
        if event.verdict.outcome == Outcome.REPEATED:
            answer |= {"status": "repeated", "repeat_of": str(event.verdict.repeat_of)}
        return Response(answer, status=event.verdict.status)

    def answer_batch(self, arrival: Arrival) -> Response:
        """Answer for a batch as OpenLineage's HTTP API has it. Raises Problem where it was no batch."""
        if arrival.unreadable:
            _raise_refused(arrival, arrival.events[0])
        verdicts = [event.verdict for event in arrival.events if event.verdict]
        outcomes = Counter(verdict.outcome for verdict in verdicts)
        failed = outcomes[Outcome.QUARANTINED]
        return Response(
            {
                "status": "partial_success" if failed else "success",
                "summary": {
                    "received": len(verdicts),
                    "successful": len(verdicts) - failed,
                    "failed": failed,
                    "retriable": 0,
                    "non_retriable": failed,
                },
                "failed_events": [
                    {
                        "index": event.index,
                        "reason": event.verdict.reason,
                        "retriable": False,
                        "code": event.verdict.code,
                        "pointer": event.verdict.pointer,
                    }
                    for event in arrival.events
                    if event.verdict and event.verdict.outcome == Outcome.QUARANTINED
                ],
                "submission": str(arrival.id),
                "repeated": outcomes[Outcome.REPEATED],
            }
        )


_TITLES = {400: "The event is not understood", 403: "The token may not send this", 409: "The id is taken"}


def _raise_refused(arrival: Arrival, event: Event) -> None:
    verdict = event.verdict
    if verdict is None or verdict.outcome != Outcome.QUARANTINED:
        return
    raise Problem(
        verdict.status,
        title=_TITLES.get(verdict.status, ""),
        detail=verdict.reason,
        code=verdict.code,
        errors=[{"pointer": verdict.pointer, "detail": verdict.reason}],
        extra={"submission": str(arrival.id)},
    )


_EVENT = {"application/json": OpenApiTypes.OBJECT}


class OpenLineageView(DoorView):
    """OpenLineage 2-0-2: one event."""

    door = "openlineage"

    @extend_schema(
        operation_id="postRunEvent",
        tags=["OpenLineage"],
        summary="Send one RunEvent, DatasetEvent or JobEvent",
        request=_EVENT,
        responses={201: _STORED, 200: _REPEATED, **_REFUSED},
    )
    def post(self, request: Request) -> Response:
        body.require_json(request.content_type or "")
        return self.answer_one(self.take(request, batch=False))


class OpenLineageBatchView(DoorView):
    """OpenLineage 2-0-2: an array of events."""

    door = "openlineage"

    @extend_schema(
        operation_id="postEventBatch",
        tags=["OpenLineage"],
        summary="Send an array of RunEvents, DatasetEvents and JobEvents",
        request={"application/json": {"type": "array", "items": {"type": "object"}}},
        responses={200: _BATCH, **_REFUSED},
    )
    def post(self, request: Request) -> Response:
        body.require_json(request.content_type or "")
        return self.answer_batch(self.take(request, batch=True))


class CloudEventsView(DoorView):
    """CloudEvents 1.0 over HTTP: structured, binary and batched content mode."""

    door = "cloudevents"

    @extend_schema(
        operation_id="postCloudEvents",
        tags=["CloudEvents"],
        summary="Send one CloudEvent, or an array of them",
        request={
            "application/cloudevents+json": OpenApiTypes.OBJECT,
            "application/cloudevents-batch+json": {"type": "array", "items": {"type": "object"}},
        },
        responses={
            201: _STORED,
            200: OpenApiResponse({"oneOf": [STORED, BATCH_RESULT]}, "a repeat, or a batch was received"),
            **refusals(409),
            **_REFUSED,
        },
    )
    def post(self, request: Request) -> Response:
        content_type = request.headers.get("Content-Type", "")
        try:
            mode = envelope.mode(content_type, request.headers)
        except Refused as refusal:
            raise Problem(refusal.status, detail=refusal.reason, code=refusal.code) from None
        if mode == "batch":
            return self.answer_batch(self.take(request, batch=True))
        headers = None
        if mode == "binary":
            lower = {name.lower(): value for name, value in request.headers.items()}
            headers = {n: value for n, value in lower.items() if n == "content-type" or n.startswith("ce-")}
        return self.answer_one(self.take(request, batch=False, headers=headers))


class SchemaListView(APIView):
    """The vocabulary: every type of event that is understood."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []

    @extend_schema(
        operation_id="listEventTypes",
        tags=["CloudEvents"],
        summary="The types of events that are understood",
        responses={
            200: {
                "type": "object",
                "properties": {"types": {"type": "object", "additionalProperties": {"type": "string"}}},
            }
        },
    )
    def get(self, request: Request) -> Response:
        at = request.build_absolute_uri
        return Response({"types": {name: at(name) for name in schemas.all_types()}})


class SchemaView(APIView):
    """The JSON Schema (2020-12) of one type."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []

    @extend_schema(
        operation_id="getEventSchema",
        tags=["CloudEvents"],
        summary="The JSON Schema of one type's data",
        parameters=[OpenApiParameter("event_type", str, "path", description="e.g. factory.usage.recorded")],
        responses={(200, "application/schema+json"): OpenApiTypes.OBJECT, **refusals(404)},
    )
    def get(self, request: Request, event_type: str) -> Response:
        if event_type not in schemas.all_types():
            raise Problem(404, detail=f"there is no event type {event_type!r}", code="unknown-type")
        return Response(schemas.schema_for(event_type), content_type="application/schema+json")
