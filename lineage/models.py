"""The index of lineage's models; each lives in its room."""

from lineage.entities.models import Node, NodeState, Retracted, Statement
from lineage.graph.models import ClaimFact, Edge, EdgeFact
from lineage.intake.models import BodyKey, PeriodKey, Reading, Replay, Source, Submission
from lineage.usage.models import Measurement, Revenue, Target, Task, Usage

__all__ = [
    "BodyKey",
    "ClaimFact",
    "Edge",
    "EdgeFact",
    "Measurement",
    "Node",
    "NodeState",
    "PeriodKey",
    "Reading",
    "Replay",
    "Retracted",
    "Revenue",
    "Source",
    "Statement",
    "Submission",
    "Target",
    "Task",
    "Usage",
]
