"""How values are written on pages, in one way everywhere."""

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

ICONS = Path(settings.BASE_DIR) / "node_modules/@tabler/icons/icons/outline"

#: What a state or an outcome means for the reader: good, bad, warn, quiet.
TONES = {
    "serving": "good",
    "active": "good",
    "accepted": "good",
    "complete": "good",
    "pass": "good",
    "passed": "good",
    "closed": "quiet",
    "stopped": "quiet",
    "repeated": "quiet",
    "revoked": "quiet",
    "expired": "quiet",
    "suspended": "warn",
    "quarantined": "warn",
    "silent": "warn",
    "inferred": "warn",
    "abort": "warn",
    "unknown": "warn",
    "failed": "bad",
    "fail": "bad",
    "open": "bad",
    "conflict": "bad",
    "restricted": "bad",
    "confidential": "warn",
}


@cache
def _icon(name: str) -> SafeString:
    markup = (ICONS / f"{name}.svg").read_text()
    # markup of an installed package, by a name that a template wrote
    return mark_safe(markup.replace("<svg", '<svg aria-hidden="true" focusable="false"', 1))  # noqa: S308


@register.simple_tag
def icon(name: str) -> SafeString:
    """The outline icon of that name in Tabler's set; decoration only, so hidden from screen readers."""
    return _icon(name)


@register.filter
def utc(moment: datetime | None) -> str:
    """`2026-03-01 14:02 UTC`, machine-readable to the microsecond."""
    return _moment(moment, "%Y-%m-%d %H:%M")


@register.filter
def utc_seconds(moment: datetime | None) -> str:
    """`2026-03-01 14:02:31 UTC`, where minutes are too coarse."""
    return _moment(moment, "%Y-%m-%d %H:%M:%S")


def _moment(moment: datetime | None, form: str) -> str:
    if moment is None:
        return mark_safe('<span class="none">not known</span>')
    moment = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}">{} <span class="zone">UTC</span></time>',
        moment.isoformat(),
        moment.strftime(form),
    )


@register.filter
def number(value: float | None) -> str:
    """Digits in groups of three, parted by a narrow no-break space."""
    if value is None:
        return "–"
    return f"{value:,}".replace(",", "\u202f")


@register.filter
def percent(share: float) -> str:
    """A share of 1 as a percentage: `0.25` is `25 %`."""
    return f"{share * 100:g}\u202f%"


@register.filter
def words(value: str) -> str:
    """`dataset_version` as `dataset version`."""
    return str(value).replace("_", " ")


@register.filter
def plural(value: str) -> str:
    """`dataset_version` as `dataset versions`, for headings over lists of a kind."""
    return f"{words(value)}s"


@register.filter
def tone(state: str) -> str:
    """The tone of a state: `good`, `warn`, `bad` or `quiet`."""
    return TONES.get(str(state).lower(), "quiet")


@register.inclusion_tag("components/badge.html")
def badge(state: str, title: str = "") -> dict[str, str]:
    """A word with its tone as a dot; the word alone carries the meaning."""
    return {"state": state, "tone": tone(state), "title": title}


@register.inclusion_tag("components/tree.html")
def tree(value: Any) -> dict[str, Any]:
    """A JSON value as nested lists of names and values."""
    if isinstance(value, dict):
        return {"kind": "object", "items": value.items()}
    if isinstance(value, list):
        simple = all(not isinstance(item, dict | list) for item in value)
        return {"kind": "words" if simple else "list", "items": value}
    return {
        "kind": "value",
        "value": "–" if value is None else json.dumps(value) if isinstance(value, bool) else value,
    }
