"""Prints what verifying an entry costs, beside what hashing alone costs.

python -m tests.governance.audit.verify.speed [ENTRIES]
"""

import hashlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from governance.audit.tlog import leaf
from governance.audit.tlog.export import write_archive, write_directory
from governance.audit.verify.asked import Trust, Wanted
from governance.audit.verify.check import verify
from governance.audit.verify.stores import Archive, Directory, Store
from tests.governance.audit.tlog.logs import Log, signer


def entry(number: int) -> bytes:
    """An entry as those of submissions are, of about 500 bytes."""
    return leaf.encode(
        {
            "action": "submission.received",
            "actor": {"id": "0190a5d0-ac96-774b-bcce-000000000001", "type": "token"},
            "authentication": "token",
            "detail": {"door": "openlineage", "sha256": hashlib.sha256(str(number).encode()).hexdigest()},
            "id": f"01890a5d-ac96-774b-bcce-{number:012}",
            "occurred_at": "2026-01-01T00:00:00.000000Z",
            "outcome": "success",
            "recorded_at": "2026-01-01T00:00:00.000000Z",
            "request_id": f"r-{number:012}",
            "schema": 1,
            "source": {"address": "10.0.0.1", "service": "web"},
            "targets": [f"dataset:s3%3A%2F%2Flake/raw%2Fapplicants-{number}"],
        }
    )


def measured(what: str, count: int, work: Callable[[], object]) -> None:
    began = time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    print(f"{what:42} {seconds / count * 1e6:6.2f} µs an entry  {count / seconds:10,.0f} a second")


def hashed_only(entries: list[bytes]) -> None:
    """One hash for each leaf and one for each inner node: what no verifier can do without."""
    sha256, node = hashlib.sha256, bytes(65)
    for each in entries:
        sha256(each).digest()
        sha256(node).digest()


def main(count: int) -> None:
    entries = [entry(number) for number in range(count)]
    print(f"{count:,} entries of {len(entries[0])} bytes")
    measured("hashlib alone", count, lambda: hashed_only(entries))
    log = Log()
    measured("tiles and bundles made", count, lambda: log.grow(*entries))
    trust = Trust((signer().key,))

    def check(store: Store, *wanted: Wanted) -> None:
        assert verify(store, trust, wanted=wanted).ok

    with tempfile.TemporaryDirectory() as folder:
        write_directory(Path(folder) / "log", log.export().items())
        write_archive(Path(folder) / "log.zip", log.export().items())
        measured("verified, a directory", count, lambda: check(Directory(Path(folder) / "log")))
        measured("verified, a zip archive", count, lambda: check(Archive(Path(folder) / "log.zip")))
        wanted = Wanted.by_id(f"01890a5d-ac96-774b-bcce-{count // 2:012}")
        measured("verified, an id looked for", count, lambda: check(Directory(Path(folder) / "log"), wanted))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
