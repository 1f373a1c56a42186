"""Explicit lineage (LineageFacet 1-0-0): what flowed into what, said entry by entry.

In the job form a target without a name is the event's own job. What is said of the own job in a
RunEvent holds for that run. Whoever is named as a target's source wrote it; the datasets named
beside it were read by the own run or job.
"""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import UnsetType

from lineage.entities import keys
from lineage.entities.keys import NodeKey
from lineage.graph.assertions import Basis
from lineage.intake.derived import Refused
from lineage.intake.openlineage.gather import Gathering
from lineage.intake.openlineage.lineage_facet import (
    DatasetLineage,
    DatasetSource,
    DatasetTarget,
    JobLineage,
    JobSource,
    JobTarget,
    Source,
)
from lineage.intake.openlineage.locate import step

VIA = "lineage facet"


class Own(NamedTuple):
    """Whom an event is about: a run and its job, or a job twice.

    `read` and `wrote` give the version that the event names for a dataset: {dataset: version}.
    """

    actor: NodeKey
    job: NodeKey
    read: dict[NodeKey, NodeKey]
    wrote: dict[NodeKey, NodeKey]

    @property
    def basis(self) -> Basis:
        return "observed" if self.actor.kind == "run" else "declared"


def relate_job(g: Gathering, facet: JobLineage, own: Own, pointer: str) -> None:
    """Claim what the lineage facet of the event's own job says."""
    for index, entry in enumerate(facet.entries):
        at = f"{pointer}/entries/{index}"
        if isinstance(entry, DatasetTarget):
            relate_dataset(g, keys.dataset(entry.namespace, entry.name), entry, own, at)
        else:
            _relate_target_job(g, entry, own, at)


def relate_dataset(
    g: Gathering, target: NodeKey, said: DatasetTarget | DatasetLineage, own: Own, pointer: str
) -> None:
    """Claim that the own run or job wrote `target`, and what it read or who else wrote for that."""
    target = own.wrote.get(target, target)
    g.claim(own.actor, "wrote", target, own.basis, {"via": VIA})
    for source, at in _sources(said, pointer):
        if isinstance(source, DatasetSource):
            _read(g, own.actor, source, own)
        elif (writer := _job_node(g, source, own, at)) and writer != own.actor:
            g.claim(writer, "wrote", target, _basis(writer, own), {"via": VIA})


def derive_dataset(g: Gathering, target: NodeKey, facet: DatasetLineage, pointer: str) -> None:
    """Claim that `target` came from what its lineage facet names, no run or job being spoken of."""
    for source, at in _sources(facet, pointer):
        if isinstance(source, DatasetSource):
            origin: NodeKey | None = keys.dataset(source.namespace, source.name)
        else:
            origin = _job_node(g, source, None, at)
        if origin and origin not in (target, target.entity):
            g.claim(target, "derived", origin, "declared", {"via": VIA})


def _relate_target_job(g: Gathering, entry: JobTarget, own: Own, pointer: str) -> None:
    target = _job_node(g, entry, own, pointer) or own.actor
    for source, at in _sources(entry, pointer):
        if isinstance(source, DatasetSource):
            _read(g, target, source, own)
        elif (origin := _job_node(g, source, own, at)) and origin != target:
            g.claim(target, "derived", origin, _basis(target, own), {"via": VIA})


def _read(g: Gathering, actor: NodeKey, source: DatasetSource, own: Own) -> None:
    entity = keys.dataset(source.namespace, source.name)
    if actor == own.actor:
        entity = own.read.get(entity, entity)
    g.claim(actor, "read", entity, _basis(actor, own), {"via": VIA})


def _basis(actor: NodeKey, own: Own) -> Basis:
    return own.basis if actor.kind == "run" else "declared"


def _sources(said: DatasetTarget | DatasetLineage | JobTarget, pointer: str) -> Iterator[tuple[Source, str]]:
    for index, source in enumerate(said.inputs):
        yield source, f"{pointer}/inputs/{index}"
    if not isinstance(said, JobTarget):
        for name, column in said.fields.items():
            for index, source in enumerate(column.inputs):
                yield source, f"{step(f'{pointer}/fields', name)}/inputs/{index}"


def _job_node(g: Gathering, named: JobTarget | JobSource, own: Own | None, pointer: str) -> NodeKey | None:
    """Return the run or job that is named, stated; None for the own job of an event without one.

    Raises Refused where only one of namespace and name is there.
    """
    if isinstance(named.namespace, UnsetType) or isinstance(named.name, UnsetType):
        if named.namespace is not named.name:
            missing = "namespace" if isinstance(named.namespace, UnsetType) else "name"
            raise Refused(f"{pointer}/{missing} is missing", f"{pointer}/{missing}")
        job = own.job if own else None
    else:
        job = keys.job(named.namespace, named.name)
        g.mention_job(job)
    if not isinstance(named.run_id, UnsetType):
        run = keys.run(named.run_id)
        # a run named without its job need not be of the event's own job
        g.mention_run(run, None if isinstance(named.name, UnsetType) else job)
        return run
    return own.actor if own and job == own.job else job
