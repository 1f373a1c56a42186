"""How fast the log takes entries, puts them in their places, proves them, and is searched."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl
from uuid import UUID

from tests.bench.figures import Figure, percentiles, told
from tests.bench.plant import HOME, Web
from tests.bench.send import Connection

WORKERS = 8
TOGETHER = 100
#: Seconds until it is sure that the sequencer doesn't work.
PATIENCE = 120

_TABLES = """
    CREATE TABLE bench_plain (LIKE governance_entry INCLUDING ALL);
    CREATE TABLE bench_chain (LIKE governance_entry INCLUDING ALL);
    CREATE TABLE bench_head (hash bytea);
    INSERT INTO bench_head VALUES ('\\x00');
"""


@contextmanager
def sequencer() -> Iterator[None]:
    """Have the sequencer at work, as the Procfile starts it."""
    child = subprocess.Popen([sys.executable, "manage.py", "sequencer"], cwd=HOME, stdin=subprocess.DEVNULL)
    try:
        _integrated()
        yield
        if child.poll() is not None:
            raise SystemExit("the sequencer ended while it was measured")
    finally:
        child.terminate()
        child.wait()


def _written(mode: str, count: int, together: int) -> float:
    """Have the workers write `count` rows; return when they began, on the monotonic clock."""
    each = count // WORKERS
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.bench.log_worker", mode, str(each), str(together)],
            cwd=HOME,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "factory.settings"},
        )
        for _ in range(WORKERS)
    ]
    for worker in workers:
        assert worker.stdout and worker.stdout.readline() == "ready\n"
    began = time.perf_counter()
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("\n")
        worker.stdin.flush()
    for worker in workers:
        assert worker.stdout and worker.stdout.readline() == "done\n"
        worker.wait()
    return began


def _integrated() -> None:
    """Wait until the log is begun and nothing waits for its place."""
    from governance.audit.store import current_log, waiting

    deadline = time.monotonic() + PATIENCE
    while waiting() or current_log() is None:
        time.sleep(0.02)
        if time.monotonic() > deadline:
            raise SystemExit(f"entries wait for their place after {PATIENCE} s")


def appended(singles: int, batched: int) -> Iterator[Figure]:
    """Entries by 8 workers, until the last has its place, against a plain table and a chain."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
    for count, together, aim in ((singles, 1, 4_500), (batched, TOGETHER, 20_000)):
        what = "one a transaction" if together == 1 else f"{together} a transaction"
        rates = {}
        for mode in ("plain", "chain", "entries"):
            with told(f"{mode}, {what}"):
                share = count // 4 if mode == "chain" else count
                share -= share % (WORKERS * together)
                if mode == "entries":
                    with sequencer():
                        began = _written(mode, share, together)
                        _integrated()
                        rates[mode] = share / (time.perf_counter() - began)
                else:
                    began = _written(mode, share, together)
                    rates[mode] = share / (time.perf_counter() - began)
        yield Figure(
            f"entries, {what}, {WORKERS} workers, each in its place",
            f"{rates['entries']:,.0f}/s",
            f"plain table: {rates['plain']:,.0f}/s, locked chain: {rates['chain']:,.0f}/s",
            f"{rates['plain'] / rates['entries']:.2f}",
            f"{aim:,}/s, 1.5x",
            rates["entries"] >= aim and rates["plain"] <= 1.5 * rates["entries"],
        )


def verified() -> Figure:
    """The verifier over an export of what is in the log by now."""
    from governance.audit.signing.keys import verifier_keys
    from governance.audit.store import current_log, published, reader, signed_note
    from governance.audit.tlog.export import files_of, write_directory

    log = current_log()
    head = published(log) if log else None
    assert log and head
    with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as folder:
        with told(f"an export of {head.size:,} entries"):
            write_directory(Path(folder), files_of(signed_note(head), head.size, reader(log)))
        command = [sys.executable, "-m", "governance.audit.verify", folder, "--quiet"]
        command += ["--key", str(verifier_keys(log)[0])]
        with told("its verification"):
            started = time.perf_counter()
            subprocess.run(command, cwd=HOME, check=True)
            seconds = time.perf_counter() - started
        with told("the same bytes through SHA-256"):
            bare = _hashed(Path(folder))
    rate = head.size / seconds
    return Figure(
        f"verifier, {head.size:,} entries in a directory",
        f"{rate:,.0f}/s",
        f"read and hashed: {head.size / bare:,.0f}/s",
        f"{rate / (head.size / bare):.2f}",
        "100,000/s",
        rate >= 100_000,
    )


def _hashed(folder: Path) -> float:
    import hashlib

    started = time.perf_counter()
    for file in folder.rglob("*"):
        if file.is_file():
            hashlib.sha256(file.read_bytes()).digest()
    return time.perf_counter() - started


