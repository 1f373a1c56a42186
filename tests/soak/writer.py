"""`python -m tests.soak.writer`: writes entries in transactions of all kinds, and says what became of them.

A line on standard output is a word and the ids of entries: `kept` once they are committed, `dropped` where
the transaction was rolled back on purpose. Of what the database did not answer for, nothing is said.
"""

import os
import random
import sys
import threading
import time
from uuid import UUID

WRITERS = 3
MOST_TOGETHER = 20
_one_line_at_a_time = threading.Lock()


class _Dropped(Exception):
    """This transaction is to be rolled back."""


def say(word: str, ids: list[UUID]) -> None:
    line = " ".join([word, *map(str, ids)])
    with _one_line_at_a_time:
        os.write(sys.stdout.fileno(), f"{line}\n".encode())


def write(ids: list[UUID]) -> None:
    """Write entries in one transaction: one or several, some of them long open, some rolled back."""
    from django.db import transaction

    from factory.kit.recording import SYSTEM
    from governance.audit.append import append, append_many

    with transaction.atomic():
        ids.append(append("page.read", actor=SYSTEM, targets=["user:somebody"], detail={"pause": 0}))
        if random.random() < 0.2:
            acts = [_act() for _ in range(random.randrange(1, MOST_TOGETHER))]
            append_many(acts)
            ids += [act.id for act in acts]
        if random.random() < 0.1:
            time.sleep(random.random())
        if random.random() < 0.1:
            raise _Dropped


def _act():
    from django.utils import timezone

    from factory.kit.ids import new_id
    from factory.kit.recording import SYSTEM
    from governance.audit.leaf import Act

    now = timezone.now()
    return Act(id=new_id(), occurred_at=now, recorded_at=now, actor=SYSTEM, action="page.read")


def work() -> None:
    from django.db import DatabaseError, InterfaceError, connection

    while True:
        ids: list[UUID] = []
        try:
            write(ids)
        except _Dropped:
            say("dropped", ids)
        except (DatabaseError, InterfaceError):
            connection.close()
            time.sleep(0.1)
        else:
            say("kept", ids)
        time.sleep(random.random() * 0.1)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "factory.settings")
    import django

    django.setup()
    threads = [threading.Thread(target=work, daemon=True) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    sys.stdin.read()  # until whoever started us closes it, or is gone


if __name__ == "__main__":
    main()
