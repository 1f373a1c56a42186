"""The index of lineage's background tasks; each lives in its room."""

from lineage.intake.watch import watch_sources
from lineage.intake.work import resume_replays, run_replay

__all__ = ["resume_replays", "run_replay", "watch_sources"]
