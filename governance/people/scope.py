"""What a token may do: which doors, which event types, which namespaces."""

from collections.abc import Iterable
from typing import NamedTuple, Self

#: What a token can open, with the words that pages use. `questions` is everything that reads.
DOORS = {
    "openlineage": "OpenLineage events",
    "cloudevents": "CloudEvents",
    "otlp": "OpenTelemetry (OTLP)",
    "mlflow": "MLflow webhooks",
    "questions": "Questions (read)",
    "audit": "The audit log, of all departments (read)",
    "all": "Every door and every question",
}


class BadScope(ValueError):
    """The text names no scope."""


class Scope(NamedTuple):
    """The bounds of one token. Empty `event_types` or `namespaces` bound nothing."""

    doors: tuple[str, ...]
    event_types: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()

    @classmethod
    def parse(cls, words: Iterable[str]) -> Self:
        """Read scopes as `manage.py token` takes them.

        `all`, the name of a door or `door:NAME` opens a door; `type:TYPE` (or `type:PREFIX.*`) and
        `namespace:NAME` (or `namespace:PREFIX*`) narrow what may be sent through it. Words that only
        narrow open every door for sending, and no questions. Raises BadScope.
        """
        doors: list[str] = []
        event_types: list[str] = []
        namespaces: list[str] = []
        for word in words:
            what, colon, value = word.partition(":")
            if not colon:
                what, value = "door", word
            if not value:
                raise BadScope(f"nothing stands after the colon of {word!r}")
            match what:
                case "door" if value in DOORS:
                    doors.append(value)
                case "door":
                    raise BadScope(f"there is no door {value!r}; doors are {', '.join(DOORS)}")
                case "type":
                    event_types.append(value)
                case "namespace":
                    namespaces.append(value)
                case _:
                    raise BadScope(f"{word!r} is none of DOOR, door:NAME, type:TYPE, namespace:NAME")
        if not doors and not event_types and not namespaces:
            raise BadScope("a token needs at least one scope")
        if not doors:
            doors = [door for door in DOORS if door not in ("questions", "audit", "all")]
        return cls(
            tuple(dict.fromkeys(doors)), tuple(dict.fromkeys(event_types)), tuple(dict.fromkeys(namespaces))
        )

    def may_use(self, door: str) -> bool:
        return door in self.doors or "all" in self.doors

    def may_send(self, event_type: str, namespace: str) -> str | None:
        """Return None where the event may be sent, else the reason why not."""
        if self.event_types and not any(_type_matches(event_type, bound) for bound in self.event_types):
            return f"this token may not send events of type {event_type!r}"
        if self.namespaces and not any(_namespace_matches(namespace, bound) for bound in self.namespaces):
            return f"this token may not speak for the namespace {namespace!r}"
        return None

    def __str__(self) -> str:
        doors = ", ".join(DOORS.get(door, door) for door in self.doors)
        types = f"; event types {', '.join(self.event_types)}" if self.event_types else ""
        spaces = f"; namespaces {', '.join(self.namespaces)}" if self.namespaces else ""
        return f"{doors}{types}{spaces}"


def _type_matches(event_type: str, bound: str) -> bool:
    if bound.endswith(".*"):
        return event_type.startswith(bound[:-1])
    return event_type == bound


def _namespace_matches(namespace: str, bound: str) -> bool:
    if bound.endswith("*"):
        return namespace.startswith(bound[:-1])
    return namespace == bound
