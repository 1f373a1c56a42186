"""The signed snapshot of the derived state: what stays known when the beginning of the log is pruned.

A zip archive with `manifest.json` (the digest of every table), `note` (signed by the log's key, names the
digest of the manifest), and a file for each table of the record and of the state that `rebuild` makes of it.
The digest of the manifest stands in the entry `log.pruned`, and so in the log.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from factory.kit.canonical import canonical
from factory.kit.ids import new_id
from governance.audit.models import Log
from governance.audit.retention.models import Snapshot
from governance.audit.signing.keys import signers
from governance.audit.tlog.notes import Note, NoteError, VerifierKey, sign
from lineage.intake import snapshot as record

Progress = Callable[[int, int], None]
_FIRST_LINE = "plumbline snapshot"


class BadSnapshot(Exception):
    """The file is not what was signed; the message says where."""


class Manifest(NamedTuple):
    """What a snapshot says of itself. `facts` and `state` are `{"name", "key", "columns", "upto", "rows",
    "sha256"}` for each table."""

    origin: str
    minimum_index: int
    made_at: str
    facts: list[dict[str, Any]]
    state: list[dict[str, Any]]

    def encode(self) -> bytes:
        return canonical({"schema": 1, **self._asdict()})

    @classmethod
    def parse(cls, data: bytes) -> "Manifest":
        said = json.loads(data)
        return cls(*(said[name] for name in cls._fields))


def path_of(snapshot: UUID) -> Path:
    """Where the file of a snapshot is; it may have been taken away."""
    return settings.VAR / "snapshots" / f"{snapshot}.zip"


# --- making ---------------------------------------------------------------------------------------
def make(log: Log, minimum_index: int, progress: Progress = lambda done, total: None) -> Snapshot:
    """Write the snapshot that comes before pruning the log below `minimum_index`, and sign it.

    All tables are of one moment. The row is not saved yet. `progress` is told how many tables are written,
    of how many. Raises OSError, BadKey; then nothing is left of it.
    """
    id_, now = new_id(), timezone.now()
    path = path_of(id_)
    path.parent.mkdir(exist_ok=True)
    _tidy(path.parent)
    draft = path.with_suffix(".draft")
    try:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            manifest = _write_tables(archive, log, minimum_index, now.isoformat(), progress)
            note = sign(_text(manifest), *signers(log)).encode()
            archive.writestr("manifest.json", manifest.encode())
            archive.writestr("note", note)
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return Snapshot(
        id=id_,
        log=log,
        made_at=now,
        manifest=manifest.encode(),
        note=note.decode(),
        size=path.stat().st_size,
    )


def _tidy(folder: Path) -> None:
    """Delete files of which no row tells: whoever wrote them didn't come to an end."""
    known = {f"{id_}.zip" for id_ in Snapshot.objects.values_list("pk", flat=True)}
    for file in folder.iterdir():
        if file.name not in known:
            file.unlink(missing_ok=True)


def _write_tables(
    archive: zipfile.ZipFile, log: Log, minimum_index: int, made_at: str, progress: Progress
) -> Manifest:
    tables = [(each, folder) for folder in ("facts", "state") for each in _tables(folder)]
    written: dict[str, list[dict[str, Any]]] = {"facts": [], "state": []}
    with _one_moment():
        for number, (table, folder) in enumerate(tables):
            progress(number, len(tables))
            upto = record.newest(table)
            hashed, rows = hashlib.sha256(), 0
            with archive.open(f"{folder}/{table.name}", "w", force_zip64=True) as file:
                for row in record.rows(table, upto):
                    file.write(row)
                    hashed.update(row)
                    rows += 1
            said = {"upto": upto, "rows": rows, "sha256": hashed.hexdigest()}
            written[folder].append({**table._asdict(), "columns": list(table.columns), **said})
    progress(len(tables), len(tables))
    return Manifest(log.origin, minimum_index, made_at, **written)


def _tables(folder: str) -> tuple[record.Table, ...]:
    return record.FACTS if folder == "facts" else record.STATE


