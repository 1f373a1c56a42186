"""The measurements run from end to end; what they measure is no test's business."""

import os
import subprocess
import sys

import pytest

from tests.bench.plant import HOME


@pytest.mark.timeout(300)
def test_the_bench_runs_and_leaves_nothing_behind() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench"],
        cwd=HOME,
        env={**os.environ, "BENCH": "tiny"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for figure in ("one a request", "in batches", "memory", "trace", "closure", "lineage page"):
        assert figure in done.stdout
