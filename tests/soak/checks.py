"""What must hold after every kill, and at the end."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from governance.audit.tlog.bundles import decode_bundle
from governance.audit.tlog.checkpoint import Checkpoint, open_checkpoint
from governance.audit.tlog.notes import VerifierKey, encode_base64
from governance.audit.tlog.policy import Policy
from governance.audit.tlog.tiles import ENTRIES, tiles_of
from governance.audit.verify.asked import Trust
from governance.audit.verify.check import verify
from governance.audit.verify.stores import Directory
from governance.audit.witness import ask
from tests.conformance.facts import broken_rules
from tests.conformance.sending import half_applied, name_of, stored
from tests.soak.crowd import Crowd
from tests.soak.works import Works


class Broken(Exception):
    """Something that must hold does not."""


def require(holds: object, what: str) -> None:
    if not holds:
        raise Broken(what)


class Checks:
    """Holds what the works keep against what the crowd was told."""

    def __init__(self, works: Works, crowd: Crowd, folder: Path) -> None:
        self.works, self.crowd, self.folder = works, crowd, folder
        #: The most seconds until what was acknowledged has its place, and all is cosigned.
        self.patience = 60.0
        self._placed: list[int] = []
        self._noted: set[tuple[int, str]] = set()

    # --- after every kill -------------------------------------------------------------------------
    def after_a_kill(self) -> None:
        """Raise Broken where something acknowledged so far gets no place, or the log is not whole."""
        told = self.crowd.acknowledged()
        ends = [len(ids) for ids in told]
        begun = self._placed or [0] * len(told)
        new = [each for ids, start, end in zip(told, begun, ends, strict=True) for each in ids[start:end]]
        self._wait_for_places(new)
        self._placed = ends
        self.is_whole()
        self.notes_are_of_this_log()
        require(not self.crowd.auditor.wrong, f"the auditor saw: {self.crowd.auditor.wrong}")

    def _wait_for_places(self, ids: list[str]) -> None:
        deadline = time.monotonic() + self.patience
        while True:
            rows = self.works.rows(
                """SELECT i.id::text, count(p.index), count(e.id) FROM unnest(%s::uuid[]) i(id)
                   LEFT JOIN governance_entry e ON e.id = i.id
                   LEFT JOIN governance_place p ON p.entry_id = i.id
                   GROUP BY 1 HAVING count(p.index) <> 1 OR count(e.id) <> 1 LIMIT 5""",
                [ids],
            )
            if not rows:
                return
            if time.monotonic() > deadline:
                raise Broken(
                    f"acknowledged, and not once in the log: {rows}; the sequencers say: "
                    f"{self.works.log()[-2000:]}"
                )
            time.sleep(0.05)

    def is_whole(self) -> None:
        """Indexes have no gap, and the newest checkpoint is of all of them."""
        [(count, lowest, highest, size)] = self.works.rows(
            """SELECT count(*), min(index), max(index),
                      (SELECT max(size) FROM governance_checkpoint) FROM governance_place"""
        )
        whole = (count, lowest, highest) == (size, 0, size - 1) or (count, size) == (0, 0)
        require(whole, f"{count} places from {lowest} to {highest} under a checkpoint of {size} entries")

    def notes_are_of_this_log(self) -> None:
        """What the file `published` ever said is a checkpoint of the database, so it never is ahead."""
        self.crowd.auditor.read_note()
        new = set(self.crowd.auditor.noted) - self._noted
        rows = self.works.rows(
            "SELECT size, root FROM governance_checkpoint WHERE size = ANY (%s)", [[size for size, _ in new]]
        )
        known = {(size, encode_base64(bytes(root))) for size, root in rows}
        require(new <= known, f"noted, and not in the database: {new - known}")
        self._noted |= new

    # --- now and then, and at the end -------------------------------------------------------------
    def verified(self) -> Checkpoint:
        """Verify the log as an auditor does who mirrors it; return its head."""
        mirror = self.folder / "mirror"
        auditor = self.crowd.auditor
        with self.works.web.client(self.crowd.token) as client:
            keys = client.get("/tlog/keys").raise_for_status().text.splitlines()
            trust = Trust(
                tuple(map(VerifierKey.parse, keys)), policy=Policy.parse(self.works.policy.read_bytes())
            )
            older = dict(auditor.checkpoints)
            receipts = dict(auditor.receipts)
            note = client.get("/tlog/checkpoint").raise_for_status().content
            head, _ = open_checkpoint(note, trust.keys)
            _update(mirror, client, head.size)
        (mirror / "checkpoint").write_bytes(note)
        report = verify(
            Directory(mirror),
            trust,
            older=[(f"the checkpoint of {size}", each) for size, each in older.items()],
            receipts=[(f"the receipt of {entry}", each) for entry, each in receipts.items()],
        )
        require(report.ok, f"the log does not verify: {[*report.findings, *report.unchecked]}")
        require(report.entries_checked == head.size, "not every entry was looked at")
        return head

    def at_the_end(self) -> dict[str, int]:
        """Everything, once nobody writes any more; return what was counted."""
        self.after_a_kill()
        self._wait_until_nothing_waits()
        self.is_whole()
        rows, crowd = self.works.rows, self.crowd
        mirror = self.folder / "mirror"
        before = mirror.rename(self.folder / "before") if mirror.exists() else None
        head = self.verified()
        _compare(before, mirror)

        [(places,)] = rows("SELECT count(*) FROM governance_place")
        require(head.size == places, f"{head.size} entries are published of {places}")
        leaves = Counter(_ids(mirror, head.size))
        told = [each for ids in crowd.acknowledged() for each in ids]
        require(len(set(told)) == len(told), "an id was given twice")
        require(all(leaves[each] == 1 for each in told), "acknowledged, and not once among the leaves")
        require(max(leaves.values()) == 1, "an entry is twice in the log")
        dropped = [each for each in self.works.dropped if leaves[each]]
        require(not dropped, f"rolled back, and in the log: {dropped}")
        everything = {str(each) for (each,) in rows("SELECT id FROM governance_entry")}
        require(everything == set(leaves), "the entries are not those of the log")
        submissions = {str(each) for (each,) in rows("SELECT id FROM lineage_submission")}
        received = {
            str(each)
            for (each,) in rows("SELECT id FROM governance_entry WHERE action = 'submission.received'")
        }
        require(submissions == received, f"submissions without entry: {submissions ^ received}")

        self._acts()
        self._events()
        self._signed(head)
        return {
            "entries": head.size,
            "acknowledged": len(told) + len(crowd.person.acknowledged),
            "checkpoints compared": len(crowd.auditor.checkpoints),
            "receipts verified": len(crowd.auditor.receipts),
            "notes compared": len(self._noted),
        }

    def _wait_until_nothing_waits(self) -> None:
        deadline = time.monotonic() + self.patience
        while True:
            [(waiting, pulled, newest, size, cosigned)] = self.works.rows(
                """SELECT (SELECT count(*) FROM governance_waiting), c.pulled,
                          (SELECT coalesce(max(number), 0) FROM lineage_submission), c.size,
                          EXISTS (SELECT 1 FROM governance_cosignature s WHERE s.checkpoint_id = c.id)
                   FROM governance_checkpoint c ORDER BY size DESC LIMIT 1"""
            )
            if (waiting, pulled, cosigned) == (0, newest, True):
                return
            state = f"{waiting} wait, submissions to {pulled} of {newest}, {size} cosigned: {cosigned}"
            require(time.monotonic() < deadline, f"{state}: {self.works.log()[-2000:]}")
            time.sleep(0.1)

    def _acts(self) -> None:
        """What a person did over pages is there once, found by the ids of their requests."""
        person = self.crowd.person
        # a page that meets a database that is away answers 500, a door 503
        require(person.statuses <= {302, 500, 503}, f"pages answered {person.statuses}")
        found = Counter(
            json.loads(bytes(leaf)).get("request_id")
            for (leaf,) in self.works.rows(
                "SELECT leaf FROM governance_entry WHERE action IN ('user.signed_in', 'user.signed_out')"
            )
        )
        lost = [each for each in person.acknowledged if found[each] != 1]
        require(not lost, f"signed in or out, and not once in the log: {lost}")
        require(max(found.values(), default=1) == 1, "a request is twice in the log")

    def _events(self) -> None:
        """What was pushed is in the record once and whole."""
        crowd, web = self.crowd, self.works.web
        statuses = {status for sender in crowd.senders for status in sender.statuses}
        require(statuses <= {0, 200, 201, 503}, f"doors answered {statuses}")
        found = stored(web, crowd.namespace)
        lost = [
            name
            for sender in crowd.senders
            for name in map(name_of, sender.acknowledged)
            if found.get(name) != 1
        ]
        require(not lost, f"acknowledged, and not once in the record: {lost}")
        require(set(found.values()) <= {1}, "an event is in the record twice")
        require(half_applied(web, crowd.namespace) == [], "an event is applied by half")
        require(broken_rules(web.rows) == {}, f"rules are broken: {broken_rules(web.rows)}")

    def _signed(self, head: Checkpoint) -> None:
        """Every checkpoint that was ever signed is of this log, and the witness has seen the same one."""
        notes = self.works.rows("SELECT size, note FROM governance_checkpoint")
        trust = Trust((self.works.key.key,))
        older = [(f"the checkpoint of {size} in the database", note.encode()) for size, note in notes]
        report = verify(Directory(self.folder / "mirror"), trust, older=older)
        require(report.ok, f"a checkpoint was signed of another log: {report.findings}")
        seen = ask.newest(self.works.witness.witness, head.origin)
        require(seen is not None and Checkpoint.parse(seen.text) == head, "the witness knows another log")
        require("is not signed" not in self.works.log(), f"signing was refused: {self.works.log()[-2000:]}")


def _update(mirror: Path, client: httpx.Client, size: int) -> None:
    """Fetch what the mirror lacks of a log of `size` entries; drop partial tiles, which have grown."""
    for old in mirror.glob("**/*.p/*"):
        old.unlink()
    for tile in tiles_of(size):
        file = mirror / tile.path
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(client.get(f"/tlog/{tile.path}").raise_for_status().content)


def _compare(before: Path | None, now: Path) -> None:
    """What was served once stays so; partial tiles may be gone."""
    for old in before.glob("tile/**/*") if before else ():
        new = now / old.relative_to(now.parent / "before")
        if old.is_file() and new.exists():
            require(new.read_bytes() == old.read_bytes(), f"{new.name} was served with another content")


def _ids(mirror: Path, size: int) -> list[str]:
    """Return the ids of the log's entries, as its leaves have them."""
    found: list[str] = []
    for tile in tiles_of(size):
        if tile.level == ENTRIES:
            leaves: Any = decode_bundle((mirror / tile.path).read_bytes(), tile.width)
            found += [json.loads(leaf)["id"] for leaf in leaves]
    return found
