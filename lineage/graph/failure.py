"""Which data shaped what failed: the trace of a failing deployment or outcome, read for suspects.

A suspect is a step of the trace about which something speaks against it: failed checks, a failed
run, contradictory statements, a version that nobody knows, or one that is new since the model version
that the deployment served before.
"""

import heapq
from collections import defaultdict
from datetime import UTC, datetime

from django.db.models import QuerySet
from msgspec import Struct

from lineage.entities.keys import UNKNOWN, NodeKey
from lineage.entities.models import NodeState
from lineage.graph.models import Edge
from lineage.graph.picture import LONG_AGO, failed_checks
from lineage.graph.trace import Trace, TraceEdge, TraceNode, trace

DEPTH = 50
LIMIT = 1000
FAILED_STATES = ("fail", "failed", "abort")
#: How much each reason speaks against a step.
#: From GRAVE on something is wrong with the step; below it is only new or inferred.
WEIGHT = {
    "checks": 100,
    "failed": 60,
    "conflict": 50,
    "unknown": 40,
    "new": 30,
    "inferred": 5,
}
GRAVE = 40


class NotTraceable(Exception):
    """The node is neither a deployment nor an outcome nor an incident that leads to one."""


class Suspect(Struct):
    """A step that something speaks against. `reasons` are words of WEIGHT, the weightiest first.

    `before` is the version of the same dataset or model that shaped the model served before, if any.
    """

    node: TraceNode
    reasons: list[str]
    weight: int
    before: TraceNode | None = None

    @property
    def grave(self) -> bool:
        return self.weight >= GRAVE


class Maker(Struct):
    """What a version comes from: a run (or, for a model, a version) and the edge that says so."""

    node: TraceNode
    edge: TraceEdge


class Step(Struct):
    """One version of the path, what made it, and the submissions that are evidence of it."""

    node: TraceNode
    makers: list[Maker]
    evidence: list[str]
    suspect: Suspect | None = None


class Serving(Struct):
    """A model version on a deployment, `until` None: still."""

    model: NodeKey
    state: str
    since: datetime | None
    until: datetime | None


class Failure(Struct):
    """The answer. `subject` is what was asked about, `about` the deployment or outcome that it means.
    `models` is what the deployment served at `at`, `previous` what it served before that.

    `compared` says that the previous model's ancestors are known, so that "new" means something.
    """

    subject: NodeState
    about: NodeState
    deployment: NodeState
    at: datetime
    models: list[Serving]
    previous: Serving | None
    trace: Trace
    steps: list[Step]
    suspects: list[Suspect]
    compared: bool


def trace_failure(
    subject: NodeState, at: datetime | None = None, known_at: datetime | None = None
) -> Failure:
    """Trace what failed back to the data.

    `subject` is a deployment, an outcome, or an incident about one of them. Without `at` the moment is
    the outcome's or the incident's own; for a deployment the moment its newest failure began, else now.
    Raises NotTraceable.
    """
    about = subject_of(subject)
    deployment = deployment_of(about)
    served = served_by(deployment, known_at)
    if at is None:
        at = moment_of(subject, about, served)
    models = failing(about, [one for one in served if was_served(one, at)], known_at)
    previous = previous_of(models, served)
    answer = trace(
        about.key,
        direction="upstream",
        depth=DEPTH,
        at=at,
        known_at=known_at,
        limit=LIMIT,
    )
    before: dict[str, TraceNode] = {}
    if previous:
        older = trace(
            previous.model,
            direction="upstream",
            depth=DEPTH,
            at=at,
            known_at=known_at,
            limit=LIMIT,
        )
        before = {node.key: node for node in older.nodes}
    compared = any(node.kind == "dataset_version" for node in before.values())
    suspects = suspects_of(answer, before if compared else {})
    steps = steps_of(answer, {suspect.node.key: suspect for suspect in suspects})
    return Failure(subject, about, deployment, at, models, previous, answer, steps, suspects, compared)


def subject_of(node: NodeState) -> NodeState:
    """The deployment or outcome that an incident is about; the node itself where it is none."""
    if node.kind != "incident":
        return node
    named = str(node.attributes.get("subject") or "")
    found = canonical_state(named)
    if found is None:
        raise NotTraceable(f"The incident {node.name} does not say which deployment or outcome it is about.")
    return found


def deployment_of(node: NodeState) -> NodeState:
    if node.kind == "deployment":
        return node
    if node.kind == "outcome":
        found = canonical_state(str(node.attributes.get("deployment") or ""))
        if found is not None:
            return found
        raise NotTraceable(f"The outcome {node.name} does not say which deployment answered.")
    kind = node.kind.replace("_", " ")
    raise NotTraceable(
        f"{node.name} is a {kind}; a failure is traced from a deployment, an outcome or an incident."
    )


def canonical_state(key: str) -> NodeState | None:
    """What stands about the node of an encoded key, under its canonical name."""
    try:
        kind, namespace, name, version = NodeKey.parse(key)
    except ValueError:
        return None
    found = (
        NodeState.objects.filter(
            node__kind=kind,
            node__namespace=namespace,
            node__name=name,
            node__version=version,
        )
        .select_related("canonical__state_row")
        .first()
    )
    return found.canonical.state_row if found and found.canonical else found


