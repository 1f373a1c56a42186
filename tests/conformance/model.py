"""What OpenLineage events say, by a small model that knows nothing of Plumbline's code.

A dataset is the set of its names: those that symlinks give it too. Runs are known by their ids.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Name = tuple[str, str]
Dataset = frozenset[Name]
Version = tuple[Dataset, str]
#: (source, kind, target): runs by their id, versions as pairs.
Edge = tuple[Any, str, Any]


@dataclass
class Run:
    job: Name
    parent: str = ""
    states: list[tuple[datetime, str]] = field(default_factory=list)
    #: Datasets, each with the versions that were named.
    reads: dict[Name, set[str]] = field(default_factory=lambda: defaultdict(set))
    writes: dict[Name, set[str]] = field(default_factory=lambda: defaultdict(set))

    @property
    def began(self) -> datetime:
        starts = [at for at, state in self.states if state == "START"]
        return min(starts or [at for at, _ in self.states])

    @property
    def completed(self) -> datetime | None:
        return min((at for at, state in self.states if state == "COMPLETE"), default=None)


class Model:
    """Everything that a set of RunEvents says, in whatever order they come."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self.runs: dict[str, Run] = {}
        self.jobs: set[Name] = set()
        self.drops: dict[Name, set[datetime]] = defaultdict(set)
        self._same: dict[Name, Name] = {}
        for event in events:
            self._take(event)

    def _take(self, event: dict[str, Any]) -> None:
        at = datetime.fromisoformat(event["eventTime"])
        run = self._run(event["run"], event["job"])
        state = event.get("eventType", "")
        run.states.append((at, state))
        for item in event.get("inputs") or ():
            name, facets = self._dataset(item)
            run.reads[name] |= _version(facets)
        for item in event.get("outputs") or ():
            name, facets = self._dataset(item)
            change = facets.get("lifecycleStateChange", {}).get("lifecycleStateChange")
            if change == "DROP":
                if state in ("RUNNING", "COMPLETE", "OTHER", ""):
                    self.drops[name].add(at)
            else:
                run.writes[name] |= _version(facets)

    def _run(self, run: dict[str, Any], job: dict[str, Any]) -> Run:
        id_, name = run["runId"].lower(), (job["namespace"], job["name"])
        self.jobs.add(name)
        found = self.runs.setdefault(id_, Run(name))
        if above := run.get("facets", {}).get("parent"):
            found.parent = self._above(above)
            if "root" in above:
                self._above(above["root"])
        return found

    def _above(self, above: dict[str, Any]) -> str:
        id_ = str(above["run"]["runId"]).lower()
        self.jobs.add((above["job"]["namespace"], above["job"]["name"]))
        self.runs.setdefault(id_, Run((above["job"]["namespace"], above["job"]["name"])))
        return id_

    def _dataset(self, item: dict[str, Any]) -> tuple[Name, dict[str, Any]]:
        name, facets = (item["namespace"], item["name"]), item.get("facets", {})
        self._same.setdefault(name, name)
        for other in facets.get("symlinks", {}).get("identifiers", []):
            alias = (other["namespace"], other["name"])
            self._same[self._first(alias)] = self._first(name)
        return name, facets

    def _first(self, name: Name) -> Name:
        while (before := self._same.setdefault(name, name)) != name:
            name = before
        return name

    # --- what it comes to -------------------------------------------------------------------------
    def dataset(self, name: Name) -> Dataset:
        first = self._first(name)
        return frozenset(other for other in self._same if self._first(other) == first)

    @property
    def datasets(self) -> set[Dataset]:
        return {self.dataset(name) for name in self._same}

    def made(self) -> dict[Version, datetime | None]:
        """Return every version that was named or made, with the moment when it came into being."""
        versions: dict[Version, datetime | None] = {}
        for run in self.runs.values():
            for name, named in run.reads.items():
                versions |= {
                    (self.dataset(name), v): None for v in named if (self.dataset(name), v) not in versions
                }
        for id_, run in self.runs.items():
            for name, named in run.writes.items():
                if named or run.completed:
                    versions |= {(self.dataset(name), v): run.completed for v in named or {f"run-{id_}"}}
        return versions

    def _current(self, dataset: Dataset, at: datetime) -> str:
        drops = [moment for name in dataset for moment in self.drops.get(name, ())]
        made = [(began, v) for (d, v), began in self.made().items() if d == dataset and began and began <= at]
        if not made:
            return "unknown"
        began, version = max(made)
        gone = any(began <= drop < at for drop in drops)
        return "unknown" if gone else version

    def edges(self) -> set[Edge]:
        """Return what flowed: versions into runs, runs into versions."""
        edges: set[Edge] = set()
        for id_, run in self.runs.items():
            for name, named in run.reads.items():
                dataset = self.dataset(name)
                versions = named or {self._current(dataset, run.began)}
                edges |= {((dataset, version), "read", id_) for version in versions}
            for name, named in run.writes.items():
                if named or run.completed:
                    edges |= {(id_, "wrote", (self.dataset(name), v)) for v in named or {f"run-{id_}"}}
        return edges

    def versions(self) -> set[Version]:
        flowing = {end for source, _, target in self.edges() for end in (source, target)}
        return {end for end in flowing if isinstance(end, tuple)} | set(self.made())


def _version(facets: dict[str, Any]) -> set[str]:
    version = facets.get("version", {}).get("datasetVersion")
    return {version} if version else set()
