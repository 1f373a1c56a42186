"""What the doors report to Prometheus."""

from prometheus_client import Counter

from lineage.intake.arrival import Arrival

EVENTS = Counter("plumbline_events_total", "Events by door and outcome", ["door", "outcome"])
BYTES = Counter("plumbline_received_bytes_total", "Bytes of bodies received, unpacked", ["door"])


def count(arrival: Arrival) -> None:
    BYTES.labels(arrival.door).inc(len(arrival.body))
    for event in arrival.events:
        if event.verdict:
            EVENTS.labels(arrival.door, str(event.verdict.outcome)).inc()
