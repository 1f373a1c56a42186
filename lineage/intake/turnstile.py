"""One transaction for many requests: whoever is waiting when a writer has its turn goes in with it.

A commit costs as much for one event as for a hundred, and writers take turns anyway. So a request
leaves its body in the queue and waits for its turn; the first to get it takes the whole queue along.
"""

from collections import deque
from threading import Lock

from django.db import InterfaceError, OperationalError, close_old_connections

from lineage.intake.arrival import Arrival
from lineage.intake.ready import make_ready
from lineage.intake.record import record, record_waiting

#: Events that go into one transaction at most, unless a single body has more.
_TOGETHER = 1000

_queue: deque[Arrival] = deque()
_turn = Lock()


class CannotCommit(Exception):
    """The database doesn't take it now; nothing was kept. The same may be sent again."""


def pass_through(arrival: Arrival) -> None:
    """Record the body and return when it is committed. Raises CannotCommit."""
    make_ready(arrival)
    _queue.append(arrival)
    with _turn:
        while not arrival.done:
            _take_along()
    if isinstance(arrival.error, (OperationalError, InterfaceError)):
        raise CannotCommit(str(arrival.error)) from arrival.error
    if arrival.error is not None:
        raise arrival.error


def _take_along() -> None:
    """Record whoever waits when the turn has come: also who comes while another process has it."""
    group: list[Arrival] = []

    def take() -> list[Arrival]:
        group.extend(_drain())
        return group

    try:
        record_waiting(take)
    except (OperationalError, InterfaceError) as error:
        close_old_connections()
        _fail(group or _drain(), error)
    except Exception as error:
        close_old_connections()
        _one_by_one(group or _drain(), error)
    finally:
        for arrival in group:
            arrival.done = True


def _fail(group: list[Arrival], error: Exception) -> None:
    for arrival in group:
        arrival.error, arrival.done = error, True


def _one_by_one(group: list[Arrival], error: Exception) -> None:
    """Record each body by itself: one of them couldn't be kept, and the others have no part in that."""
    if len(group) == 1:
        _fail(group, error)
        return
    for arrival in group:
        for event in arrival.events:
            event.verdict = None
        try:
            record([arrival])
        except Exception as its_own:
            close_old_connections()
            _fail([arrival], its_own)
        arrival.done = True


def _drain() -> list[Arrival]:
    group: list[Arrival] = []
    events = 0
    while _queue and (not group or events + len(_queue[0].events) <= _TOGETHER):
        group.append(_queue.popleft())
        events += len(group[-1].events)
    return group
