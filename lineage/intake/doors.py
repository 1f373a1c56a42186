"""The doors: how a body of each becomes events. All of one shape; see the folders for the readers."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import islice

import msgspec
import structlog
from django.conf import settings
from django.utils import timezone

from factory.kit.grants import Grant
from factory.kit.ids import new_id
from lineage.intake import mentioned
from lineage.intake.arrival import Arrival, Event, admitted
from lineage.intake.cloudevents import envelope
from lineage.intake.cloudevents import read as cloudevents
from lineage.intake.derived import Derived, Refused
from lineage.intake.openlineage import read as openlineage

log = structlog.get_logger(__name__)

_list = msgspec.json.Decoder(list[msgspec.Raw])
_TOO_LARGE = f"an event has at most {settings.MAX_EVENT_BYTES:,} bytes"
_FAULT = "Plumbline's reader has a fault with this event, which is in its log; the event is kept"


class Door(msgspec.Struct, frozen=True):
    """`read` makes assertions of one event's JSON; `revision` names the reader that does."""

    name: str
    revision: str
    read: Callable[..., Derived]


DOORS = {
    "openlineage": Door("openlineage", openlineage.REVISION, openlineage.read),
    "cloudevents": Door("cloudevents", cloudevents.REVISION, cloudevents.read),
}


def arrive(
    door: str,
    body: bytes,
    *,
    source: str,
    grant: Grant | None,
    received_at: datetime,
    content_type: str = "",
    headers: Mapping[str, str] | None = None,
    batch: bool = False,
    refusal: Refused | None = None,
) -> Arrival:
    """Read a body that has come in. Never raises for what is in the body: events carry their refusals.

    With a `refusal` the body could not even be unpacked; it is kept as it came.
    """
    arrival = Arrival(
        id=new_id(),
        door=door,
        source=source,
        received_at=received_at,
        content_type=content_type,
        headers=dict(headers or {}),
        body=body,
        batch=batch,
        reader=DOORS[door].revision,
        events=[],
    )
    if refusal is None:
        arrival.events = read_events(arrival, grant)
    else:
        arrival.unreadable, arrival.events = True, [_unread(0, body, refusal)]
    return arrival


def read_events(arrival: Arrival, grant: Grant | None = None) -> list[Event]:
    """Read every event of a body; without a grant, everything is taken as permitted."""
    try:
        raws = split(arrival)
    except Refused as refusal:
        arrival.unreadable = True
        return [_unread(0, arrival.body, refusal)]
    read = DOORS[arrival.door].read
    # what lay in the future when it came may lie in the past when it is read again
    now = timezone.now() if arrival.stored else arrival.received_at
    events = []
    for index, raw in enumerate(raws):
        try:
            if len(raw) > settings.MAX_EVENT_BYTES:
                raise Refused(_TOO_LARGE, code="too_large", status=413)
            derived = read(raw, now)
        except Refused as refusal:
            events.append(_unread(index, raw, refusal))
        except Exception:  # a fault of the reader: the event waits in quarantine for a better one
            log.exception("event can't be read", submission=str(arrival.id), index=index)
            events.append(_unread(index, raw, Refused(_FAULT, code="unprocessable")))
        else:
            events.append(Event(index, derived, admitted(derived, grant)))
    return events


def _unread(index: int, raw: bytes, refusal: Refused) -> Event:
    return Event(index, None, refusal, names=mentioned.in_unread(raw))


def split(arrival: Arrival) -> list[bytes]:
    """Return the JSON of each event of a body. Raises Refused where they can't be told apart."""
    if not arrival.batch:
        if arrival.headers:  # CloudEvents binary mode
            return [envelope.from_binary(arrival.headers, arrival.body)]
        return [arrival.body]
    try:
        if _has_too_many(arrival.body):
            why = f"a batch has at most {settings.MAX_BATCH_EVENTS:,} events"
            raise Refused(why, code="too_many", status=413)
        return [bytes(raw) for raw in _list.decode(arrival.body)]
    except RecursionError:
        raise Refused("values are nested too deeply", code="too-deep") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        try:  # so that one broken event doesn't hold up the others
            return list(_scan(arrival.body))
        except ValueError:
            raise Refused(f"a batch is a JSON array of events: {error}", code="malformed") from None


def _has_too_many(body: bytes) -> bool:
    """Say whether an array has more elements than a batch may, without making them all.

    Millions of elements of a byte or two would fill the memory before they were refused one by one.
    """
    most = settings.MAX_BATCH_EVENTS
    if body.count(b",") < most:
        return False
    try:
        return sum(1 for _ in islice(_scan(body), most + 1)) > most
    except ValueError:
        return False  # no array: the decoder says where


_blank = re.compile(r"[ \t\n\r]*")
_lenient = json.JSONDecoder(parse_int=str, parse_float=str, strict=False)


def _scan(body: bytes) -> Iterator[bytes]:
    """Yield the elements of a JSON array, of which single ones may be broken within their bounds (half a
    surrogate pair, NaN, bytes that are not UTF-8). Raises ValueError where it is no array."""
    text = body.decode("utf-8", "surrogateescape")
    at = _opened(text, 0, "[")
    if text[at : at + 1] == "]":
        return
    while True:
        _, end = _lenient.raw_decode(text, at)
        yield text[at:end].encode("utf-8", "surrogateescape")
        at = _end_of_blank(text, end)
        if text[at : at + 1] == "]" and _end_of_blank(text, at + 1) == len(text):
            return
        at = _opened(text, at, ",")


def _opened(text: str, at: int, mark: str) -> int:
    at = _end_of_blank(text, at)
    if text[at : at + 1] != mark:
        raise ValueError(f"no {mark} at character {at}")
    return _end_of_blank(text, at + 1)


def _end_of_blank(text: str, at: int) -> int:
    found = _blank.match(text, at)
    return found.end() if found else at
