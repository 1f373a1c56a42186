"""How long entries are kept: the classes, their presets, and what a class matches."""

import calendar
import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.http import HttpRequest

from factory.kit.canonical import canonical
from factory.kit.recording import CONSOLE, SYSTEM, actor_of, record
from governance.audit.retention.models import RetentionClass

#: The reason of the entry that a preset is made with.
SYSTEM_MADE = "a preset"
#: Patterns of a class, in the order of the page.
PATTERNS = ("actions", "doors", "sources", "event_types")

_LOGS = {
    "actions": ["evaluation.*"],
    "doors": [],
    "event_types": [
        "factory.outcome.recorded",
        "factory.usage.recorded",
        "factory.feedback.recorded",
        "factory.task.completed",
        "factory.measurement.recorded",
    ],
}
_DOCUMENTATION = {
    "actions": ["approval.*", "policy.*", "report.*"],
    "event_types": [
        "factory.system.declared",
        "factory.dataset_version.declared",
        "factory.model_version.registered",
        "factory.model_alias.moved",
        "factory.test.recorded",
        "factory.deployment.changed",
        "factory.agent.registered",
    ],
}
_Day = TypeVar("_Day", date, datetime)
_AI_ACT = "Regulation (EU) 2024/1689 (AI Act)"


def presets() -> list[RetentionClass]:
    """Return the classes that an installation begins with, unsaved."""
    return [
        RetentionClass(
            name="Logs of high-risk systems",
            months=6,
            least_months=6,
            basis=f"{_AI_ACT}, Article 19(1) for providers and Article 26(6) for deployers: logs that a "
            "high-risk AI system generates automatically are kept for a period appropriate to its intended "
            "purpose, of at least six months, unless Union or national law provides otherwise, in "
            "particular on the protection of personal data.",
            **_LOGS,
        ),
        RetentionClass(
            name="Technical documentation",
            months=120,
            least_months=120,
            basis=f"{_AI_ACT}, Article 18(1): the provider keeps the technical documentation for ten years "
            "after the high-risk AI system was placed on the market or put into service. Plumbline counts "
            "from the day of the entry: where a system was placed on the market later than that, "
            "choose a longer length or place a hold on the system.",
            **_DOCUMENTATION,
        ),
        RetentionClass(
            name="Records of a financial institution",
            months=None,
            basis=f"{_AI_ACT}, Articles 18(3), 19(2) and 26(6), second subparagraph: financial institutions "
            "keep the technical documentation and the logs as part of the documentation under Union "
            "financial services law. How long is what that law says: enter it here. Until then these "
            "entries are kept for ever; an installation that is no financial institution takes the "
            "patterns out.",
            actions=[*_LOGS["actions"], *_DOCUMENTATION["actions"]],
            event_types=[*_LOGS["event_types"], *_DOCUMENTATION["event_types"]],
        ),
        RetentionClass(
            name="Everything else",
            months=None,
            rest=True,
            basis="No source. It is kept for ever until somebody decides otherwise, and because a log "
            "loses only its beginning, nothing that was recorded after the first such entry goes either.",
        ),
    ]


def classes() -> list[RetentionClass]:
    """Return the classes, the one for the rest last; makes the presets, on record, where there are none."""
    if not RetentionClass.objects.exists():
        try:
            with transaction.atomic():
                for preset in presets():
                    preset.save(force_insert=True)
                    _record(preset, None, SYSTEM_MADE, None)
        except IntegrityError:
            pass  # somebody else made them meanwhile
    return list(RetentionClass.objects.order_by("rest", "id"))


class RetentionRefused(ValueError):
    """The class can't be so; the message says why."""


def save(changed: RetentionClass, *, reason: str = "", request: HttpRequest | None = None) -> bool:
    """Keep a changed class, or a new one, on record; return False where nothing differs.

    Raises RetentionRefused: a length below what the source asks for needs `reason`.
    """
    changed.name = changed.name.strip()
    if not changed.name:
        raise RetentionRefused("a class has a name")
    if not changed.basis.strip():
        raise RetentionRefused("say where it is written, or who decided")
    if changed.rest and any(getattr(changed, name) for name in PATTERNS):
        raise RetentionRefused("the class for everything else has no patterns")
    if any("*" in pattern[:-1] for name in PATTERNS for pattern in getattr(changed, name)):
        raise RetentionRefused("in a pattern * stands at the end and nowhere else")
    least, months = changed.least_months, changed.months
    shorter = least is not None and months is not None and months < least
    if shorter and not reason.strip():
        raise RetentionRefused(f"its source asks for at least {words(least)}: say why it is less")
    changed.shorter_because = reason.strip() if shorter else ""
    with transaction.atomic():
        before = RetentionClass.objects.select_for_update().filter(pk=changed.pk).first()
        if before is not None and _said(before) == _said(changed):
            return False
        try:
            with transaction.atomic():
                changed.save()
        except IntegrityError as error:
            if "name" in str(error):
                raise RetentionRefused(f"there is a class named {changed.name!r} already") from None
            raise
        _record(changed, before, reason.strip(), request)
    return True


