"""One source's page: what came of it, and what is known to be missing."""

from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from factory.kit.lists import Column, csv_lines, query
from factory.kit.times import BadTime
from lineage.api.sources import report_body
from lineage.intake.numbering import Gap, Numbering, as_sent
from lineage.intake.report import LISTED, NoSuchSource, Report, report
from lineage.intake.report_rows import Row, rows
from lineage.intake.unended import Unended
from lineage.pages import links
from lineage.pages.moments import field_value, read_moment
from lineage.pages.sources import DOORS

#: Gaps, silences and runs that a download lists; it says where there are more.
IN_A_FILE = 10_000
ON_A_PAGE = 50
COLUMNS = tuple(
    Column(name, name, lambda row, name=name: getattr(row, name))  # type: ignore[misc]
    for name in Row._fields
)


class GapLine(NamedTuple):
    """A gap as its source writes the numbers."""

    first: int
    last: int
    missing: int
    since: datetime


class Stream(NamedTuple):
    """A stream's numbering with its page of gaps; `next` and `begin` are addresses, or empty."""

    numbering: Numbering
    gaps: list[GapLine]
    next: str
    begin: str


class RunLine(NamedTuple):
    """A run that never ended, with where its page is."""

    run: Unended
    name: str
    href: str
    job: str
    job_href: str


def source_report(request: HttpRequest) -> HttpResponseBase:
    """GET /sources/report/?door=&name=&from=&to=; `format=csv` or `json` downloads it."""
    wanted = request.GET.get("format", "")
    problem = ""
    try:
        found = _asked(request, IN_A_FILE if wanted in ("csv", "json") else ON_A_PAGE)
    except NoSuchSource as error:
        raise Http404(str(error)) from None
    except (BadTime, ValueError) as error:
        problem = (
            f"The period can't be read: the time {error}." if isinstance(error, BadTime) else f"{error}."
        )
        found = _asked(request, ON_A_PAGE, whole=True)
    if wanted == "csv" and not problem:
        return _download(csv_lines(COLUMNS, rows(found)), "text/csv; charset=utf-8", found, "csv")
    if wanted == "json" and not problem:
        body = msgspec.json.format(msgspec.json.encode(report_body(found)), indent=2)
        return _download([body], "application/json", found, "json")
    context: dict[str, Any] = {
        "report": found,
        "door": DOORS.get(found.door, found.door),
        "problem": problem[:1].upper() + problem[1:],
        "from": field_value(found.since),
        "to": field_value(found.until),
        "streams": [_stream(request, one) for one in found.numbering],
        "runs": [_run(one) for one in found.unended_runs],
        "cut": LISTED,
        "csv": _address(request, format="csv"),
        "json": _address(request, format="json"),
        "quarantine": links.page("lineage:intake", door=found.door, source=found.name),
    }
    return render(request, "lineage/source.html", context, status=400 if problem else 200)


def _asked(request: HttpRequest, listed: int, *, whole: bool = False) -> Report:
    """Return the report that the URL asks for; with `whole` whatever period it names."""
    asked = request.GET
    after = asked.get("after", "")
    return report(
        asked.get("door", "").replace("\0", ""),
        asked.get("name", "").replace("\0", ""),
        now=timezone.now(),
        since=None if whole else read_moment(asked.get("from", "")),
        until=None if whole else read_moment(asked.get("to", "")),
        listed=listed,
        stream=asked.get("stream", ""),
        after=int(after) if after.isascii() and after.isdigit() and len(after) < 19 else -1,
    )


def _address(request: HttpRequest, **change: str) -> str:
    kept = {name: request.GET.get(name, "") for name in ("door", "name", "from", "to")}
    return query([*(kept | change).items()])


def _stream(request: HttpRequest, one: Numbering) -> Stream:
    paged = request.GET.get("stream") == one.stream and bool(request.GET.get("after"))
    more = "" if one.next_after is None else _address(request, stream=one.stream, after=str(one.next_after))
    return Stream(
        one, [_gap(gap, one.counting) for gap in one.gaps], more, _address(request) if paged else ""
    )


def _gap(gap: Gap, counting: str) -> GapLine:
    return GapLine(as_sent(gap.low, counting), as_sent(gap.high, counting), gap.missing, gap.since)


def _run(one: Unended) -> RunLine:
    return RunLine(
        one, links.named(one.run), links.node_href(one.run), links.named(one.job), links.node_href(one.job)
    )


def _download(
    lines: Any, content_type: str, found: Report, ending: str
) -> HttpResponse | StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type=content_type)
    who = "".join(
        c if c.isalnum() and c.isascii() else "-" for c in f"{found.door}-{found.name or 'unknown'}"
    )
    name = f"source-{who}-{found.since:%Y-%m-%d}-{found.until:%Y-%m-%d}.{ending}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
