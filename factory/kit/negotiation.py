"""Which form an answer has: the one asked for, else the first that the address has (JSON)."""

from collections.abc import Iterable
from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request


class Lenient(DefaultContentNegotiation):
    """Disregards an `Accept` that names nothing we have, as RFC 9110 section 12.5.1 allows: an event is
    not refused for the form of the receipt."""

    def select_renderer(
        self, request: Request, renderers: Iterable[Any], format_suffix: str | None = None
    ) -> tuple[Any, str]:
        known = list(renderers)
        try:
            return super().select_renderer(request, known, format_suffix)
        except NotAcceptable:
            return known[0], known[0].media_type
