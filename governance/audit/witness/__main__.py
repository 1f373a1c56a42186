"""`plumbline-witness`: watches logs of others and cosigns that they only ever grow.

Runs on another machine than the log, needs Python and `cryptography`, and keeps one small file a log.
Exit status: 0 asked to stop or the key is made, 2 it can't begin.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from governance.audit.tlog.notes import LARGEST_NOTE, Algorithm, Ed25519Signer, NoteError, VerifierKey
from governance.audit.tlog.policy import LARGEST_POLICY, Policy, PolicyError
from governance.audit.witness.judge import Judge
from governance.audit.witness.messages import checkpoint_path
from governance.audit.witness.serve import Server
from governance.audit.witness.state import State, StateError

STOPPED, UNUSABLE = 0, 2
#: How long answers that are under way may take when it is asked to stop.
_STOP_SECONDS = 5


class Usage(Exception):
    """The command can't be understood."""


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        "plumbline-witness",
        description="Cosign the checkpoints of logs that only ever grow (c2sp.org/tlog-witness).",
        epilog="First --new-key NAME --key FILE; then --key FILE --log KEY, where KEY is the public key of "
        "the log as its keeper publishes it. The folder of --state is the memory of the witness: keep it, "
        "and never put an older copy in its place.",
    )
    parser.add_argument("--key", metavar="FILE", required=True, help="the private key of the witness")
    parser.add_argument(
        "--new-key", metavar="NAME", default="", help="make the key, such as witness.example/w1, and stop"
    )
    parser.add_argument(
        "--log",
        metavar=("KEY", "ORIGIN"),
        nargs="+",
        action="append",
        default=[],
        help="public key of a log to watch, name+hash+base64; and its origin, if the key isn't named so",
    )
    parser.add_argument(
        "--policy", metavar="FILE", default="", help="watch the logs of this file (c2sp.org/tlog-policy)"
    )
    parser.add_argument("--state", metavar="FOLDER", default="witness", help="where it keeps what it saw")
    parser.add_argument("--listen", metavar="HOST:PORT", default="127.0.0.1:8040", help="default %(default)s")
    parser.add_argument("--quiet", action="store_true", help="say only what is wrong")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    asked = arguments().parse_args(argv)
    try:
        return _new_key(asked.new_key, Path(asked.key)) if asked.new_key else _serve(asked)
    except (Usage, NoteError, PolicyError, StateError) as error:
        sys.stderr.write(f"plumbline-witness: {error}\n")
    except OSError as error:
        sys.stderr.write(f"plumbline-witness: {error.filename or asked.listen}: {error.strerror or error}\n")
    return UNUSABLE


def _new_key(name: str, path: Path) -> int:
    signer = Ed25519Signer.generate(name, cosigner=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Usage(f"{path} exists; a key is never overwritten") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{signer.encode()}\n")
        file.flush()
        os.fsync(file.fileno())
    sys.stdout.write(f"{signer.key}\n")
    return STOPPED


def _serve(asked: argparse.Namespace) -> int:
    logging.basicConfig(
        level=logging.WARNING if asked.quiet else logging.INFO, format="%(asctime)s %(message)s"
    )
    signer = Ed25519Signer.parse(_read(asked.key, LARGEST_NOTE).decode(errors="replace"))
    if signer.key.algorithm != Algorithm.COSIGNATURE:
        raise Usage(f"{asked.key} is not the key of a witness; --new-key makes one")
    logs = _logs(asked)
    state = State(Path(asked.state), signer.key)
    try:
        judge = Judge(signer, logs, state)
        with Server(_address(asked.listen), judge) as server:
            _until_asked_to_stop(server, signer.key)
    finally:
        state.close()
    return STOPPED


def _until_asked_to_stop(server: Server, key: VerifierKey) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    host = f"[{server.server_name}]" if ":" in server.server_name else server.server_name
    say = logging.getLogger("plumbline-witness").info
    say("%s listens on http://%s:%d", key, host, server.server_port)
    for log in server.judge.logs:
        seen = f"{log.newest[0].size} entries" if log.newest else "nothing so far"
        say("watches %s, saw %s; /%s", log.origin, seen, checkpoint_path(log.origin))
    stop.wait()
    server.shutdown()
    thread.join()
    server.wait_for_answers(_STOP_SECONDS)


def _logs(asked: argparse.Namespace) -> list[tuple[str, VerifierKey]]:
    """Return the origins and keys of the logs to watch."""
    logs = []
    for words in asked.log:
        if len(words) > 2:
            raise Usage("--log has a key and perhaps an origin")
        key = VerifierKey.parse(words[0])
        logs.append((words[1] if len(words) == 2 else key.name, key))
    if asked.policy:
        policy = Policy.parse(_read(asked.policy, LARGEST_POLICY))
        logs += [(key.name, key) for key in policy.logs]
    if not logs:
        raise Usage("which logs are to be watched? name them with --log or --policy")
    return list(dict.fromkeys(logs))


def _address(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not separator or not (port.isascii() and port.isdecimal() and int(port) < 1 << 16):
        raise Usage(f"{text} is not HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _read(name: str, most: int) -> bytes:
    with open(name, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise Usage(f"{name} is too large")
    return content


if __name__ == "__main__":
    sys.exit(main())
