"""The audit log inside an archive: its tiles must give the root that was signed, its entries the tiles."""

from collections import defaultdict
from functools import partial
from typing import Any

from factory.archive.container import BadArchive, Progress, Reader, lines
from factory.kit.bulk import fetch
from governance.audit.models import Log
from governance.audit.signing.keys import held
from governance.audit.store import head_of
from governance.audit.tlog.checkpoint import open_checkpoint
from governance.audit.tlog.edge import Edge
from governance.audit.tlog.merkle import HASH_SIZE, root_of
from governance.audit.tlog.notes import NoteError, decode_base64, encode_base64
from governance.audit.tlog.tiles import FULL_TILE, WIDTH, Tile

_TILES = "governance_tile"

_LEAVES_AND_TILES_DIFFER = """
    SELECT l.origin, p.index / 256
    FROM governance_place p
    JOIN governance_log l ON l.id = p.log_id
    JOIN governance_entry e ON e.id = p.entry_id
    JOIN governance_tile t ON t.log_id = p.log_id AND t.level = 0 AND t.number = p.index / 256
    WHERE sha256('\\x00'::bytea || e.leaf) <> substr(t.data, (p.index %% 256 * 32 + 1)::int, 32)
    ORDER BY 1, 2 LIMIT 1
"""


def heads() -> list[dict[str, Any]]:
    """Return `{id, origin, size, root, note}` of every log, the current one last; for the manifest."""
    found = []
    for log in Log.objects.order_by("id"):
        if head := head_of(log):
            root = encode_base64(bytes(head.root))
            found.append(
                {"id": log.pk, "origin": log.origin, "size": head.size, "root": root, "note": head.note}
            )
    return found


def heads_of(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Return `{origin, size, root}` of every log in an archive, as entries speak of them."""
    return [{name: head[name] for name in ("origin", "size", "root")} for head in manifest["logs"]]


def is_signed_by_us(head: dict[str, Any]) -> bool:
    """Whether a key in LOG_KEY signed the head of a log, so that the log can go on with it."""
    try:
        open_checkpoint(head["note"].encode(), [signer.key for signer in held()], head["origin"])
    except NoteError:
        return False
    return True


def check_tiles(reader: Reader, progress: Progress) -> None:
    """Check that the tiles in the archive give each log's signed root. Raises BadArchive.

    Keeps the hashes of all levels but the lowest in memory, 64 bytes for 256 entries. The lowest tiles of a
    pruned log are gone, and are not missed.
    """
    roots, kept = _read_tiles(reader, progress)
    for (log, level, number), row in kept.items():
        if level and not _stands_on(row, roots[log, level - 1], number * WIDTH):
            raise BadArchive(
                f"{reader.file}: {Tile(level, number).path} of the log number {log} does not hold the roots "
                "of the tiles below it"
            )
    for head in reader.manifest["logs"]:
        log, size = head["id"], head["size"]
        try:
            edge = Edge.read(size, partial(_cut, kept, log))
        except (KeyError, ValueError) as error:
            raise BadArchive(f"{reader.file}: tiles of the log {head['origin']} are missing") from error
        if edge.root() != decode_base64(head["root"]):
            raise BadArchive(
                f"{reader.file}: the tiles of the log {head['origin']} do not give the root that was signed "
                f"for its {size:,} entries"
            )


def first_difference() -> str:
    """Return the tile in the database that its entries don't give; empty where all are as they were."""
    found = fetch(_LEAVES_AND_TILES_DIFFER)
    return f"{Tile(0, found[0][1]).path} of the log {found[0][0]}" if found else ""


_Roots = dict[tuple[int, int], dict[int, bytes]]
_Rows = dict[tuple[int, int, int], bytes]


def _read_tiles(reader: Reader, progress: Progress) -> tuple[_Roots, _Rows]:
    """Return the roots of full tiles by log and level, and the rows that aren't full or not of level 0."""
    columns = reader.manifest["columns"][_TILES]
    wanted = [columns.index(name) for name in ("log_id", "level", "number", "data")]
    roots: _Roots = defaultdict(dict)
    kept: _Rows = {}
    for line in lines(reader.pieces(_TILES)):
        fields = line.split(b"\t")
        log, level, number = (int(fields[at]) for at in wanted[:3])
        # COPY spells \x68... with its backslash escaped
        row = bytes.fromhex(fields[wanted[3]].removeprefix(b"\\\\x").decode())
        if len(row) == FULL_TILE:
            roots[log, level][number] = root_of(row)
        if level or len(row) < FULL_TILE:
            kept[log, level, number] = row
        progress(len(line))
    return roots, kept


def _stands_on(row: bytes, below: dict[int, bytes], first: int) -> bool:
    """Whether the hashes in `row` are the roots of the full tiles below, of those that are there."""
    return all(
        below.get(number, row[at : at + HASH_SIZE]) == row[at : at + HASH_SIZE]
        for number, at in enumerate(range(0, len(row), HASH_SIZE), first)
    )


def _cut(kept: _Rows, log: int, tile: Tile) -> bytes:
    return kept[log, tile.level, tile.index][: tile.width * HASH_SIZE]
