"""`plumbline-verify`: checks a log of Plumbline without Plumbline, its database or a network.

Exit status: 0 everything that was asked holds; 1 something is wrong; 2 nothing wrong was found, but what was
asked could not be checked, because the log, a file or the question can't be read or entries are not at hand;
130 interrupted.
"""

import argparse
import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from cryptography.x509 import Certificate
from tqdm import tqdm

from governance.audit.tlog.notes import LARGEST_NOTE, NoteError, VerifierKey
from governance.audit.tlog.policy import LARGEST_POLICY, Policy, PolicyError
from governance.audit.tlog.proof import LARGEST_PROOF
from governance.audit.verify.asked import Trust, Wanted, leaf_of
from governance.audit.verify.check import verify, verify_receipt
from governance.audit.verify.live import Live
from governance.audit.verify.report import Finding, Report, Verdict
from governance.audit.verify.stores import Archive, Directory, Store, Unreadable
from governance.audit.verify.words import in_words, plain

GOOD, BAD, UNCHECKED = 0, 1, 2
_STATUS = {Verdict.GOOD: GOOD, Verdict.BAD: BAD, Verdict.UNCHECKED: UNCHECKED}
#: What a shell says of a program that Ctrl-C ended.
INTERRUPTED = 130
#: The most bytes of an event or entry given as a file.
LARGEST_FILE = 1 << 30


class Usage(Exception):
    """The question can't be understood."""


_DESCRIPTION = """\
Check an audit log: who signed it, every entry and every tile of its tree, that it only ever grew,
and that what you ask for is in it. Needs no Plumbline, no database, and a network only for an address."""

