"""What a source says about how two nodes belong together, before versions are bound."""

from typing import Any, Literal

import msgspec

from lineage.entities.keys import NodeKey

Kind = Literal[
    "read", "wrote", "trained", "derived", "succeeds", "serves", "uses", "answered", "part_of", "owns"
]
Basis = Literal["declared", "observed", "inferred", "manual"]


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One relation as one event asserts it, at the event's time.

    The actor is the node that the relation is *about*; the entity is the other end, with a version
    where the source named one. Data flows from the entity to the actor, except in `wrote` and
    `serves`' mirror: `wrote` flows from the actor to the entity.

    ========= ============================ ==========================================
    kind      actor                        entity
    ========= ============================ ==========================================
    read      run, job                     dataset, model, agent
    wrote     run, job                     dataset, model
    trained   model_version                dataset, dataset_version
    derived   model_version, dataset, job… the model, dataset, job or run it comes from
    serves    deployment                   model_version (detail: state, share)
    uses      agent, agent_version         deployment, tool, dataset (an index)
    answered  outcome                      deployment, model, agent, dataset (its inputs)
    part_of   deployment, run, agent       system, parent run, parent agent
    owns      dataset, model, system…      department, user
    ========= ============================ ==========================================

    A dataset, model or deployment without a version is bound to the version that was current for
    the actor (see `graph.settle`), unless the actor is itself timeless (a job, a dataset, a model).

    `detail` keeps what belongs to the relation: role, relation, operation, state, share, digest ...
    """

    actor: NodeKey
    kind: Kind
    entity: NodeKey
    basis: Basis = "declared"
    detail: dict[str, Any] = {}
