"""OpenLineage events as pipelines send them: about 1 kB each, every run COMPLETE."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

#: Jobs of one pipeline: job i reads what the two before it wrote.
JOBS = 50
_START = datetime(2026, 1, 1, tzinfo=UTC)
_PRODUCER = "https://example.org/scheduler/2.11"
_SCHEMA = {
    "_producer": _PRODUCER,
    "_schemaURL": "https://openlineage.io/spec/facets/1-1-1/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet",
    "fields": [
        {"name": "applicant_id", "type": "VARCHAR"},
        {"name": "amount", "type": "DECIMAL(18,2)"},
        {"name": "opened_on", "type": "DATE"},
    ],
}


def _dataset(pipeline: str, place: int, facets: dict[str, object]) -> dict[str, object]:
    return {"namespace": "s3://lake", "name": f"{pipeline}/table_{place}", "facets": facets}


def events(count: int, name: str, *, jobs: int = JOBS) -> Iterator[bytes]:
    """Yield `count` events of pipelines called `name`-0, `name`-1 ..., in the order of event time."""
    for number in range(count):
        pipeline, place = f"{name}-{number // jobs}", number % jobs
        time = _START + timedelta(seconds=number)
        event = {
            "eventType": "COMPLETE",
            "eventTime": time.isoformat(),
            "producer": _PRODUCER,
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": {"runId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{name}/{number}"))},
            "job": {"namespace": "scheduler", "name": f"{pipeline}.step_{place}"},
            "inputs": [_dataset(pipeline, p, {}) for p in (place - 1, place - 2) if p >= 0],
            "outputs": [_dataset(pipeline, place, {"schema": _SCHEMA})],
        }
        yield json.dumps(event).encode()
