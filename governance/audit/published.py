"""What is known of the log outside the database, so that a restored older database never signs a fork.

Whoever holds a checkpoint of a size that the log reaches a second time, with other entries, holds a proof
that it was rewritten. So the newest checkpoint is noted in a file of PLUMBLINE_VAR, and a sequencer that
starts holds the database against that file, against what witnesses have seen, and against the entry that a
restore leaves.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from django.conf import settings

from factory.kit.bulk import fetch
from governance.audit.models import Checkpoint, Log
from governance.audit.sequencer import Refused
from governance.audit.store import Missing, reader
from governance.audit.tlog.notes import NoteError, decode_base64, encode_base64
from governance.audit.tlog.tree import TiledTree

log_ = structlog.get_logger(__name__)

#: Seconds between two notes that wait for the disk; those between reach it within seconds, too.
_SYNC_EVERY = 1.0
#: The entries that say how the log stands to what came before: restored, and how it goes on.
RESTORED, CONTINUED = "archive.restored", "log.continued"
_WHAT_TO_DO = (
    "Nothing is signed, entries wait, nothing is lost. `manage.py restore --continue EXPORT` takes what is "
    "missing from an export of the log, `manage.py restore --continue new` begins a new log that cites this "
    "one (docs/backup.md)."
)


class Seen(NamedTuple):
    """A checkpoint that somebody knows: `size` entries of the log `origin`; `root` where they know it."""

    who: str
    origin: str
    size: int
    root: bytes | None = None


class Noted(NamedTuple):
    """What the file says: the newest checkpoint, and whether the sequencer had stopped with it."""

    seen: Seen
    stopped: bool


class Behind(Refused):
    """More is known of the log than the database has; the message says what, where, and what to do."""


# --- the file -------------------------------------------------------------------------------------
_synced = 0.0
#: The note that stood in the file when this process had last to do with it.
_left = ""


def _file() -> Path:
    return settings.VAR / "log" / "published"


def note(log: Log, head: Checkpoint) -> None:
    """Note a checkpoint that was signed and committed; the sequencer calls this.

    Another sequencer may have noted a newer one since the commit: the file never goes back.
    """
    global _left
    with _alone():
        if not _says_more(log, head):
            _write({**as_cited(log, head), "note": head.note, "stopped": False})
            _left = head.note


def note_stop() -> None:
    """Note that the sequencer has stopped: nothing after the checkpoint in the file was signed here.

    Where the checkpoint is another sequencer's, that one still works.
    """
    with _alone():
        if noted() and _read().get("note", "") == _left:
            _write(_read() | {"stopped": True}, sync=True)


def _says_more(log: Log, head: Checkpoint) -> bool:
    try:
        said = _read()
        return bool(said["origin"] == log.origin and said["size"] > head.size)
    except (OSError, ValueError, KeyError, TypeError):
        return False  # what can't be read is written anew


@contextmanager
def _alone() -> Iterator[None]:
    """Keep other processes from changing the file inside the block: the folder is locked."""
    folder = _file().parent
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks: then the file may go back a little
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def as_cited(log: Log, head: Checkpoint) -> dict[str, Any]:
    """Return `{origin, size, root}` of a checkpoint, as entries and other logs speak of it."""
    return {"origin": log.origin, "size": head.size, "root": encode_base64(bytes(head.root))}


def last_known(log: Log, head: Checkpoint) -> dict[str, Any]:
    """Return the largest checkpoint of the log that is known here: of the database, or of the file."""
    here = noted()
    if here and here.seen.origin == log.origin and here.seen.size > head.size and here.seen.root:
        return {"origin": log.origin, "size": here.seen.size, "root": encode_base64(here.seen.root)}
    return as_cited(log, head)


def noted() -> Noted | None:
    """Return what the file says; None where there is none. Raises Behind where it can't be understood."""
    file = _file()
    if not file.exists():
        return None
    try:
        said = _read()
        seen = Seen(str(file), said["origin"], said["size"], decode_base64(said["root"]))
        return Noted(seen, said["stopped"])
    except (ValueError, KeyError, TypeError, NoteError) as error:
        raise Behind(
            f"{file} says what was published of the log, and it can't be read: {error!r}. Nothing is "
            "signed. Put it back from a copy; only if you are sure that the database is the newest there is, "
            "delete it."
        ) from error


