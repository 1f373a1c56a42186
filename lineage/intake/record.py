"""Keeping bodies and what they say, in one transaction: the only writer of the record.

Writers take turns (a lock that the transaction holds to its end), so that the known clock follows
the order of commits: whoever sees a moment sees all that was known until then.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, cast

import msgspec
import structlog
from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    transaction,
)

from factory.kit.bulk import copy_in, fetch, fetch_often, json_text, take_ids
from factory.kit.sealing import wrap
from lineage.entities import state as states
from lineage.entities.keys import ENTITY_KIND, NodeKey
from lineage.entities.models import Statement
from lineage.entities.state import Said, node_ids, remembering
from lineage.entities.take_in import TakenIn, take_in
from lineage.graph import bind
from lineage.graph.bind import Claimed
from lineage.graph.models import ClaimFact
from lineage.graph.roots import TURNSTILE
from lineage.graph.settle import settle
from lineage.intake import mentioned, numbering, retract, sources
from lineage.intake.arrival import Arrival, Event, Sealed, Spelt, Verdict
from lineage.intake.derived import Derived
from lineage.intake.models import BodyKey, Outcome, Reading, Submission
from lineage.intake.ready import make_ready, spell
from lineage.intake.repeats import find_repeats
from lineage.intake.vault import period_key
from lineage.usage.store import store

log = structlog.get_logger(__name__)

#: Shorter than clients wait for an answer (openlineage-python: 5 s), so that they learn to come again.
_WAIT = {"lock_timeout": "4s"}
#: Whoever records events looks everything up by key, some thousands of keys at most: the planner must not
#: reckon otherwise while the tables grow faster than their statistics are gathered.
_BY_KEYS = _WAIT | dict.fromkeys(
    ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_bitmapscan"), "off"
)
#: Classes of SQLSTATE that say "not now", whatever was sent (PostgreSQL manual, appendix A).
_NOT_NOW = ("08", "25", "40", "53", "55", "57", "58")


class Filed(msgspec.Struct):
    """An event with the body that it came in."""

    arrival: Arrival
    event: Event

    @property
    def verdict(self) -> Verdict:
        """What became of it; once it is judged."""
        return cast(Verdict, self.event.verdict)

    @property
    def derived(self) -> Derived:
        """What its reader made of it; of events that are accepted."""
        return cast(Derived, self.event.derived)


def record(arrivals: Sequence[Arrival]) -> None:
    """Keep the bodies, read out what their events say, and set every event's verdict.

    Raises OperationalError or InterfaceError where the database can't commit; then nothing is kept.
    An event that the database can't take for any other reason goes to quarantine, and the rest is
    taken in.
    """
    for arrival in arrivals:
        make_ready(arrival)
    record_waiting(lambda: arrivals)


def record_waiting(take: Callable[[], Sequence[Arrival]]) -> None:
    """As `record`, of the bodies that `take` returns when the turn has come: all who wait by then.

    They have been made ready (see `intake.ready`).
    """
    group: list[Arrival] = []

    def taken() -> list[Arrival]:
        group.extend(take())
        return group

    try:
        _record(taken, _derive)
    except Exception as error:
        if _not_now(error) or not group:
            raise
        # an event that can't be kept is rare: only now there is a savepoint for each part of them
        for arrival in group:
            for event in arrival.events:
                event.verdict = None
        _record(lambda: group, _derive_or_split)


def _record(take: Callable[[], Sequence[Arrival]], derive: Callable[[list[Filed], datetime], None]) -> None:
    with transaction.atomic():
        known_at = next_moment(_BY_KEYS)
        arrivals = take()
        _keep([arrival for arrival in arrivals if not arrival.stored])
        filed = [Filed(arrival, event) for arrival in arrivals for event in arrival.events]
        find_repeats(arrivals)
        _judge(filed)
        derive([f for f in filed if f.verdict.outcome == Outcome.ACCEPTED], known_at)
        refused = [f for f in filed if f.verdict.outcome != Outcome.ACCEPTED]
        _write_readings([f for f in refused if not f.event.says_nothing_new()], known_at)
        mentioned.keep(arrivals)
        sources.count(arrivals)


def next_moment(settings: dict[str, str] = _WAIT) -> datetime:
    """Take the turnstile for this transaction and return its moment on the known clock, in UTC.

    Later than every moment before it, even where the machine's clock was set back. The settings hold for
    the transaction.
    """
    made = [f"set_config('{name}', '{value}', true)" for name, value in settings.items()]
    fetch(f"SELECT {', '.join(made)}, pg_advisory_xact_lock(%s)", [TURNSTILE])
    return fetch_often(
        """SELECT greatest(clock_timestamp(), (
               SELECT known_at + interval '1 microsecond' FROM lineage_reading ORDER BY id DESC LIMIT 1))"""
    )[0][0]


def _keep(arrivals: list[Arrival]) -> None:
    if not arrivals:
        return
    period, key = period_key(arrivals[0].received_at.date())
    bodies, keys = [], []
    for a in arrivals:
        sealed = cast(Sealed, a.sealed)
        bodies.append(
            (
                a.id,
                a.door,
                a.source,
                a.received_at,
                a.content_type,
                json_text(a.headers),
                sealed.sha256,
                len(a.body),
                a.batch,
                sealed.body,
            )
        )
        keys.append((a.id, period, wrap(sealed.key, key)))
    copy_in(
        Submission,
        ("id", "door", "source", "received_at", "content_type", "headers", "sha256", "size", "batch", "body"),
        bodies,
    )
    copy_in(BodyKey, ("submission_id", "period_id", "wrapped"), keys)


def _judge(filed: list[Filed]) -> None:
    for f in filed:
        if refusal := f.event.refusal:
            f.event.verdict = Verdict(
                Outcome.QUARANTINED, refusal.code, refusal.reason, refusal.pointer, refusal.status
            )
        elif f.event.verdict is None:
            f.event.verdict = Verdict(Outcome.ACCEPTED)


def _derive_or_split(filed: list[Filed], known_at: datetime) -> None:
    """Derive from all events at once; where that fails, halve until the culprits stand alone."""
    if not filed:
        return
    try:
        with transaction.atomic():
            _derive(filed, known_at)
    except Exception as error:
        if _not_now(error):
            raise
        if len(filed) > 1:
            middle = len(filed) // 2
            _derive_or_split(filed[:middle], known_at)
            _derive_or_split(filed[middle:], known_at)
            return
        log.exception("event can't be kept", submission=str(filed[0].arrival.id), index=filed[0].event.index)
        reason = str(error).partition("\n")[0] or type(error).__name__
        filed[0].event.verdict = Verdict(
            Outcome.QUARANTINED, "unprocessable", f"it can't be kept: {reason}", status=400
        )


def _not_now(error: BaseException) -> bool:
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, (DatabaseError, OperationalError)):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return (state is None and isinstance(error, OperationalError)) or str(state)[:2] in _NOT_NOW


def _derive(filed: list[Filed], known_at: datetime) -> None:
    if not filed:
        return
    with remembering():
        _write_readings(filed, known_at)
        numbering.keep(filed, known_at)
        spelt = [(f, f.event.spelt or spell(f.derived)) for f in filed]
        taken_back = retract.taken_back(filed)
        ids = node_ids(key for _, all_said in spelt for key in all_said.keys)
        said = _write_statements(spelt, ids, known_at)
        claims = _write_claims(spelt, ids, taken_back)
        store(
            (f.event.reading, f.derived.time, f.arrival.source, table, fields)
            for f in filed
            for table, fields in f.derived.measures
        )
        afresh = retract.apply(filed, taken_back, known_at)
        if afresh:
            said = {node: ones for node, ones in said.items() if node not in afresh}
            said |= retract.statements_of(afresh)
        taken = take_in(said, ids, afresh=frozenset(afresh))
        settle_from(taken, claims, set(afresh), known_at)


def _write_readings(filed: list[Filed], known_at: datetime) -> None:
    for f, id_ in zip(filed, take_ids(Reading, len(filed)), strict=True):
        f.event.reading = id_
    known = str(known_at)  # psycopg spells times in Python: here and below once, not for every row
    copy_in(Reading, _READING, (_reading_row(f, known) for f in filed))


_READING = (
    "id",
    "submission_id",
    "index",
    "door",
    "source",
    "outcome",
    "code",
    "reason",
    "pointer",
    "reader",
    "event_type",
    "event_time",
    "producer",
    "identity_source",
    "identity_id",
    "digest",
    "retracts_source",
    "retracts_id",
    "known_at",
)


def _reading_row(f: Filed, known_at: str) -> tuple[Any, ...]:
    a, e, v, d = f.arrival, f.event, f.verdict, f.event.derived
    if v.reason:
        v.reason, v.pointer = _clean(v.reason), _clean(v.pointer)
    named = (e.reading, a.id, e.index, a.door, a.source, v.outcome, v.code, v.reason, v.pointer, a.reader)
    if d is None:
        return (*named, "", None, "", None, None, None, None, None, known_at)
    return (
        *named,
        d.event_type,
        d.time,
        d.producer,
        *(d.identity or (None, None)),
        d.digest,
        *(d.retracts or (None, None)),
        known_at,
    )


def _clean(text: str) -> str:
    """Reasons quote what was sent; text columns hold no NUL and no half of a surrogate pair."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _write_statements(
    spelt: list[tuple[Filed, Spelt]],
    ids: dict[NodeKey, int],
    known_at: datetime,
) -> dict[int, list[Said]]:
    said: dict[int, list[Said]] = defaultdict(list)
    rows = []
    for f, all_said in spelt:
        reading, at, source = f.event.reading, f.derived.time, f.arrival.source
        at_text = str(at)
        for (key, stated), body in zip(all_said.statements.items(), all_said.bodies, strict=True):
            said[ids[key]].append(Said(reading, at, source, known_at, stated.facets, stated.attributes))
            rows.append((reading, ids[key], at_text, source, body))
    copy_in(Statement, ("reading_id", "node_id", "at", "asserter", "body"), rows)
    return said


