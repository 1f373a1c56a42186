"""Progress for whoever waits: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

#: Seconds between two lines.
_EVERY = 10

#: Given a line for the person who waits.
Say = Callable[[str], None]


@contextmanager
def counted(what: str, total: int, say: Say) -> Iterator[Callable[[int], None]]:
    """Yield what is told of every further bytes done, of about `total`."""
    done, told = 0, time.monotonic()
    with tqdm(total=total, desc=what, unit="B", unit_scale=True, unit_divisor=1000, disable=None) as bar:

        def progress(count: int) -> None:
            nonlocal done, told
            done += count
            if not bar.disable:
                bar.total = max(bar.total, done)
                bar.update(count)
            elif (now := time.monotonic()) - told > _EVERY:
                told = now
                say(f"{what}: {done / 1e6:,.0f} of about {max(total, done) / 1e6:,.0f} MB")

        yield progress
