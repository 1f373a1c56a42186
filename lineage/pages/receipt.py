"""How complete an answer is, in sentences (law 10: empty is never mistaken for "none")."""

from typing import NamedTuple

from lineage.graph.trace import Trace

#: What is counted: one of it, many of it.
COUNTS = {
    "unversioned": (
        "1 version is unknown: its dataset was read before any version of it was known",
        "{:,} versions are unknown: their datasets were read before any version of them was known",
    ),
    "inferred": (
        "1 relation names no version; which one was meant is inferred from the order of events",
        "{:,} relations name no version; which ones were meant is inferred from the order of events",
    ),
    "conflicting": (
        "1 step has contradictory statements about it; both are kept",
        "{:,} steps have contradictory statements about them; all are kept",
    ),
    "undated": ("1 step has no time", "{:,} steps have no time"),
    "backdated": (
        "1 relation was corrected by something that arrived later",
        "{:,} relations were corrected by something that arrived later",
    ),
    "quarantined": (
        "1 event could not be understood and is in quarantine; it may belong here",
        "{:,} events could not be understood and are in quarantine; they may belong here",
    ),
    "missing": (
        "1 number is missing of those that the sources of this answer give their events",
        "{:,} numbers are missing of those that the sources of this answer give their events",
    ),
    "withheld": (
        "1 step is withheld, because you may not see it",
        "{:,} steps are withheld, because you may not see them",
    ),
}


class Receipt(NamedTuple):
    """`whole` says that nothing is known to be missing or guessed."""

    whole: bool
    sentences: list[str]


def receipt_of(answer: Trace) -> Receipt:
    """Say in words how complete an answer is."""
    completeness = answer.completeness
    sentences = []
    if answer.next is not None:
        sentences.append(
            f"The answer is cut off after {answer.next:,} nodes: there is more than is shown here."
        )
    elif completeness.truncated:
        runs = "1 run" if answer.depth == 1 else f"{answer.depth} runs"
        sentences.append(f"The answer ends {runs} away, as was asked; the graph goes on beyond.")
    for name, (one, many) in COUNTS.items():
        if count := getattr(completeness, name):
            sentences.append((one if count == 1 else many.format(count)) + ".")
    if silent := completeness.stale_sources:
        said = "source has" if len(silent) == 1 else "sources have"
        sentences.append(
            f"{len(silent)} {said} fallen silent, so newer events may be missing: {', '.join(silent)}."
        )
    if sentences:
        return Receipt(False, sentences)
    return Receipt(
        True,
        ["Nothing is known to be missing: no version is inferred or unknown, and nothing is in conflict."],
    )
