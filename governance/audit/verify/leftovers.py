"""Files that lie beside the tree: partial tiles that full ones superseded, and what doesn't belong there."""

from governance.audit.tlog.bundles import BundleError, leaf_hashes
from governance.audit.tlog.export import STAMPS
from governance.audit.tlog.merkle import HASH_SIZE
from governance.audit.tlog.tiles import ENTRIES, Tile, parse_path, tile_at
from governance.audit.verify.report import Finding
from governance.audit.verify.stores import BadFile, Store
from governance.audit.verify.walk import Walk, fetch, read_hashes

#: How many names a warning lists.
_NAMED = 5


def check_leftovers(store: Store, walk: Walk) -> list[str] | None:
    """Check every file that `walk` did not look at, where the store can list its files.

    What claims to be of the tree and isn't becomes a finding, anything else a warning. Returns the paths of
    what lies where timestamps do, which is looked at by others; None where files can't be listed.
    Raises Enough.
    """
    if damage := store.damage():
        walk.report.add(Finding("archive", damage, position=walk.size))
    paths = store.paths()
    if paths is None:
        return None
    listed: set[str] = set()
    others: list[str] = []
    stamps: list[str] = []
    beside = 0
    for path in paths:
        if path in listed:
            walk.report.add(Finding(path, "it is there twice", path))
        listed.add(path)
        if path == "checkpoint":
            continue
        if path.startswith(STAMPS):
            stamps.append(path)
            continue
        if not path.startswith("tile/"):
            others.append(path)
            continue
        try:
            tile = parse_path(path)
        except ValueError:
            walk.report.add(Finding(path, "no such file belongs to a log", path))
            continue
        if tile in walk.seen:
            continue
        current = tile_at(tile.level, tile.index, walk.size)
        if current in walk.seen or current is None or current.width < tile.width:
            problem = _problem(store, walk, tile)
            if problem:
                walk.report.add(Finding(path, problem, path, position=tile.start))
        else:
            beside += 1
    if beside:
        walk.report.warnings.append(f"{beside} tiles lie outside the range asked for and were not checked")
    if others:
        named = ", ".join(others[:_NAMED]) + (" …" if len(others) > _NAMED else "")
        walk.report.warnings.append(f"not part of the log and not checked: {named}")
    return stamps


def _problem(store: Store, walk: Walk, tile: Tile) -> str:
    """Return what is wrong with a partial tile that a wider one superseded; empty where it is right."""
    current = tile_at(max(tile.level, 0), tile.index, walk.size)
    if current is None or tile.width > current.width:
        return "it lies beyond the entries of the checkpoint"
    try:
        content, _ = fetch(store, tile)
        hashes = leaf_hashes(content, tile.width) if tile.level == ENTRIES else content
    except (BadFile, BundleError) as error:
        return str(error)
    try:
        row = walk.mended[current] if current in walk.mended else read_hashes(store, current)
    except BadFile:
        row = None
    if row is None or hashes == row[: tile.width * HASH_SIZE]:
        return ""
    return f"it is not the beginning of what {current.path} should hold"
