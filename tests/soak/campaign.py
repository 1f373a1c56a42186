"""Kills, one after the other, under load."""

import time
from pathlib import Path
from types import TracebackType
from typing import Self

from governance.people.models import User
from tests.personas import PASSWORD
from tests.soak.checks import Checks
from tests.soak.crowd import Crowd
from tests.soak.kills import KILLS
from tests.soak.works import Works


class Campaign:
    """The works, those who use them, and the checks; starts and stops them all as a context manager."""

    def __init__(self, folder: Path, email: str, namespace: str = "soak") -> None:
        self.works = Works(folder)
        self.folder, self.email, self.namespace = folder, email, namespace

    def __enter__(self) -> Self:
        try:
            self.works.start()
            with self.works.web.as_default():
                User.objects.create_user(self.email, PASSWORD, name="Dave Dumont")
            self.crowd = Crowd(self.works, self.namespace, self.email)
            self.checks = Checks(self.works, self.crowd, self.folder)
            self.crowd.start()
        except BaseException:
            self.works.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.crowd.stop()
        self.works.stop()

    def kill(self, name: str, pause: float = 0) -> None:
        """Kill, bring back what was killed, and check. Raises Broken, AssertionError."""
        time.sleep(pause)
        KILLS[name](self.works)
        self.works.revive()
        self.checks.after_a_kill()

    def end(self) -> dict[str, int]:
        """Let everything settle, check it all and return what was counted. Raises Broken."""
        self.crowd.stop_writing()
        return self.checks.at_the_end()
