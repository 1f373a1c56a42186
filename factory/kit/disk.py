"""A full disk is noticed before it hurts: asked before anything is taken in, and shown on every page.

Looked at are the file systems of PLUMBLINE_VAR and of the embedded database in it. Of a database elsewhere
nothing can be known beforehand; when it says that its disk is full (SQLSTATE 53100), all processes on this
machine go by that for a while.
"""

import os
import time
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

#: Seconds that a look at the disk, and what the database said of its own, are good for.
LOOK_SECONDS = 2
SAID_SECONDS = 30
_DISK_FULL = "53100"


class Space(NamedTuple):
    """How much room is left where there is least of it.

    `state` is `enough`, `little` or `none`; `free` are bytes on the disk of the folder `where`, which is
    empty where only the database says so.
    """

    state: str
    free: int
    where: str

    @property
    def told(self) -> str:
        """A sentence for anybody; empty where there is enough."""
        if self.state == "enough":
            return ""
        if not self.where:
            return "The database says that its disk is full."
        word = "full" if self.state == "none" else "filling up"
        return f"The disk is {word}: {self.free / 1e6:,.0f} MB are left."

    @property
    def refused_below(self) -> str:
        return f"{settings.DISK_FULL_BYTES / 1e6:,.0f} MB"


_looked: tuple[float, Space] | None = None


def space() -> Space:
    """Return how much room is left; cheap, for it looks every two seconds only."""
    global _looked
    now = time.monotonic()
    if _looked is None or now - _looked[0] > LOOK_SECONDS:
        _looked = now, _look()
    return _looked[1]


def says_full(error: BaseException | None) -> bool:
    """Whether `error`, or what caused it, is the database saying that its disk is full; if so it is noted."""
    while error is not None:
        if getattr(error, "sqlstate", None) == _DISK_FULL:
            _note()
            return True
        error = error.__cause__
    return False


def _look() -> Space:
    free, where = min((_free(folder), str(folder)) for folder in _folders())
    if free <= settings.DISK_FULL_BYTES:
        return Space("none", free, where)
    if _said_so():
        return Space("none", 0, "")
    return Space("little" if free <= settings.DISK_WARNING_BYTES else "enough", free, where)


def _folders() -> list[Path]:
    # the data folder may be a link to, or a mount of, another disk
    data = settings.VAR / "postgresql"
    return [settings.VAR, data] if settings.EMBEDDED_DATABASE and data.exists() else [settings.VAR]


def _free(folder: Path) -> int:
    """The bytes that an ordinary user may still write."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _mark() -> Path:
    return settings.VAR / "run" / "database-disk-full"


def _said_so() -> bool:
    try:
        return time.time() - _mark().stat().st_mtime < SAID_SECONDS
    except OSError:
        return False


def _note() -> None:
    global _looked
    _looked = None
    try:
        _mark().parent.mkdir(exist_ok=True)
        _mark().touch()
    except OSError:
        pass  # then the look at our own disk says so
