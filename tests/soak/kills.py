"""What is killed: processes at any moment, and at every point of the sequencer's round."""

import os
import signal
from collections.abc import Callable
from functools import partial

from tests.soak.armed import POINTS, SELF
from tests.soak.works import Works, kill

Kill = Callable[[Works], None]
STALLED_SECONDS = 1.5


def web(works: Works) -> None:
    works.web.kill()


def a_web_worker(works: Works) -> None:
    works.web.kill_a_worker()


def a_sequencer(works: Works) -> None:
    works.sequencers.reverse()
    kill(works.sequencers[0], signal.SIGKILL)


def both_sequencers(works: Works) -> None:
    for child in works.sequencers:
        kill(child, signal.SIGKILL)


def a_writer(works: Works) -> None:
    works.stop_writer()
    works.start_writer()


def the_witness(works: Works) -> None:
    kill(works.witness.process, signal.SIGKILL)


def database(works: Works, sign: signal.Signals) -> None:
    assert works.database.process is not None
    kill(works.database.process, sign)


def a_backend(works: Works) -> None:
    """One process of the database: it ends the others itself, and recovers."""
    os.kill(works.backends()[-1], signal.SIGKILL)


def power(works: Works) -> None:
    """Everything at once, but for the witness, which is on another machine."""
    database(works, signal.SIGKILL)
    both_sequencers(works)
    works.web.kill()


def at_point(works: Works, point: str, victims: tuple[str, ...]) -> None:
    """Kill when a sequencer comes to the point: the sequencer, the database, or both."""
    who: dict[str, tuple[int | str, signal.Signals]] = {
        "sequencer": (SELF, signal.SIGKILL),
        "database immediate": (works.postmaster, signal.SIGQUIT),
        "database": (works.postmaster, signal.SIGKILL),
    }
    works.spring(point, *(who[victim] for victim in victims))


def stalled(works: Works, point: str) -> None:
    """Have a sequencer stand still at the point, as a paused machine does, while others work; and go on."""
    works.stall(point, STALLED_SECONDS)


#: At any moment.
MOMENTS: dict[str, Kill] = {
    "web server": web,
    "web worker": a_web_worker,
    "a sequencer": a_sequencer,
    "both sequencers": both_sequencers,
    "writer": a_writer,
    "witness": the_witness,
    "database, immediate": partial(database, sign=signal.SIGQUIT),
    "database": partial(database, sign=signal.SIGKILL),
    "a backend": a_backend,
    "power": power,
}
#: In the sequencer's round.
ROUND: dict[str, Kill] = {
    f"{' and '.join(victims)} at {point}": partial(at_point, point=point, victims=victims)
    for point in POINTS
    for victims in (
        ("sequencer",),
        ("database immediate",),
        ("database",),
        ("database immediate", "sequencer"),
    )
}
#: Nobody is killed, and somebody else works meanwhile.
STALLS: dict[str, Kill] = {f"stalled at {point}": partial(stalled, point=point) for point in POINTS}
KILLS = MOMENTS | ROUND | STALLS
#: Twenty kills, for every test run, and what a slow machine does to the file that is written after a commit.
TWENTY = (
    *(f"sequencer at {point}" for point in POINTS),
    "database immediate at before-commit",
    "database at committed",
    "web worker",
    "database, immediate",
    "both sequencers",
    "database",
    "web server",
    "power",
    "stalled at committed",
)
