"""Programs by others, as docs/verifying.md has them, accept our logs and refuse those that were changed."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from governance.audit.tlog.cosignature import cosign
from governance.audit.tlog.export import write_directory
from governance.audit.tlog.notes import Note
from governance.audit.tlog.proof import Proof
from tests.governance.audit.elsewhere import guide
from tests.governance.audit.tlog.logs import Log, entry, log_of, signer

GO_PACKAGES = Path(os.environ.get("GOPATH", "/usr/share/gocode")) / "src/golang.org/x/mod/sumdb"
SIZES = [1, 2, 7, 255, 256, 257, 700]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs, and the key of the log in `log.pub`."""
    folder = tmp_path_factory.mktemp("case")
    guide.lay_out(folder)
    return folder


def laid(folder: Path, files: dict[str, bytes]) -> None:
    """Put a log where the programs look for it."""
    shutil.rmtree(folder / "export", ignore_errors=True)
    write_directory(folder / "export", files.items())


def accepts(folder: Path, program: str) -> bool:
    """Whether the guide's command that holds `program` ends well."""
    (command,) = (block.text for block in guide.blocks() if block.language == "sh" and program in block.text)
    ran = guide.run(folder, command.replace(" kept-in-june.txt", ""))
    assert "not found" not in ran.stderr
    return ran.returncode == 0


def changed(content: bytes, at: int) -> bytes:
    """`content` with one letter or byte changed, so that base64 stays base64."""
    other = content[at] ^ 1 if not chr(content[at]).isalnum() else ord("B" if content[at] == 65 else "A")
    return content[:at] + bytes([other]) + content[at + 1 :]


#: Which byte of a checkpoint is changed: one of its origin, size, root, key name, key id and signature.
PLACES: dict[str, Callable[[bytes], int]] = {
    "origin": lambda note: 3,
    "size": lambda note: note.index(b"\n") + 1,
    "root": lambda note: note.index(b"\n", note.index(b"\n") + 1) + 5,
    "name": lambda note: note.index("— ".encode()) + 6,
    "key id": lambda note: note.rindex(b" ") + 2,
    "signature": lambda note: note.rindex(b" ") + 40,
}


# --- checkpoints ----------------------------------------------------------------------------------------
def readers_of_checkpoints() -> list[str]:
    return ["sigstore.js log.pub export/checkpoint", "openssl pkeyutl"]


def there(program: str) -> None:
    if "openssl" in program and shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine")
    if "go run" in program and (shutil.which("go") is None or not GO_PACKAGES.is_dir()):
        pytest.skip("no Go with golang.org/x/mod here (apt-get install golang-go golang-golang-x-mod-dev)")


def only_the_checkpoint(command: str) -> str:
    """The sigstore block goes on to a receipt, which has tests of its own."""
    return command.partition("\n")[0] if "sigstore" in command else command


def reads(folder: Path, program: str) -> bool:
    (command,) = (block.text for block in guide.blocks() if block.language == "sh" and program in block.text)
    return guide.run(folder, only_the_checkpoint(command)).returncode == 0


@pytest.mark.parametrize("program", readers_of_checkpoints())
def test_signed_checkpoints(folder: Path, program: str) -> None:
    there(program)
    for size in SIZES:
        log = log_of(size)
        laid(folder, {"checkpoint": log.files["checkpoint"]})
        assert reads(folder, program), size
        note = Note.parse(log.files["checkpoint"])
        witness = signer("witness.test/1", cosigner=True)
        cosigned = note.with_signatures(cosign(note.text, witness, 1_790_000_000)).encode()
        laid(folder, {"checkpoint": cosigned})
        assert reads(folder, program), "cosignatures are passed over"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("program", readers_of_checkpoints())
def test_changed_checkpoints(folder: Path, program: str, place: str) -> None:
    there(program)
    note = log_of(700).files["checkpoint"]
    forged = changed(note, PLACES[place](note))
    assert forged != note
    if "openssl" in program and place == "key id":
        return  # The shell takes the line by the name alone; the signature still is the key's.
    laid(folder, {"checkpoint": forged})
    assert not reads(folder, program)


@pytest.mark.parametrize("program", readers_of_checkpoints())
def test_checkpoints_by_somebody_else(folder: Path, program: str) -> None:
    there(program)
    other = Log(signer("other.test")).grow(b"{}").files["checkpoint"]
    laid(folder, {"checkpoint": other.replace(b"other.test", signer().key.name.encode())})
    assert not reads(folder, program)


# --- receipts -------------------------------------------------------------------------------------------
def receipt_holds(folder: Path, proof: Proof, content: bytes) -> bool:
    (folder / "r.tlog-proof").write_bytes(proof.encode())
    (folder / "r.json").write_bytes(content)
    return guide.run(folder, "node sigstore.js log.pub r.tlog-proof r.json").returncode == 0


@pytest.mark.parametrize(
    ("size", "index"), [(1, 0), (2, 1), (7, 4), (257, 256), (700, 0), (700, 511), (700, 699)]
)
def test_receipts(folder: Path, size: int, index: int) -> None:
    log = log_of(size)
    proof = Proof(index, log.tree().inclusion(index), log.files["checkpoint"])
    assert receipt_holds(folder, proof, entry(index))
    assert receipt_holds(folder, Proof(index, proof.hashes, proof.checkpoint, extra=b"more"), entry(index))
    assert not receipt_holds(folder, proof, entry(index + 1))
    if proof.hashes:
        wrong = (proof.hashes[0][::-1], *proof.hashes[1:])
        assert not receipt_holds(folder, Proof(index, wrong, proof.checkpoint), entry(index))
        assert not receipt_holds(folder, Proof(index ^ 1, proof.hashes, proof.checkpoint), entry(index))


# --- whole logs -----------------------------------------------------------------------------------------
WHOLE = ["roots.py", "go run"]


@pytest.mark.parametrize("size", [1, 256, 257, 700])
@pytest.mark.parametrize("program", WHOLE)
def test_logs(folder: Path, program: str, size: int) -> None:
    there(program)
    laid(folder, log_of(size).export())
    assert accepts(folder, program)


@pytest.mark.parametrize("program", WHOLE)
def test_changed_logs(folder: Path, program: str) -> None:
    there(program)
    files = log_of(700).export()
    one, other = files["tile/entries/000"], files["tile/entries/001"]
    forged = Log().grow(*map(entry, range(300)), b"{}", *map(entry, range(301, 700))).export()
    for change in (
        {"tile/entries/001": changed(other, 100)},
        {"tile/entries/000": other, "tile/entries/001": one},
        {"tile/entries/002.p/188": files["tile/entries/002.p/188"][:-1]},
        {"checkpoint": log_of(699).files["checkpoint"]},
        {path: content for path, content in forged.items() if path != "checkpoint"},
    ):
        laid(folder, files | change)
        assert not accepts(folder, program), sorted(change)


def test_go_finds_changed_tiles(folder: Path) -> None:
    there("go run")
    files = log_of(700).export()
    for path in ("tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2"):
        laid(folder, files | {path: changed(files[path], 40)})
        assert not accepts(folder, "go run"), path
