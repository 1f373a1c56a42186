"""`make bench`: how fast, against what can't be beaten, in one run. BENCH=quick is a tenth of it, tiny a try.

Every figure stands beside its peer, measured minutes apart on the same machine: the ratio is what can
be compared between machines.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import quote

from tests.bench.figures import Figure, percentiles, show, told
from tests.bench.plant import Web, database
from tests.bench.send import Connection, post_all


class Size(NamedTuple):
    batched: int
    single: int
    #: Jobs of the graphs that are traced, each added to the one before.
    jobs: tuple[int, int, int]
    closure: int
    questions: int
    #: Entries that are appended, one and a hundred a transaction.
    entries: tuple[int, int]
    pushes: int
    #: Entries of the trail that is searched, each with the one before.
    trail: tuple[int, ...]


FULL = Size(100_000, 4_000, (34_000, 66_000, 240_000), 50_000, 200, (40_000, 200_000), 1_000, (3_000_000,))
SIZES = {
    "": FULL,
    "large": FULL._replace(trail=(3_000_000, 30_000_000)),
    "quick": Size(10_000, 1_000, (10_000, 24_000, 66_000), 50_000, 100, (8_000, 40_000), 200, (300_000,)),
    "tiny": Size(500, 40, (100, 100, 200), 100, 5, (80, 800), 10, (2_000, 4_000)),
}
TOGETHER = 500
CLIENTS = 8
#: Clients that send batches: as many as there are workers to take them, and one that waits.
BATCH_CLIENTS = 3


def batches(events: list[bytes]) -> list[bytes]:
    return [
        b"[" + b",".join(events[first : first + TOGETHER]) + b"]" for first in range(0, len(events), TOGETHER)
    ]


def intake(web: Web, bare: Callable[[], Web], token: str, size: Size) -> Iterator[Figure]:
    from tests.bench.bare import copied_per_second, make_tables
    from tests.bench.events import events

    make_tables()
    at_start = web.memory()
    single = list(events(size.single, "single"))
    batched = list(events(size.batched, "batched"))
    with told("COPY of the same bytes"):
        copied = copied_per_second(batched[: max(size.batched // 2, TOGETHER)], TOGETHER)
    with told("requests to an empty view"), bare() as peer:
        posted = size.single / post_all(peer.port, "/post", token, single, CLIENTS)
    with told("warming up"):
        post_all(web.port, "/api/v1/lineage", token, list(events(CLIENTS * 10, "first")), CLIENTS)
        warm_batches = batches(list(events(min(size.batched, 10 * TOGETHER), "warm")))
        post_all(web.port, "/api/v1/lineage/batch", token, warm_batches, BATCH_CLIENTS)
        warm = web.memory()
    with told("events, one a request"):
        rate = size.single / post_all(web.port, "/api/v1/lineage", token, single, CLIENTS)
    yield Figure(
        f"OpenLineage, one a request, {CLIENTS} clients",
        f"{rate:,.0f}/s",
        f"empty view, one row: {posted:,.0f}/s",
        f"{rate / posted:.2f}",
        "500/s",
        rate >= 500,
    )
    with told("events in batches"):
        bodies = batches(batched)
        rate = size.batched / post_all(web.port, "/api/v1/lineage/batch", token, bodies, BATCH_CLIENTS)
    yield Figure(
        f"OpenLineage in batches of {TOGETHER}",
        f"{rate:,.0f}/s",
        f"COPY, one index: {copied:,.0f}/s",
        f"{rate / copied:.3f}",
        "3,000/s",
        rate >= 3000,
    )
    full = web.memory()
    yield Figure(
        f"memory of a web worker, {size.batched:,} events later",
        f"{full:.0f} MiB",
        f"warm: {warm:.0f} MiB (at rest: {at_start:.0f})",
        f"{full / warm:.2f}",
        "1.10",
        full <= warm * 1.10,
    )


def traces(web: Web, token: str, size: Size) -> Iterator[Figure]:
    from tests.bench import graphs

    found: list[tuple[float, float]] = []
    for number, jobs in enumerate(size.jobs):
        with told(f"a graph of {sum(size.jobs[: number + 1]):,} jobs"):
            graph = graphs.fill(f"grown{number}", jobs)
            graphs.settle_down()
        connection = Connection(web.port, {"Authorization": f"Bearer {token}"})
        seconds = []
        for k in range(size.questions + 3):
            job = (k * 7919 % (jobs // graph.pipeline)) * graph.pipeline + graph.pipeline // 2
            key = quote(graph.version_key(job), safe="")
            answer = connection.ask("GET", f"/api/v1/trace?node={key}&direction=both&depth=20")
            if answer.status != 200 or answer.body.count(b'"kind":"run"') != graph.pipeline:
                raise SystemExit(
                    f"trace of {graph.version_key(job)}: {answer.status} {len(answer.body)} bytes"
                )
            seconds.append(answer.seconds)
        connection.close()
        found.append(percentiles(seconds[3:]))
        edges = graphs.edges()
        median, p95 = found[-1]
        ratio = p95 / found[0][1]
        yield Figure(
            f"trace, depth 20, 50 jobs, of {sum(size.jobs[: number + 1]):,} jobs, {edges:,} edges",
            f"p50 {median:.0f} ms, p95 {p95:.0f} ms",
            f"p95 of {size.jobs[0]:,} jobs: {found[0][1]:.0f} ms" if number else "",
            f"{ratio:.2f}" if number else "",
            "50 ms, 2x" if number else "50 ms",
            p95 < 50 and ratio <= 2,
        )


def closure(size: Size) -> Figure:
    from django.utils import timezone

    from lineage.graph.reach import reach
    from tests.bench import graphs

    with told("a graph that all comes from one dataset"):
        graph = graphs.fill("wide", size.closure, pipeline=size.closure, inputs="g / 2, g / 3")
        graphs.settle_down()
    now = timezone.now()
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        found = len(reach([graph.version(0)], "downstream", now, now))
        seconds.append(time.perf_counter() - started)
    if found != 2 * size.closure - 1:
        raise SystemExit(f"the closure has {found} nodes, not {2 * size.closure - 1}")
    return Figure(f"closure of {found:,} nodes", f"{min(seconds):.2f} s", aim="1 s", met=min(seconds) < 1)


def page(web: Web, size: Size) -> Figure:
    from django.contrib.auth import get_user_model
    from django.test import Client

    from tests.bench import graphs

    graph = graphs.fill("drawn", 75, pipeline=75)
    user = get_user_model().objects.create_user("bench@example.org")
    client = Client()
    client.force_login(user)
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    connection = Connection(web.port, {"Cookie": cookie})
    path = f"/lineage/?node={quote(graph.version_key(37), safe='')}&mode=both&depth=30&show=400"
    seconds = []
    for _ in range(max(size.questions // 4, 5)):
        answer = connection.ask("GET", path)
        if answer.status != 200:
            raise SystemExit(f"GET {path}: {answer.status} {answer.body[:300]!r}")
        seconds.append(answer.seconds)
    connection.close()
    median, p95 = percentiles(seconds[1:])
    return Figure(
        "lineage page of 150 nodes",
        f"p50 {median:.0f} ms, p95 {p95:.0f} ms",
        aim="300 ms",
        met=p95 < 300,
    )


#: What can be measured by itself: `make bench ARGS=log`.
SECTIONS = ("intake", "traces", "pages", "log", "trail")


def main() -> None:
    asked = sys.argv[1:] or SECTIONS
    if unknown := set(asked) - set(SECTIONS):
        sys.exit(f"bench: there is no section {', '.join(unknown)}; sections are {', '.join(SECTIONS)}")
    size = SIZES[os.environ.get("BENCH", "")]
    figures: list[Figure] = []
    with database() as var:
        from factory.kit.grants import issue_token
        from tests.bench import log
        from tests.bench.events import events

        token = issue_token("bench", doors=["all"]).secret
        with Web(var) as web:
            if "intake" in asked:
                figures += intake(web, lambda: Web(var, "tests.bench.bare_web:application"), token, size)
            if "traces" in asked:
                figures += traces(web, token, size)
            if "pages" in asked:
                figures += [closure(size), page(web, size)]
            if "log" in asked:
                pushed = list(events(size.pushes, "receipted"))
                figures.append(log.receipts(web, token, pushed, CLIENTS))
                figures += log.appended(*size.entries)
                figures.append(log.verified())
            if "trail" in asked:
                figures += log.searched(web, size.trail, size.questions // 10 + 1)
    show(figures)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; database on the same machine")


if __name__ == "__main__":
    main()
