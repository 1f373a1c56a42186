"""From what was said about a node to what stands.

A Fold is a join-semilattice: `absorb` and `merge` may be called in any order and any number of times
with the same statements, and the result is the same. So the order of arrival does not matter, the
standing state can be kept up statement by statement, and rebuilding is folding again.
"""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec

from factory.kit.canonical import canonical

#: Attributes of which the strictest standing assertion holds, mildest value first.
STRICTEST: dict[str, tuple[Any, ...]] = {
    "classification": ("public", "internal", "confidential", "restricted"),
    "risk_class": ("minimal", "limited", "high", "prohibited"),
    "personal_data": (False, True),
}
#: Attributes that can have one value only: a second one is a conflict.
SINGLE = ("digest", "job")
TERMINAL = ("COMPLETE", "FAIL", "ABORT")

_json = msgspec.json.Decoder()
_WORDS = re.compile(r"[^\W_]+")


class Latest(msgspec.Struct, array_like=True):
    """A value, when its event happened, a spelling to break ties by, and who asserted it."""

    at: datetime
    spelling: bytes
    value: Any
    asserter: str


class FacetRef(msgspec.Struct, array_like=True):
    """Where the newest value of a facet is: the reading whose statement holds it."""

    at: datetime
    digest: bytes
    reading: int
    deleted: bool = False


def _newer(mine: dict[str, Latest], name: str, entry: Latest) -> None:
    standing = mine.get(name)
    if standing is None or (entry.at, entry.spelling, entry.asserter) > (
        standing.at,
        standing.spelling,
        standing.asserter,
    ):
        mine[name] = entry


