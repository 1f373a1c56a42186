"""Reading kept bodies again, with today's readers. What is found is added; nothing is taken away."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django.db import transaction

from factory.kit.grants import grant_of
from factory.kit.recording import Actor
from factory.kit.recording import record as put_on_record
from lineage.intake.arrival import Arrival, Prior, admitted
from lineage.intake.derived import Refused
from lineage.intake.doors import DOORS, read_events
from lineage.intake.erase_models import ERASED
from lineage.intake.models import Outcome, Reading, Submission
from lineage.intake.record import record
from lineage.intake.sources import in_quarantine
from lineage.intake.vault import BodyDestroyed, open_body

#: Submissions that are read in one transaction.
_TOGETHER = 50


def replay(
    *,
    actor: Actor,
    source: str = "",
    door: str = "",
    code: str = "",
    submission: UUID | None = None,
    everything: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, int]:
    """Read submissions again: those with events in quarantine, or with `everything` all that match.

    An event that was refused because its token may not send it stays refused, and one that could not be
    read is judged by the token that its source held when it came: reading it again must not widen what
    a token may do. Each transaction is an audit entry. `progress` is told how many
    submissions are done, of how many. Returns how many events had each outcome, and how many bodies
    were `destroyed`.
    """
    chosen = _chosen(source, door, code, submission, everything)
    total, done = len(chosen), 0
    counts: Counter[str] = Counter()
    progress(done, total)
    while done < total:
        ids = chosen[done : done + _TOGETHER]
        with transaction.atomic():
            arrivals = list(_again(ids, counts))
            record(arrivals)
            for arrival in arrivals:
                counts.update(str(event.verdict.outcome) for event in arrival.events if event.verdict)
            put_on_record(
                "submission.replayed",
                actor=actor,
                targets=[f"submission:{id_}" for id_ in ids],
                detail={"source": source, "door": door, "code": code},
            )
        done += len(ids)
        progress(done, total)
    return dict(counts)


def _chosen(source: str, door: str, code: str, submission: UUID | None, everything: bool) -> list[UUID]:
    if everything:
        bodies = Submission.objects.all()
        for name, value in (("source", source), ("door", door), ("pk", submission)):
            if value:
                bodies = bodies.filter(**{name: value})
        return list(bodies.order_by("id").values_list("id", flat=True))
    waiting = in_quarantine(source=source, door=door, code=code)
    if submission is not None:
        waiting = waiting.filter(submission=submission)
    return list(waiting.order_by("submission").values_list("submission", flat=True).distinct())


def _again(ids: list[UUID], counts: Counter[str]) -> Iterator[Arrival]:
    priors: dict[UUID, dict[int, Prior]] = {}
    rows: Any = Reading.objects.filter(submission__in=ids).order_by("id")
    for row in rows:
        priors.setdefault(row.submission_id, {})[row.index] = Prior(
            row.outcome, row.code, row.reason, row.reader
        )
    for kept in Submission.objects.filter(pk__in=ids).order_by("id"):
        try:
            body = open_body(kept)
        except BodyDestroyed:
            counts["destroyed"] += 1
            continue
        arrival = Arrival(
            id=kept.pk,
            door=kept.door,
            source=kept.source,
            received_at=kept.received_at,
            content_type=kept.content_type,
            headers=kept.headers,
            body=body,
            batch=kept.batch,
            reader=DOORS[kept.door].revision,
            events=[],
            stored=True,
        )
        before = priors.get(kept.pk, {})
        arrival.events = [event for event in read_events(arrival) if _may_change(before.get(event.index))]
        for event in arrival.events:
            event.prior = before.get(event.index)
        _judge_scope(arrival)
        yield arrival


def _judge_scope(arrival: Arrival) -> None:
    """Refuse what the source's token could not send: an event that nobody could read was not judged."""
    unjudged = [
        event
        for event in arrival.events
        if event.derived and not (event.prior and event.prior.outcome != Outcome.QUARANTINED)
    ]
    if not unjudged:
        return
    grant = grant_of(arrival.source, arrival.received_at)
    for event in unjudged:
        if grant is None:
            event.refusal = Refused("its source held no token that is known", code="scope", status=403)
        elif event.derived is not None:
            event.refusal = admitted(event.derived, grant)


def _may_change(prior: Prior | None) -> bool:
    return prior is None or prior.code not in ("scope", ERASED)