_EPILOG = """\
examples:
  plumbline-verify export.zip --key log.pub
  plumbline-verify export/ --key log.pub --checkpoint kept-in-june.txt --event order.json
  plumbline-verify https://plumbline.example/tlog --policy witnesses.txt --token-file token
  plumbline-verify --key log.pub --receipt 0193.tlog-proof --entry 0193.json

exit status:
  0  everything that was asked holds
  1  something is wrong; the first bad place is named
  2  nothing wrong was found, but it could not be checked: the log, a file or the question
     can't be read, time ran out, or what was asked about is not at hand (pruned, another range)
"""


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        "plumbline-verify",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "log", nargs="?", help="directory, zip archive or http(s) address; left out to check receipts alone"
    )

    def several(group: argparse._ArgumentGroup, *options: str, metavar: str, help: str) -> None:
        group.add_argument(*options, action="append", default=[], metavar=metavar, help=help)

    def one(group: argparse._ArgumentGroup, option: str, metavar: str, help: str) -> None:
        group.add_argument(option, default="", metavar=metavar, help=help)

    trust = parser.add_argument_group("whom to trust")
    several(trust, "--key", metavar="KEY", help="public key of the log, name+hash+base64, or a file with it")
    one(trust, "--policy", "FILE", "keys, and how many witnesses must have cosigned (c2sp.org/tlog-policy)")
    one(trust, "--origin", "NAME", "name of the log, if its key is not named after it")

    asked = parser.add_argument_group("what must hold")
    several(
        asked,
        "--checkpoint",
        "--older",
        metavar="FILE",
        help="a checkpoint kept from before, of this log or of one that this log says to follow upon",
    )
    several(asked, "--receipt", metavar="FILE", help="a .tlog-proof that must agree with the log")
    several(asked, "--id", metavar="ID", help="id of an entry that must be in the log")
    several(
        asked,
        "--entry",
        metavar="FILE",
        help="an entry that must be in the log; without a log, the entry of the --receipt before it",
    )
    several(
        asked,
        "--event",
        metavar="FILE",
        help="an event, byte by byte as sent, whose SHA-256 an entry must name",
    )
    one(
        asked,
        "--timestamp-ca",
        "FILE",
        "certificates (PEM) of the authority whose timestamps (RFC 3161) must hold: those that come with the "
        "log, and those given",
    )
    several(
        asked,
        "--timestamp",
        metavar="FILE",
        help="a timestamp over the --checkpoint at the same place: the first over the first",
    )
    one(asked, "--range", "A:B", "look only at entries A to B-1, where an export holds no others")

    address = parser.add_argument_group("for an address")
    one(address, "--token-file", "FILE", "bearer token (or the variable PLUMBLINE_TOKEN)")
    address.add_argument(
        "--timeout", type=_positive, default=30.0, metavar="SECONDS", help="most for one file (30)"
    )
    address.add_argument(
        "--deadline", type=_positive, default=3600.0, metavar="SECONDS", help="most for everything (3600)"
    )

    output = parser.add_argument_group("output")
    one(output, "--json", "FILE", "write the report as JSON, to standard output for -")
    output.add_argument(
        "--most", type=_at_least_one, default=20, metavar="N", help="stop after so many bad places (20)"
    )
    output.add_argument("--quiet", action="store_true", help="no progress bar and no report in words")
    return parser


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds")
    return value


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    asked = arguments().parse_args(argv)
    try:
        return _STATUS[_told(asked).verdict]
    except OSError as error:
        _complain(f"{error.filename or 'output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception:
        # A fault of the verifier itself says nothing about the log.
        traceback.print_exc()
    return UNCHECKED


def _told(asked: argparse.Namespace) -> Report:
    """Verify, and tell what came of it in words and JSON."""
    began = time.monotonic()
    try:
        report = _run(asked)
    except (Usage, Unreadable, NoteError, PolicyError) as error:
        _complain(str(error))
        report = Report(asked.log or "")
        report.unchecked.append(Finding(report.log, str(error)))
        asked.quiet = True
    if asked.json:
        _write(asked.json, json.dumps(report.as_json(), indent=2) + "\n")
    if not asked.quiet and asked.json != "-":
        _write("-", in_words(report, time.monotonic() - began))
    return report


def _complain(problem: str) -> None:
    sys.stderr.write(f"plumbline-verify: {plain(problem)}\n")


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
    wanted = [Wanted.by_id(entry_id) for entry_id in asked.id]
    wanted += [Wanted.naming(name, _file(name, LARGEST_FILE)) for name in asked.event]
    if asked.log is None:
        return _receipts_alone(asked, trust, receipts, [leaf_of(content) for _, content in entries], wanted)
    start, end = _range(asked.range)
    wanted += [Wanted.entry(name, content) for name, content in entries]
    older = [(name, _file(name, LARGEST_NOTE)) for name in asked.checkpoint]
    authorities, timestamps = _times(asked)
    store = _store(asked)
    bar = _Bar(quiet=asked.quiet)
    try:
        return verify(
            store,
            trust,
            log=asked.log,
            older=older,
            timestamps=timestamps,
            authorities=authorities,
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
    asked: argparse.Namespace,
    trust: Trust,
    receipts: list[tuple[str, bytes]],
    leaves: list[bytes],
    wanted: list[Wanted],
) -> Report:
    if not receipts:
        raise Usage("what is to be checked? name a log, or a receipt and its entry")
    if len(receipts) != len(leaves) or any(
        (asked.checkpoint, asked.range, asked.timestamp, asked.timestamp_ca)
    ):
        raise Usage("without a log, give each --receipt its --entry, in the same order")
    reports = [
        verify_receipt(name, data, leaf, trust) for (name, data), leaf in zip(receipts, leaves, strict=True)
    ]
    whole = next((each for each in reports if not each.ok), reports[-1])
    for each in reports:
        whole.included.update(each.included)
        whole.entries.update(each.entries)
        whole.findings += [finding for finding in each.findings if finding not in whole.findings]
    for sought in wanted:
        if not any(map(sought.is_meant, leaves)):
            whole.findings.append(Finding(sought.label, "no entry that was given is it"))
    return whole


def _times(asked: argparse.Namespace) -> tuple[Sequence[Certificate], list[tuple[str, bytes]]]:
    """Return the authorities that are trusted and the timestamps that were given."""
    if asked.timestamp and not (asked.timestamp_ca and len(asked.timestamp) == len(asked.checkpoint)):
        raise Usage("give each --timestamp its --checkpoint, in the same order, and --timestamp-ca")
    if not asked.timestamp_ca:
        return (), []
    try:
        # Nothing else takes this package.
        from governance.audit.tlog.timestamp import LARGEST_TIMESTAMP, TimestampError, read_certificates
    except ModuleNotFoundError as error:
        raise Usage(f"--timestamp-ca takes the package rfc3161-client: {error}") from error
    try:
        authorities = read_certificates(_file(asked.timestamp_ca, LARGEST_TIMESTAMP))
    except TimestampError as error:
        raise Usage(f"{asked.timestamp_ca}: {error}") from error
    return authorities, [(name, _file(name, LARGEST_TIMESTAMP)) for name in asked.timestamp]


def _store(asked: argparse.Namespace) -> Store:
    if asked.log.startswith(("http://", "https://")):
        token = os.environ.get("PLUMBLINE_TOKEN", "")
        if asked.token_file:
            token = _file(asked.token_file, LARGEST_NOTE).decode(errors="replace")
        token = token.strip()
        return Live(asked.log, token=token, timeout=asked.timeout, deadline=asked.deadline)
    path = Path(asked.log)
    if not path.exists():
        raise Usage(f"{asked.log} does not exist")
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
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    else:
        Path(name).write_text(text, encoding="utf-8")


class _Bar:
    """A progress bar that appears with the first progress, on a terminal only."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: tqdm | None = None

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            # Some terminals say that they have no size, and tqdm would believe them.
            size = shutil.get_terminal_size()
            self._bar = tqdm(
                total=total,
                unit=" entries",
                ncols=size.columns,
                nrows=size.lines,
                disable=self._quiet or None,
            )
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


if __name__ == "__main__":
    sys.exit(main())
