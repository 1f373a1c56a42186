"""The questions about sources: who sends, and how complete each is."""

from typing import Any
from urllib.parse import urlencode

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from factory.kit import lists
from factory.kit.grants import MayAsk
from factory.kit.problems import Problem
from lineage.api import schema
from lineage.api.questions import moment, number, text
from lineage.api.source_shapes import SOURCE_PAGE, SOURCE_REPORT
from lineage.intake.models import Source
from lineage.intake.numbering import Numbering, as_sent
from lineage.intake.report import NoSuchSource, Report, SourceLine, lines, report

_REFUSALS = schema.refusals(400, 401, 403, 503)
_ORDER = ("pk",)


def line_body(line: SourceLine) -> dict[str, Any]:
    """A source as the list answers it."""
    one = line.source
    return {
        "door": one.door,
        "name": one.name,
        "state": line.state,
        "silent_from": line.due,
        "first_seen": one.first_seen,
        "last_seen": one.last_seen,
        "accepted": one.accepted,
        "repeated": one.repeated,
        "quarantined": one.quarantined,
        "refused_30_days": line.refused,
        "numbering": line.numbers or "none",
        "missing": line.missing if line.numbers in ("declared", "assumed") else None,
        "unended_runs": line.unended_runs,
    }


def report_body(found: Report, next_link: Any = lambda one: None) -> dict[str, Any]:
    """A report as JSON. `next_link` gives the address of a stream's further gaps."""
    return {
        "door": found.door,
        "name": found.name,
        "as_of": found.as_of,
        "from": found.since,
        "to": found.until,
        "state": found.state,
        "silent_from": found.due,
        "first_seen": found.first_seen,
        "last_seen": found.last_seen,
        "counts": {
            "accepted": found.accepted,
            "repeated": found.repeated,
            "quarantined": found.quarantined,
            "refused": found.refused_count,
        },
        "refused": [
            {"status": one.status, "code": one.code, "count": one.count, "last_at": one.last_at}
            for one in found.refused
        ],
        "numbering": [_numbering_body(one, next_link) for one in found.numbering],
        "unnumbered": found.unnumbered,
        "silences": [{"from": one.since, "to": one.ended_at} for one in found.silences],
        "unended_runs": [
            {
                "run": one.run,
                "job": one.job,
                "state": one.state,
                "began_at": one.began_at,
                "last_heard": one.heard_at,
                "allowed_seconds": one.allowed,
            }
            for one in found.unended_runs
        ],
        "last_events": [
            {
                "submission": str(one.submission),
                "index": one.index,
                "received_at": one.received_at,
                "outcome": one.outcome,
                "code": one.code,
                "type": one.event_type,
                "time": one.event_time,
                "sequence": one.sequence,
            }
            for one in found.last_events
        ],
        "notes": found.sentences(),
    }


def _numbering_body(one: Numbering, next_link: Any) -> dict[str, Any]:
    return {
        "source": one.stream,
        "counting": one.counting,
        "first": one.first,
        "last": one.last,
        "events": one.events,
        "received": one.received,
        # of texts that can only be ordered nobody can say what is missing
        "missing": None if one.counting == "ordered" else one.missing,
        "used_again": one.reused,
        "uncounted": one.uncounted,
        "senders": one.senders,
        "gaps": [
            {
                "first": as_sent(gap.low, one.counting),
                "last": as_sent(gap.high, one.counting),
                "missing": gap.missing,
                "known_since": gap.since,
            }
            for gap in one.gaps
        ],
        "next": next_link(one) if one.next_after is not None else None,
    }


class SourcesView(APIView):
    """The sources."""

    permission_classes = [MayAsk]

    @extend_schema(
        operation_id="listSources",
        tags=["Sources"],
        summary="Who sends events, who fell silent, and what is known to be missing of each",
        parameters=[
            OpenApiParameter("cursor", description="see `next` and `previous`"),
            OpenApiParameter("limit", int, description="how many at a time, at most 500 (50 if not given)"),
        ],
        responses={200: SOURCE_PAGE, **_REFUSALS},
    )
    def get(self, request: Request) -> Response:
        limit = number(request, "limit", 50, 1, 500)
        found, links = _page(request, limit)
        return Response({"results": [line_body(one) for one in lines(found, timezone.now())], **links})


def _page(request: Request, limit: int) -> tuple[list[Source], dict[str, str | None]]:
    """Return one page in the order in which sources were first seen, and its links. Raises Problem 400."""
    back, _, place = text(request, "cursor").rpartition("~")
    queryset = Source.objects.all()
    marks = lists.read_cursor(place, queryset, _ORDER) if place else None
    if place and (marks is None or back not in ("", "back")):
        raise Problem(400, detail="the cursor is not one that Plumbline gave out", code="invalid")
    rows, preceded, followed = lists.one_page(
        queryset, _ORDER, marks, down=False, back=bool(back), size=limit
    )

    def link(row: Source, way: str) -> str:
        query = request.query_params.dict() | {"cursor": way + lists.cursor(row, _ORDER)}
        return request.build_absolute_uri(f"{request.path}?{urlencode(query)}")

    return rows, {
        "next": link(rows[-1], "") if followed else None,
        "previous": link(rows[0], "back~") if preceded else None,
    }


class SourceReportView(APIView):
    """One source's report."""

    permission_classes = [MayAsk]

    @extend_schema(
        operation_id="reportSource",
        tags=["Sources"],
        summary="How complete one source is: counts, numbers that are missing, silences, runs without end",
        parameters=[
            OpenApiParameter("door", required=True, description="e.g. cloudevents"),
            OpenApiParameter(
                "name", description="the source's name; empty: pushes with no token that is known"
            ),
            OpenApiParameter("from", description="RFC 3339 with a zone; 30 days before `to` if not given"),
            OpenApiParameter("to", description="RFC 3339 with a zone; now if not given"),
            OpenApiParameter("limit", int, description="how many gaps, silences and runs, at most 1000"),
            OpenApiParameter("stream", description="with `after`, further gaps: see `next`"),
            OpenApiParameter("after", int, description="see `next`"),
        ],
        responses={200: SOURCE_REPORT, **schema.refusals(404), **_REFUSALS},
    )
    def get(self, request: Request) -> Response:
        door = text(request, "door")
        if not door:
            why = "say which door, e.g. ?door=cloudevents"
            raise Problem(400, detail=why, code="invalid", errors=[{"pointer": "/door", "detail": why}])
        try:
            found = report(
                door,
                text(request, "name"),
                now=timezone.now(),
                since=moment(request, "from"),
                until=moment(request, "to"),
                listed=number(request, "limit", 100, 1, 1000),
                stream=text(request, "stream"),
                after=_after(request),
            )
        except NoSuchSource as error:
            raise Problem(404, detail=str(error), code="unknown_source") from None
        except ValueError as error:
            raise Problem(
                400, detail=str(error), code="invalid", errors=[{"pointer": "/to", "detail": str(error)}]
            ) from None

        def next_link(one: Numbering) -> str:
            query = request.query_params.dict() | {"stream": one.stream, "after": str(one.next_after)}
            return request.build_absolute_uri(f"{request.path}?{urlencode(query)}")

        return Response(report_body(found, next_link))


def _after(request: Request) -> int:
    given = text(request, "after")
    if not given:
        return -1
    if not (given.isascii() and given.isdigit() and len(given) <= 18):
        why = "after is a whole number that an answer gave"
        raise Problem(400, detail=why, code="invalid", errors=[{"pointer": "/after", "detail": why}])
    return int(given)
