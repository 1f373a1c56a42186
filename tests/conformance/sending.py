"""Somebody who sends without pause and remembers what was acknowledged; what the record says of it."""

import threading
import time
from typing import Any
from uuid import uuid4

import httpx

from factory.kit.grants import Issued
from tests.conformance.events import JSON, STRUCTURED, dataset, run_event, spelt, usage
from tests.conformance.plant import Plant

BATCH = 20


class Sender(threading.Thread):
    """Sends single events, batches and CloudEvents in turn, `pause` seconds apart."""

    def __init__(self, plant: Plant, token: Issued, namespace: str, number: int, *, pause: float = 0) -> None:
        super().__init__(daemon=True)
        self.plant, self.token, self.namespace, self.number = plant, token, namespace, number
        self.pause = pause
        self.acknowledged: list[dict[str, Any]] = []
        #: The ids of the submissions that were acknowledged.
        self.submissions: list[str] = []
        self.open: list[dict[str, Any]] = []
        self.statuses: set[int] = set()
        self.stop = threading.Event()
        self.count = 0

    def run(self) -> None:
        client = self.plant.client(self.token, timeout=30)
        while not self.stop.wait(self.pause):
            path, headers, body, events = self._next()
            try:
                answer = client.post(path, content=body, headers=headers)
                status = answer.status_code
            except httpx.TransportError:
                status = 0
                client.close()
                client = self.plant.client(self.token, timeout=30)
                time.sleep(0.2)
            self.statuses.add(status)
            if status in (200, 201):
                self.acknowledged.extend(events)
                self.submissions.append(answer.json()["submission"])
            else:
                self.open.extend(events)
        client.close()

    def _next(self) -> tuple[str, dict[str, str], bytes, list[dict[str, Any]]]:
        self.count += 1
        match self.count % 4:
            case 0:
                events = [self._run() for _ in range(BATCH)]
                return "/api/v1/lineage/batch", JSON, spelt(events), events
            case 1:
                event = usage(f"{self.namespace}/{self.number}")
                return "/api/v1/events", STRUCTURED, spelt(event), [event]
            case _:
                event = self._run()
                return "/api/v1/lineage", JSON, spelt(event), [event]

    def _run(self) -> dict[str, Any]:
        """A run of a job of its own that reads and writes what all of them share."""
        return run_event(
            self.namespace,
            job=f"job {uuid4()}",
            inputs=[dataset(self.namespace, "shared"), dataset(self.namespace, "named", "1")],
            outputs=[dataset(self.namespace, "shared")],
            eventTime=f"2026-03-01T{self.number:02}:{self.count // 60 % 60:02}:{self.count % 60:02}Z",
        )


def name_of(event: dict[str, Any]) -> str:
    return event["job"]["name"] if "job" in event else event["id"]


def stored(plant: Plant, namespace: str) -> dict[str, int]:
    """Return how often each event is in the record: runs by their job's name, CloudEvents by their id."""
    rows = plant.rows(
        """SELECT n.name, count(*) FROM lineage_statement s JOIN lineage_node n ON n.id = s.node_id
           WHERE n.kind = 'job' AND n.namespace = %(namespace)s GROUP BY 1
           UNION ALL
           SELECT r.identity_id, count(*) FROM lineage_reading r JOIN lineage_usage u ON u.reading_id = r.id
           WHERE r.identity_source LIKE %(namespace)s || '/%%' AND r.outcome = 'accepted' GROUP BY 1""",
        {"namespace": namespace},
    )
    return dict(rows)


def half_applied(plant: Plant, namespace: str) -> list[tuple[Any, ...]]:
    """Return runs of the namespace whose edges are not all there, and batches that are not whole."""
    runs = plant.rows(
        """SELECT r.name, count(e.id) FROM lineage_node j
           JOIN lineage_nodestate s ON s.entity_id = j.id AND s.kind = 'run'
           JOIN lineage_node r ON r.id = s.node_id
           LEFT JOIN lineage_edge e ON e.actor_id = r.id AND e.superseded_at IS NULL
            AND e.kind IN ('read', 'wrote')
           WHERE j.kind = 'job' AND j.namespace = %s GROUP BY 1 HAVING count(e.id) <> 3""",
        [namespace],
    )
    batches = plant.rows(
        """SELECT s.id, count(r.id) FROM lineage_submission s
           LEFT JOIN lineage_reading r ON r.submission_id = s.id
           WHERE s.batch GROUP BY 1 HAVING count(r.id) <> %s""",
        [BATCH],
    )
    return runs + batches
