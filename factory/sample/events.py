"""CloudEvents as the bank's systems write them."""

from datetime import datetime
from typing import Any, NamedTuple

from factory.sample.clock import Clock, text
from factory.sample.tables import Table


class Event(NamedTuple):
    """A CloudEvent, and the name of the system (and token) that sends it."""

    sender: str
    body: dict[str, Any]


def emit(
    clock: Clock,
    sender: str,
    kind: str,
    time: datetime,
    data: dict[str, Any],
    name: object = "",
) -> Event:
    """Return an event whose id follows from what it says; `name` tells apart what else is equal."""
    return Event(
        sender,
        {
            "specversion": "1.0",
            "id": str(clock.id("event", sender, kind, text(time), name)),
            "source": f"//{sender}.harbourvale.example",
            "type": kind,
            "time": text(time),
            "datacontenttype": "application/json",
            "data": data,
        },
    )


def ref(table: Table, version: str = "", **more: str) -> dict[str, str]:
    """A dataset as the vocabulary refers to it."""
    version_of = {"version": version} if version else {}
    return {"namespace": table.namespace, "name": table.name, **version_of, **more}
