"""What a traced failure says, in words: the sentence, the suspects, what is new, the path."""

import re
from collections import defaultdict
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from lineage.entities.keys import ENTITY_KIND, UNKNOWN, NodeKey
from lineage.graph.failure import Failure, Step, Suspect
from lineage.graph.picture import detail_of, failed_checks, name_of, version_of, when
from lineage.graph.trace import TraceNode
from lineage.pages.links import node_href, page

#: From so many on, versions of one dataset that nothing grave speaks against share an entry.
TOGETHER = 3
#: Versions that are told without the word before them: v5, 2.1.
SPELT = re.compile(r"v\d|\d+\.\d")


class Said(NamedTuple):
    """A suspect in words."""

    name: str
    href: str
    sentence: str
    owned_by: str


class Told(NamedTuple):
    """A step in words. `makers` are (name, href, words), `evidence` (id, href)."""

    name: str
    detail: str
    kind: str
    href: str
    when: datetime | None
    owned_by: str
    makers: list[tuple[str, str, str]]
    evidence: list[tuple[str, str]]
    gaps: list[str]
    suspect: str


class Row(NamedTuple):
    """One entry of the path: a step of its own, or (`title`) several versions of one dataset that
    nothing grave speaks against."""

    steps: list[Told]
    title: str = ""
    detail: str = ""


def sentence_of(failure: Failure) -> str:
    """The answer in a few sentences, from facts alone."""
    moment = f"At {when(failure.at)} UTC"
    where = failure.deployment.title or failure.deployment.name
    if environment := str(failure.deployment.attributes.get("environment") or ""):
        where += f" in {environment}"
    if not failure.models:
        return f"{moment} nothing is known to have been served by {where}."
    ran = " and ".join(version_name(one.model) for one in failure.models)
    versions = [node for node in failure.trace.nodes if node.kind == "dataset_version"]
    departments = {node.department for node in versions if node.department}
    if not versions:
        return f"{moment} {where} ran {ran}. No dataset is known to have shaped it."
    shaped = f"{len(versions):,} dataset version{'s' if len(versions) > 1 else ''}"
    if departments:
        shaped += f" from {len(departments)} department{'s' if len(departments) > 1 else ''}"
    text = f"{moment} {where} ran {ran}, shaped by {shaped}"
    against = [speaks(one, failure, briefly=True) for one in failure.suspects if one.grave][:2]
    if against:
        return f"{text}; {'; '.join(against)}."
    return f"{text}. No failed check, failed run, conflict or unknown version is known among them."


def version_name(key: NodeKey) -> str:
    """`credit-risk v5`, `credit-risk version 5`."""
    if not key.version:
        return f"{key.name} (version not named)"
    return f"{key.name} {key.version}" if SPELT.match(key.version) else f"{key.name} version {key.version}"


def called(node: TraceNode) -> str:
    """`version 2026-03-01 of raw/applicants`, `the run of 2026-03-01 02:00 UTC of ingest`."""
    if node.version:
        return f"{version_of(node)} of {node.name}"
    if node.kind == "run":
        began = f" of {when(node.began_at)} UTC" if node.began_at else ""
        return f"the run{began} of {name_of(node)}"
    return f"the {node.kind.replace('_', ' ')} {name_of(node)}"


def speaks(suspect: Suspect, failure: Failure, *, briefly: bool = False) -> str:
    """`version 2026-03-01 of raw/applicants failed 2 data quality checks and is new since credit-risk v4`."""
    node = suspect.node
    if "unknown" in suspect.reasons:
        return f"which version of {node.name} was used is not known: no source named one"
    checks = failed_checks(node)
    words = {
        "checks": f"failed {checks} data quality check{'s' if checks > 1 else ''}",
        "failed": "was aborted" if node.state.lower() == "abort" else "failed",
        "conflict": "has contradictory statements about it",
        "new": new_since(suspect, failure, briefly=briefly),
        "inferred": "was not named by its source and is inferred",
    }
    against = [
        words[reason] for reason in suspect.reasons if reason != "inferred" or len(suspect.reasons) == 1
    ]
    listed = ", ".join(against[:-1])
    return f"{called(node)} {listed} and {against[-1]}" if listed else f"{called(node)} {against[-1]}"


