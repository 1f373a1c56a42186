"""Events that the tests send, and the bytes of them."""

import json
from typing import Any
from uuid import uuid4

PRODUCER = "https://example.com/producer"
RUN_EVENT = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
TIME = "2026-03-01T08:30:00Z"


def run_event(namespace: str, *, job: str = "load", run_id: str = "", **members: Any) -> dict[str, Any]:
    """Return a valid RunEvent of a run of its own."""
    return {
        "eventType": "COMPLETE",
        "eventTime": TIME,
        "producer": PRODUCER,
        "schemaURL": RUN_EVENT,
        "run": {"runId": run_id or str(uuid4())},
        "job": {"namespace": namespace, "name": job},
    } | members


def facet(**content: Any) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": f"{PRODUCER}/facet.json", **content}


def dataset(namespace: str, name: str, version: str = "", /, **facets: Any) -> dict[str, Any]:
    if version:
        facets["version"] = facet(datasetVersion=version)
    return {"namespace": namespace, "name": name, "facets": facets}


def cloud_event(source: str, type_: str, data: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return a CloudEvent of an id of its own, in structured mode."""
    return {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": source,
        "type": type_,
        "time": TIME,
        "datacontenttype": "application/json",
        "data": data,
    } | members


def usage(source: str, **members: Any) -> dict[str, Any]:
    return cloud_event(source, "factory.usage.recorded", {"meters": {"requests": 1}}, **members)


def spelt(event: Any) -> bytes:
    return json.dumps(event).encode()


STRUCTURED = {"Content-Type": "application/cloudevents+json"}
BATCHED = {"Content-Type": "application/cloudevents-batch+json"}
JSON = {"Content-Type": "application/json"}


def binary(event: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    """Return headers and body of the event in binary mode."""
    headers = {"Content-Type": event.get("datacontenttype", "application/json")}
    headers |= {f"ce-{k}": str(v) for k, v in event.items() if k not in ("data", "datacontenttype")}
    return headers, spelt(event["data"])
