"""`python -m tests.soak.armed manage.py COMMAND`: the command as it is, with named points to be killed at.

At each point it looks for a file of that name in the folder SOAK_TRAPS. The first process that finds one
takes it away and sends the signals that stand in it, a line each: a process id, or `self`, and a number.
Nothing else is changed: what runs between the points is the product.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Names of the points, in the order in which a round of the sequencer passes them.
POINTS = (
    "lock-taken",
    "submissions-written",
    "queue-taken",
    "places-written",
    "tiles-written",
    "signed",
    "before-commit",
    "committed",
    "note-drafted",
    "noted",
    "before-cosignature",
    "after-cosignature",
)
SELF = "self"


def spring(point: str) -> None:
    """Send the signals of the trap at this point, if there is one."""
    trap = Path(os.environ["SOAK_TRAPS"]) / point
    try:
        trap.rename(sprung := trap.with_name(f"{point}.sprung"))
    except FileNotFoundError:
        return
    for line in sprung.read_text().splitlines():
        whom, sign = line.split()
        os.kill(os.getpid() if whom == SELF else int(whom), int(sign))


def _always(arguments: tuple[Any, ...], result: Any) -> bool:
    return True


def _arm(
    owner: Any,
    name: str,
    *,
    before: str = "",
    after: str = "",
    where: Callable[[tuple[Any, ...], Any], bool] = _always,
) -> None:
    """Put points before and after a call; `where` says by its arguments (and result) whether it counts."""
    real = getattr(owner, name)

    def call(*arguments: Any, **named: Any) -> Any:
        if before and where(arguments, None):
            spring(before)
        result = real(*arguments, **named)
        if after and where(arguments, result):
            spring(after)
        return result

    setattr(owner, name, call)


def arm() -> None:
    from governance.audit import published, sequencer, witnessing
    from governance.audit.tlog.checkpoint import Checkpoint

    _arm(sequencer, "current_log", before="lock-taken")
    _arm(sequencer, "write_rows", after="submissions-written", where=lambda _, hashes: bool(hashes))
    _arm(
        sequencer,
        "fetch",
        after="queue-taken",
        where=lambda words, taken: words[0] is sequencer._TAKE and bool(taken),
    )
    _arm(sequencer, "copy_in", after="places-written")
    _arm(sequencer, "put_tiles", after="tiles-written")
    _arm(Checkpoint, "sign", after="signed")
    _arm(sequencer, "_integrate", after="before-commit", where=lambda _, done: done[0] is not None)
    _arm(published, "note", before="committed", after="noted")
    _arm(Path, "replace", before="note-drafted", where=lambda paths, _: Path(paths[1]).name == "published")
    _arm(witnessing, "_store", before="before-cosignature", after="after-cosignature")


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "factory.settings")
    import django
    from django.core.management import execute_from_command_line

    django.setup()
    arm()
    execute_from_command_line(sys.argv[1:])


if __name__ == "__main__":
    main()
