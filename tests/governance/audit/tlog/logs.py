"""Logs of any size in memory, made as the sequencer makes them."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from governance.audit.tlog import leaf
from governance.audit.tlog.bundles import encode_bundle
from governance.audit.tlog.checkpoint import Checkpoint
from governance.audit.tlog.edge import Edge
from governance.audit.tlog.export import files_of
from governance.audit.tlog.merkle import leaf_hash
from governance.audit.tlog.notes import Ed25519Signer
from governance.audit.tlog.tiles import ENTRIES, WIDTH, Tile, tile_at
from governance.audit.tlog.tree import TiledTree
from governance.audit.verify.stores import BadFile, MissingFile

ORIGIN = "plumbline.test/log"


def signer(name: str = ORIGIN, *, cosigner: bool = False) -> Ed25519Signer:
    """The same key whenever the same name is asked for."""
    return Ed25519Signer(name, hashlib.sha256(name.encode()).digest(), cosigner=cosigner)


def entry(number: int) -> bytes:
    return leaf.encode({"action": "thing.happened", "id": f"id-{number}", "number": number})


@dataclass
class Log:
    """A log that grows; `files` are what it holds, superseded partial tiles included."""

    key: Ed25519Signer = field(default_factory=signer)
    entries: list[bytes] = field(default_factory=list, repr=False)
    edge: Edge = field(default_factory=Edge, repr=False)
    files: dict[str, bytes] = field(default_factory=dict, repr=False)

    def grow(self, *entries: bytes) -> "Log":
        first = len(self.entries) // WIDTH
        self.entries += entries
        self.edge, written = self.edge.grown([leaf_hash(each) for each in entries])
        self.files |= {tile.path: content for tile, content in written.items()}
        for index in range(first, (len(self.entries) - 1) // WIDTH + 1):
            tile = tile_at(ENTRIES, index, len(self.entries))
            assert tile is not None
            self.files[tile.path] = encode_bundle(self.entries[tile.start : tile.end])
        self.files["checkpoint"] = self.checkpoint().sign(self.key).encode()
        return self

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.key.key.name, self.edge.size, self.edge.root())

    def read(self, tile: Tile) -> bytes:
        return self.files[tile.path]

    def tree(self) -> TiledTree:
        return TiledTree(self.edge.size, self.read)

    def export(self, start: int = 0, end: int | None = None) -> dict[str, bytes]:
        return dict(files_of(self.files["checkpoint"], self.edge.size, self.read, start=start, end=end))


def log_of(size: int, *steps: int) -> Log:
    """A log of `size` entries that had the sizes `steps` on the way."""
    log = Log()
    for step in (*steps, size):
        log.grow(*map(entry, range(log.edge.size, step)))
    return log


class Files:
    """A store of the verifier over files in memory."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def read(self, path: str, most: int) -> bytes:
        if path not in self.files:
            raise MissingFile("the file is missing")
        if len(self.files[path]) > most:
            raise BadFile(f"it has more than {most} bytes")
        return self.files[path]

    def paths(self) -> Iterator[str]:
        return iter(sorted(self.files))

    def damage(self) -> str:
        return ""

    def close(self) -> None:
        pass


def bounds(entries: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """Where each entry lies in its bundle, its length included."""
    at = 0
    for each in entries:
        yield at, at + 2 + len(each)
        at += 2 + len(each)
