"""docs/verifying.md as programs and commands, and a folder in which they can be run."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from governance.audit.tlog import leaf
from governance.audit.tlog.checkpoint import Checkpoint
from governance.audit.tlog.cosignature import cosign
from governance.audit.tlog.export import stamp_files, write_archive
from governance.audit.tlog.notes import Note, encode_base64
from governance.audit.tlog.proof import Proof
from tests.governance.audit.elsewhere.node import node
from tests.governance.audit.tlog.logs import Log, entry, log_of, signer
from tests.governance.audit.witness.authority import Authority

HOME = Path(__file__).parents[4]
GUIDE = HOME / "docs/verifying.md"
#: Where the guide's running log is.
ADDRESS = "https://plumbline.example/tlog"

ORDER = b'{"order": 17}\n'
WITNESS = signer("witness.example/1", cosigner=True)
OLD = signer("plumbline.test/old")


@dataclass(frozen=True)
class Block:
    """A piece of code in the guide: its language and its text."""

    language: str
    text: str


def blocks() -> list[Block]:
    found = re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    return [Block(*each) for each in found]


def stored_order() -> bytes:
    return leaf.encode(
        {
            "action": "submission.received",
            "detail": {"sha256": hashlib.sha256(ORDER).hexdigest()},
            "id": "order",
            "outcome": "success",
            "recorded_at": "2026-11-21T09:00:00.000000Z",
        }
    )


def log_with_the_order(size: int = 700, minimum: int = 0) -> Log:
    entries = [entry(number) for number in range(size)]
    entries[300] = stored_order()
    if minimum:
        entries[600] = leaf.encode({"action": "log.pruned", "detail": {"minimum_index": minimum}})
    return Log().grow(*entries)


def lay_out(folder: Path) -> Log:
    """Put what an auditor has into `folder`, with the guide's programs; return the log."""
    log = log_with_the_order()
    note = Note.parse(log.files["checkpoint"])
    log.files["checkpoint"] = note.with_signatures(cosign(note.text, WITNESS, 1_790_000_000)).encode()
    june, old = log_with_the_order(400), log_of(90)
    write_archive(folder / "export.zip", log.export().items())
    write_archive(folder / "range.zip", log.export(256, 512).items())
    pruned = log_with_the_order(minimum=256).export(256)
    write_archive(folder / "pruned.zip", pruned.items())
    cites = {"origin": OLD.key.name, "size": 90, "root": encode_base64(old.edge.root())}
    following = Log().grow(leaf.encode({"action": "log.begun", "detail": {"cites": cites}}), entry(1))
    write_archive(folder / "following.zip", following.files.items())
    end_of_the_old_log = Checkpoint(OLD.key.name, 90, old.edge.root())
    receipt = Proof(300, june.tree().inclusion(300), june.files["checkpoint"])
    for name, content in {
        "log.pub": f"{signer().key}\n".encode(),
        "old.pub": f"{OLD.key}\n".encode(),
        "kept-in-june.txt": june.files["checkpoint"],
        "kept-of-the-old-log.txt": end_of_the_old_log.sign(OLD).encode(),
        "witnesses.txt": f"log {signer().key}\nwitness one {WITNESS.key}\nquorum one\n".encode(),
        "order.json": ORDER,
        "order.entry.json": stored_order(),
        "order.tlog-proof": receipt.encode(),
        "token": b"secret\n",
    }.items():
        (folder / name).write_bytes(content)
    for block in blocks():
        if named := re.match(r"(?:#|//) (\w+\.(?:py|js|go)) ", block.text):
            (folder / named[1]).write_text(block.text)
    return log


def lay_out_timestamps(folder: Path, log: Log) -> None:
    """Put the export with a timestamp, the authority's certificate and a stamped checkpoint beside it."""
    authority = Authority(folder / ".authority")
    june = log_with_the_order(400).files["checkpoint"]
    (folder / ".authority/june").write_bytes(june)
    authority.openssl("ts", "-query", "-data", "june", "-sha256", "-cert", "-out", "june.tsq")
    token = authority.answer((folder / ".authority/june.tsq").read_bytes())
    write_archive(folder / "stamped.zip", [*log.export().items(), *stamp_files([(400, june, token)])])
    (folder / "kept-in-june.tsr").write_bytes(token)
    shutil.copy(folder / ".authority/root.pem", folder / "ca.pem")


def environment(folder: Path) -> dict[str, str]:
    """What the commands are run in: `plumbline-verify`, `python` and `node` are those of this project."""
    tools = folder / ".tools"
    tools.mkdir(exist_ok=True)
    verifier = tools / "plumbline-verify"
    verifier.write_text(
        f'#!/bin/sh\nPYTHONPATH="{HOME}" exec "{sys.executable}" -m governance.audit.verify "$@"\n'
    )
    verifier.chmod(0o755)
    for name, program in {"python": sys.executable, "node": node()}.items():
        (tools / name).write_text(f'#!/bin/sh\nexec "{program}" "$@"\n')
        (tools / name).chmod(0o755)
    return {
        **{name: os.environ[name] for name in ("HOME", "GOPATH", "GOCACHE") if name in os.environ},
        "PATH": f"{tools}:{os.environ['PATH']}",
        "NODE_PATH": str(HOME / "node_modules"),
        "LC_ALL": "C.UTF-8",
    }


def run(folder: Path, commands: str) -> "subprocess.CompletedProcess[str]":
    bash = shutil.which("bash")
    assert bash is not None, "the guide's commands are for bash"
    return subprocess.run(
        [bash, "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=120,
    )
