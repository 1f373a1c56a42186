"""What a verification found."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Enough(Exception):
    """As many findings as the report may have; the rest of the log isn't looked at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    `place` names it for a person: the path of a tile or bundle, `entry 17`, `checkpoint`, or the file that
    was given. `path` and `index` are the file in the log and the entry, where there is one. `position`
    orders findings: the first entry that it touches.
    """

    place: str
    problem: str
    path: str | None = None
    index: int | None = None
    position: int = 0

    def __str__(self) -> str:
        within = f" (in {self.path})" if self.path and self.path != self.place else ""
        return f"{self.place}{within}: {self.problem}"


class Verdict(StrEnum):
    """What a verification comes to; a bad place outweighs what could not be checked."""

    GOOD = "good"
    BAD = "bad"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class Pruned:
    """What the log says that it no longer holds: entries below `minimum_index`, by its own `entry`."""

    minimum_index: int
    entry: int
    #: How many entries are indeed not there, all of them below the minimum index.
    absent: int = 0


@dataclass(frozen=True, slots=True)
class Citation:
    """The end of an older log that this one says to follow upon; `root` in base64."""

    origin: str
    size: int
    root: str


@dataclass(frozen=True, slots=True)
class Stamped:
    """What a timestamp shows: the first `size` entries existed `at`, by the word of `authority`.

    `timestamp` and `checkpoint` are the files that say so, `at` is spelt as in RFC 3339.
    """

    timestamp: str
    checkpoint: str
    size: int
    at: str
    authority: str


@dataclass(slots=True)
class Report:
    """The result for the log at `log`; `verdict` says what it comes to."""

    log: str
    origin: str = ""
    size: int = 0
    root: str = ""
    signed_by: list[str] = field(default_factory=list)
    #: The witnesses whose cosignatures are valid, with the time that each states.
    cosigned_by: dict[str, str] = field(default_factory=dict)
    #: Whether the policy's quorum was met; None without a policy.
    quorum_met: bool | None = None
    #: The entries that were asked about, `[start, end)`.
    start: int = 0
    end: int = 0
    entries_checked: int = 0
    tiles_checked: int = 0
    #: The older checkpoints and receipts that the log agrees with, by file, with their sizes.
    consistent_with: dict[str, int] = field(default_factory=dict)
    #: The older checkpoints, by file, that are the one that the log cites.
    cited: list[str] = field(default_factory=list)
    cites: Citation | None = None
    #: The timestamps that hold, the smallest checkpoint first.
    timestamps: list[Stamped] = field(default_factory=list)
    pruned: Pruned | None = None
    #: What was looked for and the indexes of the entries where it is.
    included: dict[str, list[int]] = field(default_factory=dict)
    #: By index, what the entries that were found say of themselves: `action`, `recorded_at`, `outcome`.
    entries: dict[int, dict[str, str]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    #: What was asked and can't be told, for example of entries that were pruned.
    unchecked: list[Finding] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    #: Whether the search ended at the most findings.
    stopped: bool = False
    most_findings: int = 20

    @property
    def ok(self) -> bool:
        """Whether everything that was asked holds."""
        return self.verdict is Verdict.GOOD

    @property
    def verdict(self) -> Verdict:
        if self.findings:
            return Verdict.BAD
        return Verdict.UNCHECKED if self.unchecked else Verdict.GOOD

    @property
    def first(self) -> Finding | None:
        """The first bad place."""
        return min(self.findings, key=lambda finding: finding.position, default=None)

    def add(self, finding: Finding) -> None:
        """Note a finding once. Raises Enough."""
        if finding in self.findings:
            return
        self.findings.append(finding)
        if len(self.findings) >= self.most_findings:
            self.stopped = True
            raise Enough

    def as_json(self) -> dict[str, Any]:
        """Return the report as `--json` writes it."""
        first = self.first
        content = asdict(self)
        del content["most_findings"]
        for kind in ("findings", "unchecked"):
            content[kind] = [
                {name: value for name, value in each.items() if name != "position"}
                for each in sorted(content[kind], key=lambda each: each["position"])
            ]
        return {
            "ok": self.ok,
            "verdict": self.verdict.value,
            "first_bad_place": first and first.place,
            **content,
        }