def _read() -> dict[str, Any]:
    said: dict[str, Any] = json.loads(_file().read_text())
    return said


def _write(said: dict[str, Any], sync: bool = False) -> None:
    global _synced
    file = _file()
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    sync = sync or time.monotonic() - _synced > _SYNC_EVERY
    try:
        with draft.open("w") as written:
            json.dump(said, written, indent=1)
            if sync:
                written.flush()
                os.fsync(written.fileno())
                _synced = time.monotonic()
        draft.replace(file)
    except OSError as error:
        # To stop for this would help nobody: the log goes on, and the file says less than it could.
        log_.error("what is published can't be noted", file=str(file), why=str(error))
        draft.unlink(missing_ok=True)


# --- the comparison -------------------------------------------------------------------------------
def may_go_on(log: Log, head: Checkpoint | None) -> None:
    """As `check_not_behind`, for the sequencer before it signs: from here on the file proves no end."""
    global _left
    check_not_behind(log, head)
    with _alone():
        if here := noted():
            _left = _read().get("note", "")
            if here.stopped:
                _write(_read() | {"stopped": False}, sync=True)


def check_not_behind(log: Log, head: Checkpoint | None, witnessed: Iterable[Seen] = ()) -> None:
    """Compare the database with everything known of its log outside it. Raises Behind.

    `log` and `head` are the current log and its newest checkpoint, `witnessed` what others have seen. What
    is known of a log that the current one has followed is no matter: nothing is signed in that any more.
    """
    here = noted()
    logs = set(Log.objects.values_list("origin", flat=True))
    for seen in [*([here.seen] if here else []), *witnessed]:
        if seen.origin not in logs:
            raise Behind(
                f"{seen.who} knows {seen.size:,} entries of a log {seen.origin}, which this database does "
                f"not have: it is older than that log. {_WHAT_TO_DO}"
            )
        if seen.origin == log.origin:
            _compare(seen, log, head)
    if (at := restored_at(log)) is not None and not _is_newest(here, log, head):
        raise Behind(
            f"the database was restored from a backup in which the log {log.origin} had {at:,} entries. "
            "Whether more were signed and seen by others before, Plumbline can't know. If nothing ran after "
            "the backup was made, `manage.py restore --continue here` says so, and the log goes on. "
            f"{_WHAT_TO_DO}"
        )


def _compare(seen: Seen, log: Log, head: Checkpoint | None) -> None:
    size = head.size if head else 0
    if seen.size > size:
        raise Behind(
            f"the database has {size:,} entries of the log {seen.origin}, but {seen.who} knows "
            f"{seen.size:,}: the database is older than what is published. {_WHAT_TO_DO}"
        )
    if seen.root is None or head is None:
        return
    try:
        root = bytes(head.root) if seen.size == size else TiledTree(size, reader(log)).root(seen.size)
    except Missing:
        return  # pruned so far that it can't be told
    if root != seen.root:
        raise Behind(
            f"{seen.who} knows another root of the first {seen.size:,} entries of the log {seen.origin} than "
            f"the database has ({encode_base64(seen.root)}, not {encode_base64(root)}): one of the two is a "
            f"fork. {_WHAT_TO_DO}"
        )


def _is_newest(here: Noted | None, log: Log, head: Checkpoint | None) -> bool:
    """Whether the file proves that nothing was signed after what the database has.

    It does where it was written at the end, by the one sequencer that there can be: the embedded database
    is reached from its own machine only.
    """
    return (
        settings.EMBEDDED_DATABASE
        and here is not None
        and here.stopped
        and head is not None
        and (here.seen.origin, here.seen.size) == (log.origin, head.size)
    )


_SINCE = """
    SELECT e.action, e.leaf FROM governance_waiting w JOIN governance_entry e ON e.id = w.entry_id
    WHERE e.action = ANY (%s) ORDER BY e.id DESC LIMIT 1
"""


def restored_at(log: Log) -> int | None:
    """Return at which size the log was in what the database was restored from.

    None where it wasn't, or where it was said since how the log goes on. The entry of the restore is the
    mark: as long as it waits for its place, nothing was signed since.
    """
    found = fetch(_SINCE, [[RESTORED, CONTINUED]])
    if not found or found[0][0] != RESTORED:
        return None
    heads = json.loads(bytes(found[0][1])).get("detail", {}).get("logs", [])
    return next((each["size"] for each in heads if each["origin"] == log.origin), None)