def _write_claims(
    spelt: list[tuple[Filed, Spelt]],
    ids: dict[NodeKey, int],
    taken_back: Collection[int],
) -> list[Claimed]:
    """Put the claims on record; return those that stand."""
    claimed, rows = [], []
    for f, all_said in spelt:
        reading, at, source = f.event.reading, f.derived.time, f.arrival.source
        at_text = str(at)
        for c in all_said.claims:
            version = c.entity.version if c.entity.kind in ENTITY_KIND else ""
            row = Claimed(ids[c.actor], c.kind, ids[c.entity.entity], version, at, c.basis, c.detail or None)
            if reading not in taken_back:
                claimed.append(row)
            rows.append(
                (
                    reading,
                    row.actor,
                    row.kind,
                    row.entity,
                    version,
                    at_text,
                    row.basis,
                    source,
                    json_text(c.detail) if c.detail else None,
                )
            )
    copy_in(
        ClaimFact,
        ("reading_id", "actor_id", "kind", "entity_id", "version", "at", "basis", "asserter", "detail"),
        rows,
    )
    return claimed


def settle_from(taken: TakenIn, claims: list[Claimed], afresh: set[int], known_at: datetime) -> None:
    """Settle every actor that was claimed about, moved in time, or got another name."""
    standings = taken.standings
    involved = {claim.actor for claim in claims} | taken.timed | taken.renamed | afresh
    if taken.renamed:
        involved |= retract.actors_naming(taken.renamed)
    old = [i for i in taken.timed if standings[i].key.kind in ENTITY_KIND and not standings[i].new]
    involved |= bind.bound_to(old, taken.gone)
    if missing := involved - standings.keys():
        standings |= states.load(missing)
    canonical = {i: standings[i].canonical or i for i in involved if i in standings}
    heads = set(canonical.values())
    if missing := heads - standings.keys():
        standings |= states.load(missing)
    actors = {i: standings[i] for i in heads | (taken.renamed & standings.keys()) if _acts(standings[i].key)}

    # of nodes with other names, some claims may be older, or made under another name
    several = taken.renamed | {s.canonical for s in standings.values() if s.canonical}
    fresh: dict[int, list[Claimed]] = {
        i: [] for i, s in actors.items() if s.new and i not in several and s.canonical is None
    }
    for claim in claims:
        if claim.actor in fresh:
            entity = standings[claim.entity].canonical or claim.entity
            fresh[claim.actor].append(msgspec.structs.replace(claim, entity=entity))
    settle(actors, taken.moved, known_at, fresh, taken.drops)


def _acts(key: NodeKey) -> bool:
    return key.kind not in ("department", "user", "tool")
