"""Sends the story through the doors, each system with its own client and token."""

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import date, datetime, timedelta
from functools import partial
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from django.db.models import Min, QuerySet

from factory.sample.clock import DAYS
from factory.sample.people import SENDERS
from lineage.intake.models import Outcome, Reading

# The clients and the story need the packages of the `sample` group; whether the sample is present
# can be asked without them.
if TYPE_CHECKING:
    import httpx
    from openlineage.client import OpenLineageClient

    from factory.sample import events as told
    from factory.sample.faults import Fault
    from factory.sample.story import OpenLineageEvent, Story

#: The CloudEvents source of the first event of all, and of the last; when that one has arrived,
#: everything has.
FIRST, LAST = "//data-catalogue.harbourvale.example", "//on-call.harbourvale.example"
#: How a system's CloudEvents travel: `binary`, or in batches of so many; else structured, one by one.
MODES: dict[str, str | int] = {
    "cluster-deployer": "binary",
    "monitoring": 50,
    "agent-platform": 100,
    "llm-gateway": 100,
    "gpu-cluster": 50,
    "kiosk-fleet": 25,
    "loan-desk": 50,
}
#: Systems that send at the same time.
AT_ONCE = 4
ATTEMPTS = 6
Progress = Callable[[int], Any]


class NotTaken(Exception):
    """A door answered otherwise than the story expects; the message says which and what."""


def present() -> bool:
    """Whether this installation holds the whole sample."""
    return _arrived(LAST).exists()


def standing_anchor() -> date | None:
    """The anchor with which the sample, or a part of it, was told to this installation."""
    first: datetime | None = _arrived(FIRST).aggregate(first=Min("event_time"))["first"]
    return first.date() + timedelta(days=DAYS - 1) if first else None


def _arrived(identity_source: str) -> QuerySet[Reading]:
    return Reading.objects.filter(
        identity_source=identity_source, identity_id__isnull=False, outcome=Outcome.ACCEPTED
    )


def send(story: "Story", url: str, secrets: dict[str, str], progress: Progress) -> None:
    """Send the story to the server at `url`; call `progress` with each number of events taken.

    Raises NotTaken, or the client's own error where nobody answers; what was under way then stops.
    """
    stopped, counting = Event(), Lock()

    def taken(count: int) -> None:
        if stopped.is_set():
            raise NotTaken("another part of the story broke off")
        with counting:
            progress(count)

    with _http(url) as http:
        for event in story.frame:
            structured(http, event, secrets)
            taken(1)
        parts: list[Callable[[], None]] = [
            *(partial(openlineage, url, secrets[name], runs, taken) for name, runs in story.runs.items()),
            *(
                partial(cloudevents, url, sender, events, secrets, taken)
                for sender, events in story.events.items()
            ),
        ]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                for part in as_completed([pool.submit(part) for part in parts]):
                    part.result()
            except BaseException:
                stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        for fault in story.faults:
            _refused(http, fault, secrets)
            taken(1)
        structured(http, story.incident, secrets)
        taken(1)


def openlineage(url: str, secret: str, events: "list[OpenLineageEvent]", progress: Progress) -> None:
    """Send runs as integrations do: openlineage-python, one event a request, gzip, keep-alive."""
    client = _openlineage_client(url, secret)
    try:
        for event in events:
            client.emit(event)
            progress(1)
    finally:
        client.close()


def _openlineage_client(url: str, secret: str) -> "OpenLineageClient":
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.http import (
        ApiKeyTokenProvider,
        HttpCompression,
        HttpConfig,
        HttpTransport,
    )

    # It announces itself once a client, which would tear the progress bar.
    logging.getLogger("openlineage.client").setLevel(logging.WARNING)
    config = HttpConfig(
        url=url,
        endpoint="api/v1/lineage",
        timeout=30,
        auth=ApiKeyTokenProvider({"api_key": secret}),
        compression=HttpCompression.GZIP,
    )
    return OpenLineageClient(transport=HttpTransport(config))


def _http(url: str) -> "httpx.Client":
    import httpx

    return httpx.Client(base_url=url, timeout=30, trust_env=False)


def cloudevents(
    url: str,
    sender: str,
    events: "list[told.Event]",
    secrets: dict[str, str],
    progress: Progress,
) -> None:
    """Send a system's CloudEvents in the content mode that is its own."""
    mode = MODES.get(sender)
    with _http(url) as http:
        if isinstance(mode, int):
            for part in _parts(events, mode):
                batch(http, part, secrets)
                progress(len(part))
            return
        for event in events:
            (binary if mode == "binary" else structured)(http, event, secrets)
            progress(1)


def _parts(events: "list[told.Event]", size: int) -> "Iterator[list[told.Event]]":
    for start in range(0, len(events), size):
        yield events[start : start + size]


def structured(http: "httpx.Client", event: "told.Event", secrets: dict[str, str]) -> None:
    _post(
        http,
        secrets[event.sender],
        {201, 200},
        json=event.body,
        headers={"Content-Type": "application/cloudevents+json; charset=utf-8"},
    )


def binary(http: "httpx.Client", event: "told.Event", secrets: dict[str, str]) -> None:
    attributes = {
        f"ce-{name}": value for name, value in event.body.items() if name not in ("data", "datacontenttype")
    }
    _post(
        http,
        secrets[event.sender],
        {201, 200},
        json=event.body["data"],
        headers={**attributes, "Content-Type": event.body["datacontenttype"]},
    )


def batch(http: "httpx.Client", events: "list[told.Event]", secrets: dict[str, str]) -> None:
    answer = _post(
        http,
        secrets[events[0].sender],
        {200},
        json=[event.body for event in events],
        headers={"Content-Type": "application/cloudevents-batch+json; charset=utf-8"},
    )
    if answer.json()["status"] != "success":
        raise NotTaken(f"a batch of {events[0].sender} was not taken whole: {answer.text[:500]}")


def _refused(http: "httpx.Client", fault: "Fault", secrets: dict[str, str]) -> None:
    openlineage = SENDERS[fault.sender].door == "openlineage"
    _post(
        http,
        secrets[fault.sender],
        {fault.status},
        content=fault.body,
        path="/api/v1/lineage" if openlineage else "/api/v1/events",
        headers={"Content-Type": "application/json" if openlineage else "application/cloudevents+json"},
    )


def _post(
    http: "httpx.Client",
    secret: str,
    expected: set[int],
    *,
    headers: dict[str, str],
    path: str = "/api/v1/events",
    **body: Any,
) -> "httpx.Response":
    """Post once, and again where the door asks for patience."""
    for attempt in range(ATTEMPTS):
        answer = http.post(path, headers={**headers, "Authorization": f"Bearer {secret}"}, **body)
        if answer.status_code != 503:
            break
        time.sleep(min(float(answer.headers.get("Retry-After", 1)), 5) * (attempt > 0) + 0.1)
    if answer.status_code not in expected:
        raise NotTaken(f"{path} answered {answer.status_code}: {answer.text[:500]}")
    return answer
