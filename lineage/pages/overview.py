"""Overview: what needs attention, what runs where, what came in last."""

from datetime import timedelta
from itertools import groupby
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from factory.kit.lists import COUNTED, bounded_count
from lineage.entities.keys import UNKNOWN
from lineage.entities.models import NodeState
from lineage.graph.serving import Served, serving
from lineage.graph.standing import standing
from lineage.intake.models import Outcome, Reading
from lineage.intake.sources import in_quarantine
from lineage.pages import charts, links
from lineage.pages.sources import SourceHealth, all_sources

NEWEST = 12
INCIDENTS = 10
CHART_HOURS = 24
OUTCOMES = (Outcome.ACCEPTED.value, Outcome.QUARANTINED.value, Outcome.REPEATED.value)


class Tile(NamedTuple):
    """A number that may need a look; `tone` is `bad` or `warn` where it isn't zero, else `good`."""

    title: str
    counted: str
    tone: str
    href: str


def tile(title: str, count: str, tone: str, href: str) -> Tile:
    return Tile(title, count, "good" if count == "0" else tone, href if count != "0" else "")


def attention(incidents: str, sources: list[SourceHealth]) -> list[Tile]:
    """The numbers at the top: one bounded count each."""
    known = standing(NodeState.objects.filter(canonical=None))
    silent = sum(one.state == "silent" for one in sources)
    return [
        tile("open incidents", incidents, "bad", links.page("lineage:inventory", "incident", state="open")),
        tile(
            "failed deployments",
            bounded_count(known.filter(kind="deployment", state="failed")),
            "bad",
            links.page("lineage:inventory", "deployment", state="failed"),
        ),
        tile(
            "events in quarantine",
            bounded_count(in_quarantine()),
            "warn",
            f"{links.page('lineage:intake')}#quarantine",
        ),
        tile("silent sources", str(silent), "warn", links.page("lineage:intake")),
        tile("contradictions", bounded_count(known.filter(conflicting=True)), "warn", ""),
        tile(
            "unknown versions",
            bounded_count(known.filter(kind="dataset_version", version=UNKNOWN)),
            "warn",
            links.page("lineage:inventory", "dataset_version", version=UNKNOWN),
        ),
    ]


def by_environment(served: list[Served]) -> list[tuple[str, list[Served]]]:
    """What is served, grouped by environment, production first."""
    order = sorted(
        served, key=lambda one: (not one.environment.startswith("prod"), one.environment, one.department)
    )
    return [(name, list(group)) for name, group in groupby(order, key=lambda one: one.environment)]


def overview(request: HttpRequest) -> HttpResponse:
    """GET /."""
    now = timezone.now()
    newest = list(Reading.objects.order_by("-id")[:NEWEST])
    if not newest:
        return render(request, "lineage/overview_empty.html", {"public_url": request.build_absolute_uri("/")})
    open_incidents = NodeState.objects.filter(kind="incident", canonical=None, state="open").order_by(
        "-last_known", "pk"
    )
    incidents = list(open_incidents.defer("fold", "search")[:INCIDENTS])
    sources = all_sources(now)
    since = now - timedelta(hours=CHART_HOURS)
    counts = [(hour, outcome, count) for hour, _, _, outcome, count in charts.hourly(since)]
    context: dict[str, Any] = {
        "tiles": attention(bounded_count(open_incidents), sources),
        "incidents": [(row, row.attributes.get("subject", "")) for row in incidents],
        "conflicts": NodeState.objects.filter(conflicting=True, canonical=None).defer("fold", "search")[
            :INCIDENTS
        ],
        "environments": by_environment(serving()),
        "newest": newest,
        "chart": charts.events_per_hour(
            counts,
            charts.hours_between(since, now),
            chart_id="events-per-hour",
            title="Events per hour",
            order=OUTCOMES,
        ),
        "counted": COUNTED,
    }
    return render(request, "lineage/overview.html", context)
