"""What a deployment served and when, from its changes in event time."""

from datetime import datetime

import msgspec

from factory.kit.canonical import canonical
from lineage.entities.keys import NodeKey
from lineage.graph.bind import Claimed


class Served(msgspec.Struct):
    """One model version on one deployment, from a moment until another (None: still)."""

    entity: int
    version: str
    basis: str
    since: datetime
    until: datetime | None
    detail: dict[str, object]


def timeline(changes: list[Claimed], keys: dict[int, NodeKey]) -> list[Served]:
    """Return what was served, from the `serves` claims of one deployment in any order.

    `keys` has the keys of what the claims name: changes of one moment are taken in their order.
    `serving` without a share (or with share 1) replaces whatever was served; with a smaller share
    it joins what is served (a canary); share 0 and `stopped` end it, and where the source didn't name what
    stopped (the claim is then on the deployment itself) all of it. `failed` keeps the version in
    its place, marked: it is what failed there.
    """
    done: list[Served] = []
    live: dict[tuple[int, str], Served] = {}

    def end(which: tuple[int, str], at: datetime) -> None:
        served = live.pop(which, None)
        if served is not None and served.since < at:
            served.until = at
            done.append(served)

    def place(change: Claimed) -> tuple[datetime, bytes, NodeKey, str, str]:
        detail = canonical(change.detail or {})
        return change.at, detail, keys[change.entity], change.version, change.basis

    for change in sorted(changes, key=place):
        detail = {k: v for k, v in (change.detail or {}).items() if v is not None}
        which, state, share = (change.entity, change.version), detail.get("state"), detail.get("share")
        if state == "stopped" and change.entity == change.actor:
            for other in list(live):
                end(other, change.at)
            continue
        if state == "stopped" or share == 0:
            end(which, change.at)
            continue
        if state == "serving" and (share is None or share >= 1):
            for other in [w for w in live if w != which]:
                end(other, change.at)
        if (standing := live.get(which)) and standing.detail == detail:
            continue
        end(which, change.at)
        live[which] = Served(change.entity, change.version, change.basis, change.at, None, detail)
    return done + list(live.values())
