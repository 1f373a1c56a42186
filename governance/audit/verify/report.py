"""What a verification found."""

from dataclasses import asdict, dataclass, field
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


@dataclass(slots=True)
class Report:
    """The result for the log at `log`; `ok` says whether everything that was asked holds."""

    log: str
    origin: str = ""
    size: int = 0
    root: str = ""
    signed_by: list[str] = field(default_factory=list)
    #: The witnesses whose cosignatures are valid, with the time that each states.
    cosigned_by: dict[str, str] = field(default_factory=dict)
    #: Whether the policy's quorum was met; None without a policy.
    quorum_met: bool | None = None
    entries_checked: int = 0
    tiles_checked: int = 0
    #: The older checkpoints and receipts that the log agrees with, by file, with their sizes.
    consistent_with: dict[str, int] = field(default_factory=dict)
    #: What was looked for and the indexes of the entries where it is.
    included: dict[str, list[int]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    #: Whether the search ended at the most findings.
    stopped: bool = False
    most_findings: int = 20

    @property
    def ok(self) -> bool:
        return not self.findings

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
        content["findings"] = [
            {name: value for name, value in each.items() if name != "position"}
            for each in sorted(content["findings"], key=lambda each: each["position"])
        ]
        return {"ok": self.ok, "first_bad_place": first and first.place, **content}