def new_since(suspect: Suspect, failure: Failure, *, briefly: bool) -> str:
    since = version_name(failure.previous.model) if failure.previous else "the model before"
    if briefly:
        return f"is new since {since}"
    if suspect.before:
        return f"is new since {since}, whose newest was {version_of(suspect.before)}"
    return f"is new since {since}, which used no version of it"


def owned_by(node: TraceNode) -> str:
    """`risk-data, j.doe`; empty where nobody is on record."""
    return ", ".join(dict.fromkeys(name for name in (node.department, *node.owners) if name))


def said(suspect: Suspect, failure: Failure) -> Said:
    node = suspect.node
    sentence = speaks(suspect, failure)
    return Said(
        name_of(node),
        node_href(node.key),
        f"{sentence[0].upper()}{sentence[1:]}.",
        owned_by(node),
    )


class Fresh(NamedTuple):
    """What is new of one dataset: its versions now as (href, version), and the newest before."""

    name: str
    versions: list[tuple[str, str]]
    before: str


def fresh_of(failure: Failure) -> list[Fresh]:
    """What is new since the model before, dataset by dataset."""
    new = sorted(
        (one for one in failure.suspects if "new" in one.reasons),
        key=lambda one: (
            one.node.name,
            one.node.namespace,
            when(one.node.began_at),
            one.node.version,
        ),
    )
    return [
        Fresh(
            name,
            [(node_href(one.node.key), one.node.version) for one in same],
            same[0].before.version if same[0].before else "",
        )
        for (name, _), group in groupby(new, key=lambda one: (one.node.name, one.node.namespace))
        for same in [list(group)]
    ]


def rows_of(failure: Failure) -> list[Row]:
    """The path in order; versions of one dataset that nothing grave speaks against stand together,
    where the last of them is."""
    plain: dict[tuple[str, str, str], list[Step]] = defaultdict(list)
    for step in failure.steps:
        if step.node.kind == "dataset_version" and not (step.suspect and step.suspect.grave):
            plain[step.node.kind, step.node.namespace, step.node.name].append(step)
    last = {same[-1].node.key: same for same in plain.values() if len(same) >= TOGETHER}
    hidden = {step.node.key for same in last.values() for step in same}
    rows = []
    for step in failure.steps:
        if same := last.get(step.node.key):
            versions = f"{len(same):,} versions, {same[0].node.version} to {same[-1].node.version}"
            rows.append(Row([step_told(one, failure) for one in same], step.node.name, versions))
        elif step.node.key not in hidden:
            rows.append(Row([step_told(step, failure)]))
    return rows


def step_told(step: Step, failure: Failure) -> Told:
    node = step.node
    makers = []
    for maker in step.makers:
        source = maker.node
        words = f"{maker.edge.kind.replace('_', ' ')}, {maker.edge.basis}"
        if maker.edge.asserted_by:
            words += f", said by {', '.join(maker.edge.asserted_by)}"
        makers.append((f"{name_of(source)}, {detail_of(source)}", node_href(source.key), words))
    return Told(
        name=name_of(node),
        detail=detail_of(node),
        kind=node.kind.replace("_", " "),
        href=node_href(node.key),
        when=node.began_at,
        owned_by=owned_by(node),
        makers=makers,
        evidence=[(one, page("lineage:submission", one)) for one in step.evidence],
        gaps=gaps_of(step),
        suspect=said(step.suspect, failure).sentence if step.suspect and step.suspect.grave else "",
    )


def gaps_of(step: Step) -> list[str]:
    """What is inferred or missing about a step."""
    node = step.node
    gaps = []
    if node.kind == "dataset_version" and not step.makers:
        gaps.append("Nothing is known of how it was made: the trace begins here.")
    if node.inferred and node.version != UNKNOWN:
        gaps.append("No source named this version; it is inferred from the run that wrote it.")
    if any(maker.edge.basis == "inferred" for maker in step.makers):
        gaps.append("At least one relation below is inferred from the order of events.")
    if node.began_at is None and node.kind in (*ENTITY_KIND, "outcome"):
        gaps.append("When it came into being is not known.")
    if not step.evidence:
        gaps.append("No submission is on record as evidence.")
    return gaps
