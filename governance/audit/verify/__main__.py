"""`plumbline-verify`: checks a log of Plumbline without Plumbline, its database or a network.

Exit status: 0 everything that was asked holds, 1 something is wrong, 2 the question or the log can't be read.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from governance.audit.tlog.notes import LARGEST_NOTE, NoteError, VerifierKey
from governance.audit.tlog.policy import LARGEST_POLICY, Policy, PolicyError
from governance.audit.tlog.proof import LARGEST_PROOF
from governance.audit.verify.asked import Trust, Wanted, leaf_of
from governance.audit.verify.check import verify, verify_receipt
from governance.audit.verify.live import Live
from governance.audit.verify.report import Report
from governance.audit.verify.stores import Archive, Directory, Store, Unreadable

GOOD, BAD, UNUSABLE = 0, 1, 2
#: What a shell says of a program that Ctrl-C ended.
INTERRUPTED = 130
#: The most bytes of an event or entry given as a file.
LARGEST_FILE = 1 << 30


class Usage(Exception):
    """The question can't be understood."""


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        "plumbline-verify",
        description="Check an audit log: signatures, every entry and tile, and that it only ever grew.",
        epilog="Exit status: 0 everything holds, 1 something is wrong, 2 the question or log can't be read.",
    )
    parser.add_argument(
        "log", nargs="?", help="directory, zip archive or http(s) address; left out to check receipts alone"
    )

    def several(option: str, metavar: str, text: str) -> None:
        parser.add_argument(option, action="append", default=[], metavar=metavar, help=text)

    several("--key", "KEY", "public key of the log, name+hash+base64, or a file with it")
    several("--checkpoint", "FILE", "a checkpoint seen before, which the log must continue")
    several("--receipt", "FILE", "a .tlog-proof that must agree with the log")
    several("--id", "ID", "id of an entry that must be in the log")
    several("--entry", "FILE", "an entry that must be in the log; without a log, the receipt's entry")
    several("--event", "FILE", "an event as it was sent, whose SHA-256 an entry must name")

    def one(option: str, metavar: str, text: str) -> None:
        parser.add_argument(option, default="", metavar=metavar, help=text)

    one("--policy", "FILE", "keys and how many witnesses must have cosigned (c2sp.org/tlog-policy)")
    one("--origin", "NAME", "name of the log, if its key is not named after it")
    one("--range", "A:B", "look only at entries A to B-1, where an export holds no others")
    one("--token-file", "FILE", "bearer token for an address (or the variable PLUMBLINE_TOKEN)")
    one("--json", "FILE", "write the report as JSON, to standard output for -")
    parser.add_argument(
        "--timeout", type=_positive, default=30.0, metavar="SECONDS", help="most for one file of an address"
    )
    parser.add_argument(
        "--most", type=_at_least_one, default=20, metavar="N", help="stop after so many bad places"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no report in words")
    return parser


def _positive(text: str) -> float:
    if not 0 < (value := float(text)) < 1e6:
        raise ValueError
    return value


def _at_least_one(text: str) -> int:
    if (value := int(text)) < 1:
        raise ValueError
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    asked = arguments().parse_args(argv)
    try:
        began = time.monotonic()
        report = _run(asked)
        if asked.json:
            _write(asked.json, json.dumps(report.as_json(), indent=2, ensure_ascii=False) + "\n")
        if not asked.quiet and asked.json != "-":
            sys.stdout.write(_in_words(report, time.monotonic() - began))
    except (Usage, Unreadable, NoteError, PolicyError) as error:
        sys.stderr.write(f"plumbline-verify: {error}\n")
        return UNUSABLE
    except OSError as error:
        sys.stderr.write(f"plumbline-verify: {error.filename or 'output'}: {error.strerror or error}\n")
        return UNUSABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    return GOOD if report.ok else BAD


def _run(asked: argparse.Namespace) -> Report:
    trust = Trust(
        keys=tuple(VerifierKey.parse(text) for argument in asked.key for text in _keys(argument)),
        policy=Policy.parse(_file(asked.policy, LARGEST_POLICY)) if asked.policy else None,
        origin=asked.origin,
    )
    if not trust.log_keys:
        raise Usage("whose log? give its public key with --key or --policy")
    receipts = [(name, _file(name, LARGEST_PROOF)) for name in asked.receipt]
    entries = [(name, _file(name, LARGEST_FILE)) for name in asked.entry]
    if asked.log is None:
        return _receipts_alone(asked, trust, receipts, [content for _, content in entries])
    start, end = _range(asked.range)
    wanted = [Wanted.entry(name, content) for name, content in entries]
    wanted += [Wanted.by_id(entry_id) for entry_id in asked.id]
    wanted += [Wanted.naming(name, _file(name, LARGEST_FILE)) for name in asked.event]
    older = [(name, _file(name, LARGEST_NOTE)) for name in asked.checkpoint]
    store = _store(asked)
    bar = _Bar(quiet=asked.quiet)
    try:
        return verify(
            store,
            trust,
            log=asked.log,
            older=older,
            receipts=receipts,
            wanted=wanted,
            start=start,
            end=end,
            progress=bar,
            most_findings=asked.most,
        )
    finally:
        bar.close()
        store.close()


def _receipts_alone(
    asked: argparse.Namespace, trust: Trust, receipts: list[tuple[str, bytes]], entries: list[bytes]
) -> Report:
    if not receipts:
        raise Usage("what is to be checked? name a log, or a receipt and its entry")
    if len(receipts) != len(entries) or asked.checkpoint or asked.id or asked.event or asked.range:
        raise Usage("without a log, give each --receipt its --entry, in the same order, and nothing else")
    reports = [
        verify_receipt(name, data, leaf_of(entry), trust)
        for (name, data), entry in zip(receipts, entries, strict=True)
    ]
    whole = next((each for each in reports if not each.ok), reports[-1])
    for each in reports:
        whole.included.update(each.included)
        whole.findings += [finding for finding in each.findings if finding not in whole.findings]
    return whole


def _store(asked: argparse.Namespace) -> Store:
    if asked.log.startswith(("http://", "https://")):
        token = os.environ.get("PLUMBLINE_TOKEN", "")
        if asked.token_file:
            token = _file(asked.token_file, LARGEST_NOTE).decode(errors="replace").strip()
        return Live(asked.log, token=token, timeout=asked.timeout)
    path = Path(asked.log)
    return Archive(path) if path.is_file() else Directory(path)


def _keys(argument: str) -> list[str]:
    """Return the verifier keys that an argument holds or that stand in the file that it names."""
    if argument.count("+") >= 2 and not Path(argument).is_file():
        return [argument]
    lines = _file(argument, LARGEST_POLICY).decode(errors="replace").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def _range(text: str) -> tuple[int, int | None]:
    if not text:
        return 0, None
    start, _, end = text.partition(":")
    if not (start.isdecimal() and end.isdecimal() and int(start) < int(end)):
        raise Usage("a range looks like 1000:2000")
    return int(start), int(end)


def _file(name: str, most: int) -> bytes:
    with open(name, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise Usage(f"{name} is too large")
    return content


def _write(name: str, text: str) -> None:
    if name == "-":
        sys.stdout.write(text)
    else:
        Path(name).write_text(text, encoding="utf-8")


class _Bar:
    """A progress bar that appears with the first progress, on a terminal only."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: tqdm | None = None

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            self._bar = tqdm(total=total, unit=" entries", disable=self._quiet or None)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _in_words(report: Report, seconds: float) -> str:
    lines = []
    if report.origin:
        lines.append(f"log {report.origin}: {report.size} entries, root {report.root}")
    if report.entries_checked:
        each = seconds / report.entries_checked * 1e6
        lines.append(
            f"checked {report.entries_checked} entries and {report.tiles_checked} tiles "
            f"in {seconds:.1f} s ({each:.1f} µs an entry)"
        )
    lines += [f"continues {name} ({size} entries)" for name, size in report.consistent_with.items()]
    for name, indexes in report.included.items():
        if indexes:
            more = " …" if len(indexes) > 10 else ""
            lines.append(f"{name} is entry {', '.join(map(str, indexes[:10]))}{more}")
    lines += [f"cosigned by {name} {at}" for name, at in report.cosigned_by.items()]
    lines += [f"note: {warning}" for warning in report.warnings]
    if report.ok:
        lines.append("OK")
    else:
        lines.append(f"BAD, first at {report.first}")
        ordered = sorted(report.findings, key=lambda finding: finding.position)
        lines += [f"     also {finding}" for finding in ordered[1:]]
    if report.stopped:
        lines.append("     and perhaps more: stopped here")
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