@contextmanager
def _one_moment() -> Iterator[None]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _text(manifest: Manifest) -> str:
    """What is signed. No checkpoint reads like it: its second line would be a number."""
    lines = (_FIRST_LINE, manifest.origin, digest_of(manifest.encode()), f"{manifest.minimum_index}")
    return "".join(f"{line}\n" for line in lines)


def digest_of(manifest: bytes) -> str:
    """Return the SHA-256 of a manifest in hex, as the entry `log.pruned` has it in `detail.snapshot`."""
    return hashlib.sha256(manifest).hexdigest()


def take_away(snapshot: Snapshot) -> bool:
    """Delete the file of a snapshot, where it is; what was signed of it stays."""
    path = path_of(snapshot.pk)
    there = path.exists()
    path.unlink(missing_ok=True)
    return there


# --- checking -------------------------------------------------------------------------------------
def open_file(path: Path, keys: tuple[VerifierKey, ...]) -> Manifest:
    """Check a snapshot's file whole and return its manifest. Raises BadSnapshot, OSError."""
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = _signed(archive.read("manifest.json"), archive.read("note"), keys)
            for folder, tables in (("facts", manifest.facts), ("state", manifest.state)):
                for table in tables:
                    hashed = hashlib.sha256()
                    with archive.open(f"{folder}/{table['name']}") as file:
                        while block := file.read(1 << 20):
                            hashed.update(block)
                    if hashed.hexdigest() != table["sha256"]:
                        raise BadSnapshot(f"{folder}/{table['name']} is not what was signed")
            return manifest
    except (KeyError, zipfile.BadZipFile, EOFError, ValueError) as error:
        raise BadSnapshot(f"{path} can't be read as a snapshot: {error}") from error


def _signed(manifest: bytes, note: bytes, keys: tuple[VerifierKey, ...]) -> Manifest:
    try:
        read, parsed = Manifest.parse(manifest), Note.parse(note)
        if parsed.text != _text(read) or read.encode() != manifest:
            raise BadSnapshot("the note is not of this manifest")
        if not parsed.signed_by(keys):
            raise BadSnapshot("the note is not signed by a key of the log")
    except (NoteError, TypeError) as error:
        raise BadSnapshot(f"the note can't be trusted: {error}") from error
    return read


def changed_since(snapshot: Snapshot, progress: Progress = lambda done, total: None) -> list[str]:
    """Return the fact tables whose rows of then are not what the snapshot signed.

    Rows that were added since don't matter; what was erased does.
    """
    facts = Manifest.parse(bytes(snapshot.manifest)).facts
    changed = []
    for number, said in enumerate(facts):
        progress(number, len(facts))
        table = record.known(said["name"], said["key"], said["columns"])
        if record.digest(table, said["upto"]) != (said["rows"], said["sha256"]):
            changed.append(table.name)
    progress(len(facts), len(facts))
    return changed


# --- starting from one ----------------------------------------------------------------------------
def load(path: Path, keys: tuple[VerifierKey, ...], progress: Progress = lambda done, total: None) -> int:
    """Add the fact rows of a snapshot that this database lacks, all or none; return how many.

    `lineage.intake.rebuild` then makes the state of them. Raises BadSnapshot, OSError,
    `lineage.intake.snapshot.NoSuchTable`.
    """
    manifest = open_file(path, keys)
    added = 0
    with transaction.atomic(), zipfile.ZipFile(path) as archive:
        for number, said in enumerate(manifest.facts):
            progress(number, len(manifest.facts))
            table = record.known(said["name"], said["key"], said["columns"])
            with archive.open(f"facts/{table.name}") as file:
                added += record.add(table, iter(partial(file.read, 1 << 20), b""))
            if record.digest(table, said["upto"]) != (said["rows"], said["sha256"]):
                raise BadSnapshot(f"the database has other rows in {table.name} already")
    progress(len(manifest.facts), len(manifest.facts))
    return added
