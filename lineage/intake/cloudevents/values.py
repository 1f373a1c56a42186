"""The values that the vocabulary's data is made of, each with its JSON Schema.

Numbers keep the digits that they were written with: JSON numbers reach `decode` as `Decimal`, never
as a float.
"""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Self

from msgspec import Meta

from factory.kit.times import BadTime, parse_time
from lineage.entities.keys import ENTITY_KIND, KINDS, BadKey, NodeKey

#: A part of a node's name.
Name = Annotated[str, Meta(min_length=1, max_length=2000)]
#: A word of a vocabulary: a metric, a unit, a meter, a region, an identifier in another system.
Word = Annotated[str, Meta(min_length=1, max_length=300)]
Text = Annotated[str, Meta(max_length=100_000)]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$", description="ISO 4217 code, in capitals")]

#: Powers of ten beyond which no number is a quantity of anything.
MAX_EXPONENT = 100
_UNSIGNED = r"(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?"
#: As text without an exponent, so that a pattern can say the bound too.
_SHARE = r"0(\.[0-9]+)?|1(\.0+)?"


class Number(Decimal):
    """A finite decimal number, written as a JSON number or as text; its digits stay exact."""

    text_form = re.compile(f"-?{_UNSIGNED}")
    SCHEMA: ClassVar[dict[str, Any]] = {
        "type": ["number", "string"],
        "pattern": f"^-?{_UNSIGNED}$",
        "maxLength": 200,
        "description": "A decimal number, as a JSON number or as text.",
    }

    @classmethod
    def decode(cls, value: Any) -> Self:
        """Make the number that the JSON value spells. Raises ValueError or TypeError."""
        if isinstance(value, str):
            if len(value) > 200 or not cls.text_form.fullmatch(value):
                raise ValueError("expected a decimal number")
        elif isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise TypeError("expected a decimal number")
        number = cls(value)
        if not number.is_finite() or len(number.as_tuple().digits) > MAX_EXPONENT:
            raise ValueError(f"the number has more than {MAX_EXPONENT} digits")
        if (number and abs(number.adjusted()) > MAX_EXPONENT) or abs(int(number.as_tuple().exponent)) > 200:
            raise ValueError(f"the number lies beyond ten to the power of {MAX_EXPONENT}")
        return number

    def as_json(self) -> int | float:
        """The nearest JSON number, for what is shown and not added up."""
        return int(self) if self == self.to_integral_value() else float(self)

    def as_text(self) -> str:
        """The number's own digits, without an exponent."""
        return format(self, "f")


class Quantity(Number):
    """A number that is not below zero."""

    text_form = re.compile(_UNSIGNED)
    SCHEMA: ClassVar[dict[str, Any]] = {
        "type": ["number", "string"],
        "minimum": 0,
        "pattern": f"^{_UNSIGNED}$",
        "maxLength": 200,
        "description": "A decimal number not below zero, as a JSON number or as text.",
    }

    @classmethod
    def decode(cls, value: Any) -> Self:
        number = super().decode(value)
        if number < 0:
            raise ValueError("a quantity can't be below zero")
        return number


class Share(Quantity):
    """A part of a whole, 0 to 1."""

    text_form = re.compile(_SHARE)
    SCHEMA: ClassVar[dict[str, Any]] = {
        **Quantity.SCHEMA,
        "maximum": 1,
        "pattern": f"^({_SHARE})$",
        "description": "A part of a whole, from 0 to 1.",
    }

    @classmethod
    def decode(cls, value: Any) -> Self:
        number = super().decode(value)
        if number > 1:
            raise ValueError("a share lies between 0 and 1")
        return number


class Instant:
    """A moment: RFC 3339 with its zone. `utc` is the moment in UTC."""

    __slots__ = ("utc",)
    SCHEMA: ClassVar[dict[str, Any]] = {
        "type": "string",
        "format": "date-time",
        "description": "RFC 3339, with its zone.",
    }

    def __init__(self, utc: datetime) -> None:
        self.utc = utc

    @classmethod
    def decode(cls, value: Any) -> Self:
        """Raises ValueError or TypeError."""
        if not isinstance(value, str):
            raise TypeError("expected a time as text")
        try:
            return cls(parse_time(value))
        except BadTime as error:
            raise ValueError(f"the time {error.reason}") from None


class Key:
    """The key of a node, percent-encoded (see `lineage.entities.keys`)."""

    __slots__ = ("node",)
    SCHEMA: ClassVar[dict[str, Any]] = {
        "type": "string",
        "pattern": f"^({'|'.join(kind for kind in KINDS if kind not in ENTITY_KIND)}):[^/@]+/[^/@]+$"
        f"|^({'|'.join(ENTITY_KIND)}):[^/@]+/[^/@]+@[^/@]+$",
        "description": "A node key: kind:namespace/name, with @version for a version; "
        "each part percent-encoded.",
    }
    text_form = re.compile(SCHEMA["pattern"])

    def __init__(self, node: NodeKey) -> None:
        self.node = node

    @classmethod
    def decode(cls, value: Any) -> Self:
        """Raises ValueError or TypeError."""
        if not isinstance(value, str):
            raise TypeError("expected a node key as text")
        try:
            node = NodeKey.parse(value)
        except BadKey as error:
            raise ValueError(str(error)) from None
        if not cls.text_form.search(value):
            raise ValueError("a node key has the form kind:namespace/name[@version], each part encoded")
        if any("\0" in part for part in node):
            raise ValueError("a node key can't hold a NUL character")
        return cls(node)


_DECODE: dict[type, Callable[[Any], Any]] = {
    kind: kind.decode for kind in (Number, Quantity, Share, Instant, Key)
}


def decode_hook(kind: type, value: Any) -> Any:
    """Make one of the types above, for msgspec's decoders."""
    return _DECODE[kind](value)


def schema_hook(kind: type) -> dict[str, Any]:
    """The JSON Schema of one of the types above, for msgspec's schemas."""
    return kind.SCHEMA  # type: ignore[attr-defined]