def _record(
    row: RetentionClass, before: RetentionClass | None, reason: str, request: HttpRequest | None
) -> None:
    actor = actor_of(request) if request else SYSTEM if reason == SYSTEM_MADE else CONSOLE
    record(
        "retention.changed",
        actor=actor,
        request=request,
        targets=[f"retention_class:{row.pk}"],
        reason=reason,
        before=_digest(before) if before else None,
        after=_digest(row),
        detail={"after": _said(row)} | ({"before": _said(before)} if before else {}),
    )


def _said(row: RetentionClass) -> dict[str, Any]:
    names = ("name", "months", "least_months", "basis", "shorter_because", "rest", *PATTERNS)
    return {name: getattr(row, name) for name in names}


def _digest(row: RetentionClass) -> bytes:
    return hashlib.sha256(canonical(_said(row))).digest()


def words(months: int | None) -> str:
    """Spell a length."""
    if months is None:
        return "for ever"
    years, rest = divmod(months, 12)
    parts = [f"{n} {unit}{'s' if n > 1 else ''}" for n, unit in ((years, "year"), (rest, "month")) if n]
    return " and ".join(parts)


# --- what belongs to a class ----------------------------------------------------------------------
SUBMISSION = "submission.received"
#: What the conditions below speak of: entries in their places, `b` the submission where the entry is of one.
ENTRIES = """
    governance_place p JOIN governance_entry e ON e.id = p.entry_id
    LEFT JOIN lineage_submission b ON b.id = e.id AND e.action = 'submission.received'
"""


def is_kept(rows: Sequence[RetentionClass], now: datetime) -> tuple[str, list[Any]]:
    """Return a condition on `ENTRIES` in SQL, and its parameters: that a class still keeps the entry."""
    keep, keep_params, any_of, any_params = [], [], [], []
    for row in rows:
        if row.rest:
            continue
        belongs, params = _belongs(row)
        young, moment = _young(row, now)
        keep.append(f"{belongs} AND {young}")
        keep_params += params + moment
        any_of.append(belongs)
        any_params += params
    rest = next(row for row in rows if row.rest)
    young, moment = _young(rest, now)
    claimed = " OR ".join(any_of) or "false"
    keep.append(f"NOT ({claimed}) AND {young}")
    return f"({' OR '.join(f'({part})' for part in keep)})", [*keep_params, *any_params, *moment]


def _young(row: RetentionClass, now: datetime) -> tuple[str, list[Any]]:
    if row.months is None:
        return "true", []
    return "e.recorded_at > %s", [_months_on(now, -row.months)]


def _belongs(row: RetentionClass) -> tuple[str, list[Any]]:
    of, params = "e.action LIKE ANY(%s)", [like(row.actions)]
    conditions = [f"e.action = '{SUBMISSION}'"]
    more: list[Any] = []
    for column, patterns in (("b.door", row.doors), ("b.source", row.sources)):
        if patterns:
            conditions.append(f"{column} LIKE ANY(%s)")
            more.append(like(patterns))
    if row.event_types:
        conditions.append(
            "EXISTS (SELECT 1 FROM lineage_reading r WHERE r.submission_id = e.id "
            "AND r.event_type LIKE ANY(%s))"
        )
        more.append(like(row.event_types))
    if not more:
        return f"({of})", params
    return f"({of} OR ({' AND '.join(conditions)}))", [*params, *more]


def like(patterns: Sequence[str]) -> list[str]:
    """Return patterns as LIKE has them."""
    found = []
    for pattern in patterns:
        text = pattern.removesuffix("*")
        for sign in "\\%_":
            text = text.replace(sign, f"\\{sign}")
        found.append(f"{text}%" if pattern.endswith("*") else text)
    return found


def matches(row: RetentionClass, action: str, door: str, source: str, event_types: Sequence[str]) -> bool:
    """Whether a class claims an entry, as the condition above has it."""
    if _any(row.actions, [action]):
        return True
    given = [(row.doors, [door]), (row.sources, [source]), (row.event_types, event_types)]
    asked = [(patterns, values) for patterns, values in given if patterns]
    return action == SUBMISSION and bool(asked) and all(_any(*each) for each in asked)


def _any(patterns: Sequence[str], values: Sequence[str]) -> bool:
    def fits(pattern: str, value: str) -> bool:
        return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern

    return any(fits(pattern, value) for pattern in patterns for value in values)


def claiming(
    rows: Sequence[RetentionClass], action: str, door: str, source: str, event_types: Sequence[str]
) -> list[RetentionClass]:
    """Return the classes of an entry: those that claim it, or the one for the rest."""
    claimed = [row for row in rows if not row.rest and matches(row, action, door, source, event_types)]
    return claimed or [row for row in rows if row.rest]


def longest(rows: Sequence[RetentionClass]) -> RetentionClass:
    """Return the class that keeps longest."""
    return max(rows, key=lambda row: float("inf") if row.months is None else row.months)


def ends(row: RetentionClass, day: date) -> date | None:
    """Return when what was recorded on the day has been kept long enough; None is never."""
    return None if row.months is None else _months_on(day, row.months)


def _months_on(day: _Day, months: int) -> _Day:
    """The same day so many months later, or the last one of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return day.replace(year=year, month=month + 1, day=min(day.day, calendar.monthrange(year, month + 1)[1]))
