"""What a measurement comes to, and how it is told."""

import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Figure(NamedTuple):
    """One line: what, how much, against what, and whether the aim is met."""

    name: str
    value: str
    peer: str = ""
    ratio: str = ""
    aim: str = ""
    met: bool | None = None


@contextmanager
def told(what: str) -> Iterator[None]:
    started = time.perf_counter()
    print(f"  {what} ...", end=" ", file=sys.stderr, flush=True)
    yield
    print(f"{time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)


def percentiles(seconds: list[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile, in milliseconds."""
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    return cuts[9] * 1000, cuts[18] * 1000


def show(figures: list[Figure]) -> None:
    rows = [("figure", "here", "peer", "ratio", "aim", "")]
    words = {None: "", True: "met", False: "NOT MET"}
    rows += [(f.name, f.value, f.peer, f.ratio, f.aim, words[f.met]) for f in figures]
    widths = [max(len(row[k]) for row in rows) for k in range(6)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
