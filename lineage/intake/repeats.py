"""Telling what was here before.

In OpenLineage a repeat is an equal body (canonical JSON); in CloudEvents an equal (source, id), and
the same identity with another body is refused.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from factory.kit.bulk import fetch_often
from lineage.intake.arrival import Arrival, Event, Verdict
from lineage.intake.derived import Derived
from lineage.intake.models import Outcome

Identity = tuple[str, str]


class Seen(msgspec.Struct):
    """An accepted reading of an event."""

    submission: UUID
    index: int
    digest: bytes
    reader: str


def find_repeats(arrivals: Sequence[Arrival]) -> None:
    """Set the verdict of events that were accepted before, or earlier in these very bodies."""
    waiting = [
        (arrival, event, event.derived)
        for arrival in arrivals
        for event in arrival.events
        if event.derived is not None and event.refusal is None
    ]
    digests, identities = _accepted([derived for _, _, derived in waiting])
    for arrival, event, derived in waiting:
        if derived.identity is not None:
            _judge(arrival, event, derived, identities.get(derived.identity), by_identity=True)
            seen = identities.setdefault(derived.identity, [])
        else:
            _judge(arrival, event, derived, digests.get(derived.digest), by_identity=False)
            seen = digests.setdefault(derived.digest, [])
        if event.verdict is None:
            seen.append(Seen(arrival.id, event.index, derived.digest, arrival.reader))


def _judge(
    arrival: Arrival, event: Event, derived: Derived, seen: list[Seen] | None, *, by_identity: bool
) -> None:
    for before in seen or ():
        if by_identity and before.digest != derived.digest:
            source, id_ = derived.identity or ("", "")
            event.verdict = Verdict(
                Outcome.QUARANTINED,
                "id-reused",
                f"another event came with the source {source!r} and the id {id_!r}"
                f" in submission {before.submission}",
                "/id",
                409,
                before.submission,
            )
            return
        # what is read again by a newer reader adds what that finds
        own = (before.submission, before.index) == (arrival.id, event.index)
        if own and before.reader != arrival.reader:
            continue
        event.verdict = Verdict(Outcome.REPEATED, status=200, repeat_of=before.submission)
        return


def _accepted(waiting: list[Derived]) -> tuple[dict[bytes, list[Seen]], dict[Identity, list[Seen]]]:
    digests: dict[bytes, list[Seen]] = {}
    identities: dict[Identity, list[Seen]] = {}
    if bare := [derived.digest for derived in waiting if derived.identity is None]:
        for digest, *rest in fetch_often(
            """SELECT digest, submission_id, index, digest, reader FROM lineage_reading
               WHERE outcome = 'accepted' AND identity_id IS NULL AND digest = ANY(%s) ORDER BY id""",
            [bare],
        ):
            digests.setdefault(bytes(digest), []).append(Seen(*rest))
    if named := [derived.identity for derived in waiting if derived.identity is not None]:
        for source, id_, submission, index, digest, reader in fetch_often(
            """SELECT r.identity_source, r.identity_id, r.submission_id, r.index, r.digest, r.reader
               FROM unnest(%s::text[], %s::text[]) AS k(source, id)
               JOIN lineage_reading r ON r.identity_source = k.source AND r.identity_id = k.id
               WHERE r.outcome = 'accepted' AND r.identity_id IS NOT NULL ORDER BY r.id""",
            [[source for source, _ in named], [id_ for _, id_ in named]],
        ):
            identities.setdefault((source, id_), []).append(Seen(submission, index, bytes(digest), reader))
    return digests, identities
