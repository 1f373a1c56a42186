"""`python -m tests.bench.log_worker MODE COUNT TOGETHER` writes entries, or the same rows elsewhere.

It waits for a line on standard input, works, and says that it is done. Modes: `entries` by the append of
the product; `plain` into a table with the same columns and indexes; `chain` into such a table where each
row holds the hash of the one before, whose owner is known by a locked row.
"""

import hashlib
import sys
from collections.abc import Callable
from typing import Any


def main() -> None:
    mode, count, together = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    import django

    django.setup()
    write = {"entries": _entries, "plain": _plain, "chain": _chain}[mode](together)
    write()
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(count // together):
        write()
    print("done", flush=True)


def _act(number: int) -> Any:
    from django.utils import timezone

    from factory.kit.ids import new_id
    from factory.kit.recording import Actor
    from governance.audit.leaf import Act

    now = timezone.now()
    return Act(
        id=new_id(),
        occurred_at=now,
        recorded_at=now,
        actor=Actor("token", "0197a3b2-0000-7000-8000-000000000001", authentication="token"),
        action="evaluation.decided",
        targets=("deployment:factory/credit-scoring", f"dataset_version:lake/applicants@{number}"),
        reason="the deployment serves a model whose ancestors are all of the EU",
        policy=("access", "17"),
        service="web",
        detail={"verdict": True, "policies": ["eu-only", "approved"]},
    )


def _entries(together: int) -> Callable[[], None]:
    from django.db import transaction

    from governance.audit.append import append as append_one
    from governance.audit.append import append_many

    def one() -> None:
        act = _act(0)
        with transaction.atomic():
            append_one(
                act.action,
                actor=act.actor,
                targets=act.targets,
                reason=act.reason,
                policy=act.policy,
                detail=act.detail,
            )

    def many() -> None:
        acts = [_act(number) for number in range(together)]
        with transaction.atomic():
            append_many(acts)

    return one if together == 1 else many


def _rows(together: int) -> tuple[Any, list[tuple[Any, ...]]]:
    from django.db import connection

    connection.ensure_connection()
    return connection.connection, [_act(number).row() for number in range(together)]


def _insert(table: str) -> str:
    from governance.audit.leaf import ROW

    return f"INSERT INTO {table} ({', '.join(ROW)}) VALUES ({', '.join(['%s'] * len(ROW))})"


def _plain(together: int) -> Callable[[], None]:
    from governance.audit.leaf import ROW

    def write() -> None:
        raw, rows = _rows(together)
        with raw.transaction(), raw.cursor() as cursor:
            if together == 1:
                cursor.execute(_insert("bench_plain"), rows[0])
            else:
                with cursor.copy(f"COPY bench_plain ({', '.join(ROW)}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)

    return write


def _chain(together: int) -> Callable[[], None]:
    def write() -> None:
        raw, rows = _rows(together)
        with raw.transaction(), raw.cursor() as cursor:
            for row in rows:
                head = cursor.execute("SELECT hash FROM bench_head FOR UPDATE").fetchone()[0]
                linked = hashlib.sha256(head + row[-2]).digest()
                cursor.execute(_insert("bench_chain"), row)
                cursor.execute("UPDATE bench_head SET hash = %s", [linked])

    return write


if __name__ == "__main__":
    main()