class Fold(msgspec.Struct, omit_defaults=True):
    """The mergeable state of one node."""

    first: datetime | None = None
    last: datetime | None = None
    made: datetime | None = None
    facets: dict[str, FacetRef] = {}
    latest: dict[str, Latest] = {}
    #: name -> place on the scale -> asserter -> the first and the last time it was asserted
    strict: dict[str, dict[int, dict[str, tuple[datetime, datetime]]]] = {}
    #: name -> value -> who asserted it
    single: dict[str, dict[str, list[str]]] = {}
    #: run state -> its first and its last time
    states: dict[str, tuple[datetime, datetime]] = {}
    same_as: list[str] = []
    dropped: list[datetime] = []

    def absorb(
        self, at: datetime, asserter: str, reading: int, facets: dict[str, bytes], attributes: dict[str, Any]
    ) -> None:
        """Take in one statement."""
        if self.first is None or at < self.first:
            self.first = at
        if self.last is None or at > self.last:
            self.last = at
        for name, raw in facets.items():
            mark = FacetRef(
                at, blake2b(raw, digest_size=8).digest(), reading, b'"_deleted"' in raw and _deleted(raw)
            )
            standing = self.facets.get(name)
            if standing is None or (mark.at, mark.digest) > (standing.at, standing.digest):
                self.facets[name] = mark
        for name, value in attributes.items():
            if name in STRICTEST:
                if value in STRICTEST[name]:
                    self._saw_strict(name, STRICTEST[name].index(value), asserter, at, at)
            elif name in SINGLE:
                who = self.single.setdefault(name, {}).setdefault(str(value), [])
                if asserter not in who:
                    who.append(asserter)
                    who.sort()
            elif name == "run_state":
                self._saw_state(value, at, at)
            elif name == "made":
                if value and (self.made is None or at < self.made):
                    self.made = at
            elif name == "dropped":
                if value and at not in self.dropped:
                    self.dropped = sorted([*self.dropped, at])
            elif name == "same_as":
                self.same_as = sorted({*self.same_as, *value})
            else:
                _newer(self.latest, name, Latest(at, canonical(value), value, asserter))

    def _saw_state(self, state: str, first: datetime, last: datetime) -> None:
        if standing := self.states.get(state):
            first, last = min(first, standing[0]), max(last, standing[1])
        self.states[state] = (first, last)

    def _saw_strict(self, name: str, place: int, asserter: str, first: datetime, last: datetime) -> None:
        who = self.strict.setdefault(name, {}).setdefault(place, {})
        if standing := who.get(asserter):
            first, last = min(first, standing[0]), max(last, standing[1])
        who[asserter] = (first, last)

    def merge(self, other: Fold) -> None:
        """Take in all that another fold has taken in."""
        for moment in (other.first, other.last):
            if moment is not None:
                self.first = moment if self.first is None else min(self.first, moment)
                self.last = moment if self.last is None else max(self.last, moment)
        if other.made is not None:
            self.made = other.made if self.made is None else min(self.made, other.made)
        for name, mark in other.facets.items():
            standing = self.facets.get(name)
            if standing is None or (mark.at, mark.digest) > (standing.at, standing.digest):
                self.facets[name] = mark
        for name, entry in other.latest.items():
            _newer(self.latest, name, entry)
        for name, places in other.strict.items():
            for place, asserters in places.items():
                for asserter, (first, last) in asserters.items():
                    self._saw_strict(name, place, asserter, first, last)
        for name, values in other.single.items():
            mine = self.single.setdefault(name, {})
            for value, who in values.items():
                mine[value] = sorted({*mine.get(value, []), *who})
        for state, (first, last) in other.states.items():
            self._saw_state(state, first, last)
        self.same_as = sorted({*self.same_as, *other.same_as})
        self.dropped = sorted({*self.dropped, *other.dropped})

    # --- what stands ------------------------------------------------------------------------------

    @property
    def run_state(self) -> str:
        """The newest terminal state; where there is none, the newest state."""
        ended = [s for s in TERMINAL if s in self.states] or list(self.states)
        return max(ended, key=lambda s: (self.states[s][1], s), default="")

    def run_span(self) -> tuple[datetime | None, datetime | None]:
        """When the run began (its first START, else its first event) and ended (None: it has not)."""
        began = self.states["START"][0] if "START" in self.states else self.first
        state = self.run_state
        if state not in TERMINAL:
            return began, None
        return began, self.states[state][0 if state == "COMPLETE" else 1]

    def attributes(self) -> dict[str, Any]:
        """The values that stand, with `not_applied` and `conflicts` where there are any."""
        standing: dict[str, Any] = {name: entry.value for name, entry in self.latest.items()}
        not_applied = []
        for name, places in sorted(self.strict.items()):
            scale, top = STRICTEST[name], max(places)
            standing[name] = scale[top]
            since = min(first for first, _ in places[top].values())
            not_applied += [
                {"name": name, "value": scale[place], "asserted_by": asserter, "at": last.isoformat()}
                for place in sorted(places)
                for asserter, (_, last) in sorted(places[place].items())
                if place < top and last > since
            ]
        conflicts = []
        for name, values in sorted(self.single.items()):
            standing[name] = min(values)
            if len(values) > 1:
                conflicts.append(
                    {"name": name, "values": [{"value": v, "asserted_by": values[v]} for v in sorted(values)]}
                )
        if self.made is not None:
            standing["made"] = self.made.isoformat()
        if self.dropped:
            standing["dropped"] = [moment.isoformat() for moment in self.dropped]
        if not_applied:
            standing["not_applied"] = not_applied
        if conflicts:
            standing["conflicts"] = conflicts
        return standing


def _deleted(raw: bytes) -> bool:
    value = _json.decode(raw)
    return isinstance(value, dict) and value.get("_deleted") is True


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Fold)


def dump(fold: Fold) -> bytes:
    return _encoder.encode(fold)


def load(data: bytes) -> Fold:
    return _decoder.decode(data)


def words(text: str) -> list[str]:
    """Return the words of a text as the search knows them."""
    return [word.lower()[:200] for word in _WORDS.findall(text[:20_000])]


def search_text(*parts: str) -> str | None:
    """Return the words of `parts` as a tsvector literal, without positions."""
    found = {word for part in parts if part for word in words(part)}
    return " ".join(f"'{word}'" for word in sorted(found)) or None
