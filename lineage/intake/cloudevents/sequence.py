"""The number that an event carries among those of its source.

Standard: the CloudEvents extension `sequence` (cloudevents/extensions/sequence.md). Its revisions up to
1.0.2 have `sequencetype`, of which they define `Integer`: signed 32-bit, beginning with 1, each one more
than the one before, wrapping round from 2^31 - 1 to -2^31. Without a type, and in the newest revision
always, values can be compared as texts and need not be without gaps, though that is recommended.
"""

import re
from typing import Any

from lineage.intake.derived import Sequence

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_DIGITS = re.compile(r"[0-9]{1,18}")
#: How far up numbers below zero go on: the sequence came to them by wrapping round.
_ROUND = 2**32
#: As much of a value as is kept; nobody counts in longer ones.
_KEPT = 300


def sequence_of(event: dict[str, Any]) -> Sequence | None:
    """Return what an event (all its attributes) says of its place; None where it says nothing."""
    value = event.get("sequence")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # not as the standard has it, but clear
    if not isinstance(value, str) or not value:
        return None
    kind = event.get("sequencetype")
    kind = kind if isinstance(kind, str) else ""
    return Sequence(value[:_KEPT], kind[:_KEPT], _number(value, kind))


def _number(value: str, kind: str) -> int | None:
    if kind.casefold() == "integer":
        if not _INTEGER.fullmatch(value):
            return None
        number = int(value)
        if not -_ROUND // 2 <= number < _ROUND // 2:
            return None
        return number if number >= 0 else number + _ROUND
    return int(value) if not kind and _DIGITS.fullmatch(value) else None
