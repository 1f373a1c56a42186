"""What watches Plumbline from outside: does it live, can it commit, what does it count."""

import ipaddress
import os
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.module_loading import import_string
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from factory.kit.grants import MayAsk
from factory.kit.problems import RETRY_AFTER, Problem, check_space

REQUESTS = Counter("plumbline_http_requests_total", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "plumbline_http_request_seconds",
    "Time from a request to its answer, streamed bodies excluded.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30),
)
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class FromHere(BasePermission):
    """Requests from this machine itself; one that a proxy passed on is not from here."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if "HTTP_X_FORWARDED_FOR" in request.META or "HTTP_FORWARDED" in request.META:
            return False
        try:
            return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
        except ValueError:
            return False


class Watched(APIView):
    """A page for monitors: no session, no sign-in, never cached."""

    permission_classes: list[Any] = []
    schema = None

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response["Cache-Control"] = "no-store"
        return super().finalize_response(request, response, *args, **kwargs)


class Lives(Watched):
    """GET /healthz: the process answers."""

    authentication_classes: list[Any] = []

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse("ok\n", content_type="text/plain")


class CanCommit(Watched):
    """GET /readyz: a real transaction was committed; 503 where the database can't, or the disk is full."""

    authentication_classes: list[Any] = []

    def get(self, request: Request) -> HttpResponse:
        check_space()
        with transaction.atomic(), connection.cursor() as cursor:
            # A message to nobody: its commit has to reach the disk as any other, but it leaves no row.
            cursor.execute("SELECT pg_logical_emit_message(true, 'plumbline', 'ready')")
            cursor.execute("SHOW transaction_read_only")
            read_only = cursor.fetchone() == ("on",)
        if read_only:
            raise Problem(
                503,
                detail="the database takes no writes",
                code="cannot_commit",
                headers={"Retry-After": str(RETRY_AFTER)},
            )
        return HttpResponse("ok\n", content_type="text/plain")


class Metrics(Watched):
    """GET /metrics: Prometheus text, for a token that opens the questions, or from this machine."""

    permission_classes = [FromHere | MayAsk]

    def get(self, request: Request) -> HttpResponse:
        registry: CollectorRegistry = REGISTRY
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        gauges = CollectorRegistry()
        gauges.register(Gauges())
        text = generate_latest(registry) + generate_latest(gauges)
        return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


class Gauges(Collector):
    """What the rooms say of their state at this moment: `{name: (help, value)}` by settings.GAUGES."""

    def collect(self) -> Iterable[GaugeMetricFamily]:
        try:
            now = import_string(settings.GAUGES)()
        except DatabaseError:
            # Counters are worth having also while the database is away.
            return
        for name, (words, value) in now.items():
            yield GaugeMetricFamily(name, words, value)


def count_requests(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: counts every request by its route, never by its address, which may hold names."""

    def middleware(request: HttpRequest) -> HttpResponse:
        started = perf_counter()
        response = get_response(request)
        route = request.resolver_match.route if request.resolver_match else "none"
        method = request.method if request.method in METHODS else "other"
        REQUESTS.labels(method, route, response.status_code).inc()
        SECONDS.labels(method, route).observe(perf_counter() - started)
        return response

    return middleware


urlpatterns = [
    path("healthz", Lives.as_view()),
    path("readyz", CanCommit.as_view()),
    path("metrics", Metrics.as_view()),
]
