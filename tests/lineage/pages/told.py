"""What the tests of the pages tell Plumbline, through the same reading and recording as the doors."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from lineage.intake.arrival import Arrival
from lineage.intake.doors import arrive
from lineage.intake.record import record

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
#: An OpenLineage event whose time can't be read.
UNREADABLE = json.dumps(
    {
        "eventType": "COMPLETE",
        "eventTime": "yesterday",
        "run": {"runId": "0199a0b2-0000-7000-8000-000000000000"},
        "job": {"namespace": "bank", "name": "load"},
        "producer": "https://example.com/airflow",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }
).encode()
_IDS = UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")


def tell(door: str, body: Any, *, source: str = "airflow", received_at: datetime | None = None) -> Arrival:
    """Take in one body (bytes as they are, anything else as JSON) and return what became of it."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    content_type = "application/cloudevents+json" if door == "cloudevents" else "application/json"
    arrival = arrive(
        door,
        raw,
        source=source,
        grant=None,
        received_at=received_at or datetime.now(UTC),
        content_type=content_type,
    )
    record([arrival])
    return arrival


def run(
    job: str,
    number: int = 0,
    *,
    reads: tuple[str, ...] = (),
    writes: tuple[str, ...] = (),
    facets: dict[str, Any] | None = None,
    namespace: str = "bank",
    source: str = "airflow",
    state: str = "COMPLETE",
) -> Arrival:
    """A completed run of a job, one hour after the one before; `facets` are those of its outputs."""
    return tell(
        "openlineage",
        {
            "eventType": state,
            "eventTime": (START + timedelta(hours=number)).isoformat(),
            "run": {"runId": str(uuid5(_IDS, f"{job}/{number}"))},
            "job": {"namespace": namespace, "name": job},
            "inputs": [{"namespace": namespace, "name": name} for name in reads],
            "outputs": [{"namespace": namespace, "name": name, "facets": facets or {}} for name in writes],
            "producer": "https://example.com/airflow",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        },
        source=source,
    )


def facet(**values: Any) -> dict[str, Any]:
    return {
        "_producer": "https://example.com/airflow",
        "_schemaURL": "https://example.com/facet.json",
        **values,
    }


def event(
    type_: str, data: dict[str, Any], *, number: int = 0, source: str = "catalogue", **extensions: str
) -> Arrival:
    """A CloudEvent of the factory's vocabulary."""
    return tell(
        "cloudevents",
        {
            "specversion": "1.0",
            "id": f"{type_}/{number}",
            "source": f"//{source}.example",
            "type": f"factory.{type_}",
            "time": (START + timedelta(hours=number)).isoformat(),
            "data": data,
            **extensions,
        },
        source=source,
    )


def version(name: str, version: str, number: int = 0, source: str = "catalogue", **more: Any) -> Arrival:
    data = {"namespace": "bank", "name": name, "version": version, **more}
    return event("dataset_version.declared", data, number=number, source=source)