def served_by(deployment: NodeState, known_at: datetime | None) -> list[Serving]:
    """All that a deployment served, as known at a moment, oldest first."""
    served = [
        Serving(
            edge.source.key,
            str((edge.detail or {}).get("state") or ""),
            edge.valid_from,
            edge.valid_to,
        )
        for edge in edges_into(deployment, "serves", known_at)
    ]
    return sorted(served, key=lambda one: (one.since or LONG_AGO, one.model))


def edges_into(node: NodeState, kind: str, known_at: datetime | None) -> QuerySet[Edge]:
    edges = Edge.objects.filter(target_id=node.node_id, kind=kind).select_related("source")
    if known_at is None:
        return edges.filter(superseded_at=None)
    return edges.filter(known_from__lte=known_at).exclude(superseded_at__lte=known_at)


def was_served(one: Serving, at: datetime) -> bool:
    return one.since is not None and one.since <= at and (one.until is None or at < one.until)


def failing(about: NodeState, models: list[Serving], known_at: datetime | None) -> list[Serving]:
    """Of several models at work the ones that the question is about: those that answered, or failed."""
    if about.kind == "outcome":
        answered = {edge.source.key for edge in edges_into(about, "answered", known_at)}
        chosen = [one for one in models if one.model in answered]
    else:
        chosen = [one for one in models if one.state in FAILED_STATES]
    return chosen or models


def moment_of(subject: NodeState, about: NodeState, served: list[Serving]) -> datetime:
    """When the failure was, where the question doesn't say."""
    for node in (subject, about):
        if node.kind in ("outcome", "incident") and node.began_at:
            return node.began_at
    failed = [one.since for one in served if one.state in FAILED_STATES and one.since]
    return max(failed) if failed else datetime.now(UTC)


def previous_of(models: list[Serving], served: list[Serving]) -> Serving | None:
    """What was served before: the newest other model version that began earlier."""
    current = {one.model for one in models}
    spans = [one for one in served if one.model in current and one.since]
    if not models or not spans:
        return None
    latest = max(one.since for one in models if one.since)
    earlier = [one for one in served if one.model not in current and one.since and one.since < latest]
    return max(earlier, key=lambda one: (one.since or LONG_AGO, one.model), default=None)


def suspects_of(answer: Trace, before: dict[str, TraceNode]) -> list[Suspect]:
    """The steps that something speaks against, the most suspicious first."""
    older = {
        (node.kind, node.namespace, node.name): node
        for node in sorted(before.values(), key=lambda node: (node.began_at or LONG_AGO, node.key))
        if node.version
    }
    suspects = []
    for node in answer.nodes:
        reasons = reasons_against(node, before)
        if reasons:
            weight = sum(WEIGHT[reason] for reason in reasons)
            suspects.append(
                Suspect(
                    node,
                    reasons,
                    weight,
                    older.get((node.kind, node.namespace, node.name)),
                )
            )
    # Of equals the one farthest upstream: what went wrong there is what the others inherited.
    return sorted(suspects, key=lambda one: (-one.weight, -abs(one.node.depth), one.node.key))


def reasons_against(node: TraceNode, before: dict[str, TraceNode]) -> list[str]:
    reasons = []
    if failed_checks(node):
        reasons.append("checks")
    if node.kind in ("run", "job") and node.state.lower() in FAILED_STATES:
        reasons.append("failed")
    if node.conflicting:
        reasons.append("conflict")
    if node.version == UNKNOWN:
        reasons.append("unknown")
    if before and node.kind == "dataset_version" and node.key not in before and node.version != UNKNOWN:
        reasons.append("new")
    if node.inferred and node.version != UNKNOWN:
        reasons.append("inferred")
    return reasons


def steps_of(answer: Trace, suspects: dict[str, Suspect]) -> list[Step]:
    """The versions from the source data to what failed: each after all that it was made from."""
    nodes = {node.key: node for node in answer.nodes}
    into: dict[str, list[TraceEdge]] = defaultdict(list)
    out: dict[str, list[TraceEdge]] = defaultdict(list)
    for edge in answer.edges:
        if edge.source in nodes and edge.target in nodes:
            into[edge.target].append(edge)
            out[edge.source].append(edge)
    steps = []
    for key in in_order_of_making(nodes, into, out):
        node = nodes[key]
        if node.kind in ("run", "job"):
            continue
        makers = [Maker(nodes[edge.source], edge) for edge in into[key]]
        evidence = [one for edge in (into[key] or out[key]) for one in edge.evidence]
        steps.append(Step(node, makers, list(dict.fromkeys(evidence)), suspects.get(key)))
    return steps


def in_order_of_making(
    nodes: dict[str, TraceNode],
    into: dict[str, list[TraceEdge]],
    out: dict[str, list[TraceEdge]],
) -> list[str]:
    """Topological order, the earliest first among those that are ready; circles are cut at their earliest."""
    waiting = {key: len({edge.source for edge in into[key]} - {key}) for key in nodes}
    rank = {key: (node.began_at or LONG_AGO, key) for key, node in nodes.items()}
    ready = [rank[key] for key, count in waiting.items() if not count]
    heapq.heapify(ready)
    order: dict[str, None] = {}
    left = sorted(nodes, key=rank.__getitem__)
    while len(order) < len(nodes):
        if not ready:
            ready.append(next(rank[key] for key in left if key not in order))
        key = heapq.heappop(ready)[1]
        if key in order:
            continue
        order[key] = None
        for target in {edge.target for edge in out[key]}:
            waiting[target] -= 1
            if waiting[target] == 0 and target not in order:
                heapq.heappush(ready, rank[target])
    return list(order)
