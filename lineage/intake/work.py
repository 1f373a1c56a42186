"""Long replays, in the background."""

from typing import Any

from celery import shared_task

from factory.kit.background import Progress
from factory.kit.recording import Actor
from lineage.intake.models import Replay
from lineage.intake.replay import replay


def ask(actor: Actor, asked_by: str, *, door: str = "", source: str = "", code: str = "") -> Replay:
    """Put a replay in line. It starts when the transaction is committed."""
    return Replay.ask(run_replay, actor, asked_by, door=door, source=source, code=code)


def _replay(asked: Replay, progress: Progress) -> dict[str, Any]:
    counts = replay(
        actor=Actor(*asked.actor), door=asked.door, source=asked.source, code=asked.code, progress=progress
    )
    return {"counts": counts}


@shared_task(ignore_result=True)
def run_replay(replay_id: str) -> None:
    """Work one replay off, unless somebody is at it."""
    Replay.work_off(replay_id, _replay)


@shared_task(ignore_result=True)
def resume_replays() -> None:
    """Send again what a broker lost or a worker left lying."""
    Replay.resume(run_replay)
