"""Connect a source: a ready snippet with a new token, and whether its first event has arrived."""

import re
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.cache import never_cache

from factory.kit.grants import Issued, issue_token
from factory.kit.ids import new_id
from factory.kit.times import format_time
from lineage.intake.models import Outcome, Reading
from lineage.pages import links
from lineage.pages.sources import DOORS

#: Stands in a snippet until there is a token.
NO_TOKEN = "YOUR_TOKEN"  # noqa: S105 it is none
MAY_ISSUE = "governance.add_apitoken"


class Tool(NamedTuple):
    """What can be connected; its snippets are templates/lineage/connect/<name>*.txt."""

    name: str
    title: str
    door: str
    steps: tuple[tuple[str, str], ...]


TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            "airflow",
            "OpenLineage for Airflow",
            "openlineage",
            (
                (
                    "Install the provider where the scheduler and the workers run (Airflow 2.7 or later).",
                    "airflow_install",
                ),
                (
                    "Set these in their environment and restart them. Every task then reports itself.",
                    "airflow",
                ),
            ),
        ),
        Tool(
            "spark",
            "OpenLineage for Spark",
            "openlineage",
            (
                (
                    "Submit the job with the listener. For Scala 2.13 (Spark 4) take openlineage-spark_2.13.",
                    "spark",
                ),
            ),
        ),
        Tool(
            "dbt",
            "OpenLineage for dbt",
            "openlineage",
            (("Install the wrapper beside dbt.", "dbt_install"), ("Run dbt-ol in place of dbt.", "dbt")),
        ),
        Tool(
            "python",
            "OpenLineage for Python",
            "openlineage",
            (
                ("Install the client.", "python_install"),
                ("Keep this as openlineage.yml in the folder that the program runs in.", "python_config"),
                ("Send a first event.", "python"),
            ),
        ),
        Tool(
            "cloudevents",
            "CloudEvents",
            "cloudevents",
            (
                (
                    "Send an event in structured mode. /api/v1/events/schemas/ has the schema of each type.",
                    "cloudevents",
                ),
            ),
        ),
        Tool("curl", "curl", "openlineage", (("Send an OpenLineage event by hand.", "curl"),)),
    )
}


class Step(NamedTuple):
    """One thing to do, and what to paste."""

    text: str
    snippet: str


def own_address(request: HttpRequest) -> str:
    """Where sources reach this installation: PUBLIC_URL, or where the asker reached it."""
    unset = f"http://localhost:{settings.PORT}"
    if unset != settings.PUBLIC_URL:
        return settings.PUBLIC_URL
    return request.build_absolute_uri("/").rstrip("/")


def steps(tool: Tool, request: HttpRequest, secret: str, source: str) -> list[Step]:
    """The snippets of a tool, with the address and the token in place."""
    context = {
        "url": own_address(request),
        "token": secret,
        # it stands between quotes in files and on command lines
        "namespace": re.sub(r"[^A-Za-z0-9._-]+", "-", source).strip("-") or "my-namespace",
        "id": str(new_id()),
        "now": format_time(timezone.now().replace(microsecond=0)),
    }
    return [
        Step(text, render_to_string(f"lineage/connect/{name}.txt", context).strip())
        for text, name in tool.steps
    ]


@never_cache
def connect(request: HttpRequest) -> HttpResponse:
    """GET /connect/?tool=; POST with `tool` and `name` makes a token and shows it this once."""
    asked = request.POST if request.method == "POST" else request.GET
    tool = TOOLS.get(asked.get("tool", ""), TOOLS["airflow"])
    name = asked.get("name", "").strip()
    issued: Issued | None = None
    problem = ""
    if request.method == "POST":
        try:
            issued = issue_token(name, doors=[tool.door], request=request)
        except (ValueError, PermissionDenied) as error:
            problem = str(error)
    context: dict[str, Any] = {
        "tools": [(one, one.name == tool.name) for one in TOOLS.values()],
        "tool": tool,
        "door": DOORS[tool.door],
        "name": name,
        "problem": problem,
        "issued": issued,
        "may_issue": request.user.has_perm(MAY_ISSUE),
        "steps": steps(tool, request, issued.secret if issued else NO_TOKEN, issued.name if issued else ""),
        "no_token": NO_TOKEN,
    }
    if issued:
        context |= waiting(tool.door, issued.name, timezone.now())
    status = 400 if problem else 200
    return render(request, "lineage/connect.html", context, status=status)


def waiting(door: str, source: str, since: datetime) -> dict[str, Any]:
    """What came from a source since then: the newest reading, and where to ask again."""
    newest = Reading.objects.filter(door=door, source=source, known_at__gte=since).order_by("-id").first()
    return {
        "reading": newest,
        "refused": newest is not None and newest.outcome == Outcome.QUARANTINED,
        "source": source,
        "again": links.page("lineage:connect-arrived", door=door, source=source, since=since.isoformat()),
    }


@never_cache
def arrived(request: HttpRequest) -> HttpResponse:
    """GET /connect/arrived/?source=&door=&since=: a fragment for htmx, a page for everybody else."""
    try:
        since = parse_datetime(request.GET.get("since", ""))
    except ValueError:
        since = None
    if since is None or since.tzinfo is None:
        since = timezone.now() - timedelta(hours=1)
    door = request.GET.get("door", "openlineage")
    context = waiting(door, request.GET.get("source", "").replace("\x00", ""), since)
    live = bool(request.headers.get("HX-Request"))
    return render(
        request, "lineage/connect_arrived.html" if live else "lineage/connect_waiting.html", context
    )