def receipts(web: Web, token: str, events: list[bytes], clients: int) -> Figure:
    """From a push to its receipt, with the doors busy."""
    seconds: list[float] = []
    queue = list(events)
    lock = threading.Lock()

    def push() -> None:
        import json

        connection = Connection(web.port, {"Authorization": f"Bearer {token}"})
        while True:
            with lock:
                if not queue:
                    break
                body = queue.pop()
            started = time.perf_counter()
            answer = connection.ask("POST", "/api/v1/lineage", body)
            path = f"/tlog/receipt/{json.loads(answer.body)['submission']}"
            while connection.ask("GET", path).status != 200:
                time.sleep(0.05)
            seconds.append(time.perf_counter() - started)
        connection.close()

    with told("pushes, each with its receipt"), sequencer():
        threads = [threading.Thread(target=push) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    seconds.sort()
    p99 = seconds[int(len(seconds) * 0.99)]
    return Figure(
        f"push to receipt, {clients} clients",
        f"p50 {seconds[len(seconds) // 2]:.2f} s, p99 {p99:.2f} s",
        aim="2 s",
        met=p99 < 2,
    )


#: Entries as they come of evaluations: a few actions, actors and targets, some of them rare.
_FILL = """
    INSERT INTO governance_entry
        (id, occurred_at, recorded_at, actor_type, actor_id, action, targets, outcome, leaf)
    SELECT (lpad(to_hex(ms), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8'
            || substr(md5(n::text), 4, 15))::uuid,
        to_timestamp(ms / 1000.0), to_timestamp(ms / 1000.0),
        'token', 'actor ' || n %% 50, (ARRAY['evaluation.decided', 'page.read', 'submission.received',
            'token.created'])[CASE WHEN n %% 10000 = 0 THEN 4 ELSE 1 + n %% 3 END],
        ARRAY['deployment:factory/d' || n %% 500, 'dataset_version:lake/t@' || n %% 20000],
        CASE WHEN n %% 20 = 0 THEN 'denied' ELSE 'success' END,
        convert_to('{"action":"page.read","actor":{"id":"x","type":"token"},"detail":{"n":' || n || '}}',
                   'utf8')
    FROM (SELECT n, (extract(epoch FROM now()) * 1000)::bigint - (%(until)s - n) * 20 AS ms
          FROM generate_series(%(from)s, %(until)s) n) AS numbered
"""
QUESTIONS = (
    "",
    "action=token.created",
    "action=evaluation.decided&outcome=denied",
    "target=deployment%3Afactory%2Fd7",
    "target=dataset_version%3Alake%2Ft%407",
    "actor=token%3Aactor+7",
    "outcome=denied",
)


def searched(web: Web, sizes: tuple[int, ...], asked: int) -> Iterator[Figure]:
    """The audit page: filtered, and deep."""
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client

    client = Client()
    client.force_login(get_user_model().objects.create_user("trail@example.org"))
    first = 0.0
    before = 0
    for size in sizes:
        with told(f"a trail of {size:,} entries"), connection.cursor() as cursor:
            cursor.execute(_FILL, {"from": before + 1, "until": size})
            cursor.execute("ANALYZE governance_entry")
        before = size
        asking = Connection(web.port, {"Cookie": f"sessionid={client.cookies['sessionid'].value}"})
        seconds: list[float] = []
        for question in QUESTIONS:
            address = f"/audit/?{question}"
            for _ in range(asked):
                answer = asking.ask("GET", address)
                if answer.status != 200:
                    raise SystemExit(f"GET {address}: {answer.status}")
                seconds.append(answer.seconds)
            seconds += [asking.ask("GET", deep).seconds for deep in _deep(question, asked)]
        asking.close()
        median, p95 = percentiles(seconds)
        yield Figure(
            f"audit page, filtered and deep, {size:,} entries",
            f"p50 {median:.0f} ms, p95 {p95:.0f} ms",
            f"p95 of {sizes[0]:,}: {first:.0f} ms" if first else "",
            f"{p95 / first:.2f}" if first else "",
            "2x" if first else "50 ms",
            p95 <= 2 * first if first else p95 < 50,
        )
        first = first or p95


def _deep(question: str, count: int) -> list[str]:
    """Addresses of pages from the middle of the trail on, where its entries are found by their time."""
    from factory.kit.lists import cursor, query
    from governance.audit.models import Entry

    first, last = (
        Entry.objects.order_by(order).values_list("occurred_at").first() for order in ("id", "-id")
    )
    assert first and last
    moments = [first[0] + (last[0] - first[0]) * (k + 1) / (count + 2) for k in range(count)]
    found = [Entry.objects.filter(id__gte=earliest_id(moment)).order_by("id").first() for moment in moments]
    return [f"/audit/{query([*parse_qsl(question), ('after', cursor(e, ('id', 'pk')))])}" for e in found if e]


def earliest_id(moment: datetime) -> UUID:
    """The least UUIDv7 of a moment (RFC 9562, section 5.7)."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
