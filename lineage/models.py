"""The index of lineage's models; each lives in its room."""

from lineage.entities.models import Node, NodeState, Retracted, Statement
from lineage.graph.models import ClaimFact, Edge, EdgeFact
from lineage.intake.erase_models import Erased, Mention
from lineage.intake.models import BodyKey, PeriodKey, Reading, Replay, Source, Submission
from lineage.intake.source_models import (
    Finding,
    Numbered,
    NumberRange,
    Refusal,
    SourceHour,
    Stream,
    StreamSender,
)
from lineage.usage.models import Measurement, Revenue, Target, Task, Usage

__all__ = [
    "BodyKey",
    "ClaimFact",
    "Edge",
    "EdgeFact",
    "Erased",
    "Finding",
    "Measurement",
    "Mention",
    "Node",
    "NodeState",
    "NumberRange",
    "Numbered",
    "PeriodKey",
    "Reading",
    "Refusal",
    "Replay",
    "Retracted",
    "Revenue",
    "Source",
    "SourceHour",
    "Statement",
    "Stream",
    "StreamSender",
    "Submission",
    "Target",
    "Task",
    "Usage",
]
