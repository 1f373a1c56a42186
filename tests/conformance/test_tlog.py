"""The log as it is served: our verifier and programs by others read it over HTTP."""

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from factory.kit.grants import Issued
from governance.audit.tlog.checkpoint import Checkpoint
from governance.audit.tlog.notes import Note
from governance.audit.tlog.proof import Proof
from governance.audit.tlog.tiles import tiles_of
from governance.audit.verify.__main__ import main
from tests.conformance.events import STRUCTURED, spelt, usage
from tests.conformance.plant import Plant
from tests.governance.audit.elsewhere import guide

#: The most seconds from a push to its receipt, on a machine that does much else.
PATIENCE = 30


@pytest.fixture(scope="module", autouse=True)
def _sequencer(server: Plant) -> Iterator[None]:
    """The process that gives entries their places, as the Procfile has it."""
    with server.beside("sequencer"):
        yield


@pytest.fixture
def folder(tmp_path: Path, server: Plant, everything: Issued, client: httpx.Client) -> Path:
    """What an auditor has: the key, a token, the guide's programs."""
    guide.lay_out(tmp_path)
    receipt_of(client, push(client)[0])
    (tmp_path / "log.pub").write_text(client.get("/tlog/keys").raise_for_status().text)
    (tmp_path / "token").write_text(everything.secret)
    return tmp_path


def push(client: httpx.Client) -> tuple[str, bytes]:
    """Send an event; return the id of its submission, and the event as it was sent."""
    event = spelt(usage("//tlog"))
    answer = client.post("/api/v1/events", content=event, headers=STRUCTURED)
    return answer.raise_for_status().json()["submission"], event


def receipt_of(client: httpx.Client, submission: str) -> bytes:
    deadline = time.monotonic() + PATIENCE
    while (answer := client.get(f"/tlog/receipt/{submission}")).status_code == 404:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)
    return answer.raise_for_status().content


def verified(folder: Path, server: Plant, *more: object) -> int:
    words = [f"{server.url}/tlog", "--key", folder / "log.pub", "--token-file", folder / "token", *more]
    return main([str(word) for word in words])


def test_a_push_is_in_the_log(folder: Path, server: Plant, client: httpx.Client) -> None:
    submission, event = push(client)
    receipt = receipt_of(client, submission)
    (folder / "order.tlog-proof").write_bytes(receipt)
    (folder / "order.json").write_bytes(event)
    entry = client.get(f"/tlog/entry/{submission}").raise_for_status().content
    (folder / "order.entry.json").write_bytes(entry)
    asked = ["--receipt", folder / "order.tlog-proof", "--event", folder / "order.json", "--id", submission]
    assert verified(folder, server, *asked, "--entry", folder / "order.entry.json") == 0
    alone = ["--key", folder / "log.pub", *asked, "--entry", folder / "order.entry.json"]
    assert main([str(word) for word in alone]) == 0
    others = guide.run(folder, "node sigstore.js log.pub order.tlog-proof order.entry.json")
    assert f"entry {Proof.parse(receipt).index} is in it" in others.stdout, others.stderr
    (folder / "order.entry.json").write_bytes(entry.replace(b"success", b"Success"))
    assert guide.run(folder, "node sigstore.js log.pub order.tlog-proof order.entry.json").returncode
    assert verified(folder, server, "--event", folder / "log.pub") == 1


def test_the_log_is_served_as_the_standard_has_it(folder: Path, server: Plant, client: httpx.Client) -> None:
    answer = client.get("/tlog/checkpoint").raise_for_status()
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "no-cache" in answer.headers["Cache-Control"]
    head = Checkpoint.parse(Note.parse(answer.content).text)
    assert head.origin == (folder / "log.pub").read_text().partition("+")[0]
    export = folder / "export"
    for tile in tiles_of(head.size):
        served = client.get(f"/tlog/{tile.path}").raise_for_status()
        assert served.headers["Content-Type"] == "application/octet-stream"
        assert "max-age=600" in served.headers["Cache-Control"]
        (export / tile.path).parent.mkdir(parents=True, exist_ok=True)
        (export / tile.path).write_bytes(served.content)
    (export / "checkpoint").write_bytes(answer.content)
    for program in ("python roots.py export", "node sigstore.js log.pub export/checkpoint"):
        ran = guide.run(folder, program)
        assert f"{head.size} entries" in ran.stdout, ran.stderr
    # What was seen before is continued.
    push(client)
    assert verified(folder, server, "--checkpoint", export / "checkpoint") == 0


@pytest.mark.parametrize(
    "path", ["tile/0/999", "tile/entries/x999/999", "tile/9/000", "tile/0/0", "tile/0/000.p/256"]
)
def test_what_the_log_does_not_have(client: httpx.Client, path: str) -> None:
    assert client.get(f"/tlog/{path}").status_code == 404


def test_only_who_may_audit_reads_it(folder: Path, server: Plant, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "token").write_text(server.token("openlineage").secret)
    assert verified(folder, server) == 2
    assert "403" in capsys.readouterr().err
    with server.client() as nobody:
        for path in ("checkpoint", "keys", "tile/0/000", f"receipt/{uuid4()}", f"entry/{uuid4()}"):
            assert nobody.get(f"/tlog/{path}").status_code == 401
