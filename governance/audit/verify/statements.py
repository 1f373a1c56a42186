"""What a log says of itself in entries of its own: where it follows upon an older log, what was pruned.

Only entries that the signed root vouches for are read here.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from governance.audit.tlog.bundles import decode_bundle
from governance.audit.tlog.tiles import Tile
from governance.audit.verify.report import Citation, Finding

#: How the action of such an entry stands in canonical JSON.
_BEGUN = b'"action":"log.begun"'
_PRUNED = b'"action":"log.pruned"'


@dataclass
class Statements:
    """Gathered bundle by bundle.

    `minimum_index` is the highest that a `log.pruned` names and `pruned_by` the entry that does; `cites` is
    what a `log.begun` at the very beginning names; `wrong` are statements that can't be meant.
    """

    minimum_index: int = 0
    pruned_by: int = -1
    cites: Citation | None = None
    #: Whether entry 0 was read, so that `cites` is the last word.
    beginning_read: bool = False
    wrong: list[Finding] = field(default_factory=list)

    def read(self, bundle: bytes, tile: Tile) -> None:
        """Take what the entries of `bundle` say."""
        if tile.start == 0:
            self.beginning_read = True
            self._begun(next(decode_bundle(bundle, tile.width)))
        if _PRUNED in bundle:
            for index, entry in enumerate(decode_bundle(bundle, tile.width), tile.start):
                if _PRUNED in entry:
                    self._pruned(index, entry, tile.path)

    def _begun(self, entry: bytes) -> None:
        said = fields_of(entry)
        if _BEGUN not in entry or said.get("action") != "log.begun":
            return
        cites = _detail(said).get("cites")
        match cites:
            case None:
                pass
            case {"origin": str(origin), "size": int(size), "root": str(root)}:
                self.cites = Citation(origin, size, root)
            case _:
                problem = "it cites an older log in a way that can't be understood"
                self.wrong.append(Finding("entry 0", problem, index=0))

    def _pruned(self, index: int, entry: bytes, path: str) -> None:
        said = fields_of(entry)
        if said.get("action") != "log.pruned" or said.get("outcome", "success") != "success":
            return
        minimum = _detail(said).get("minimum_index")
        if not isinstance(minimum, int) or not 0 <= minimum <= index:
            # Pruning is logged before it is done: an entry below its own minimum would not be here.
            problem = f"it says that the log is pruned below {minimum!r}, which can't be said at its place"
            self.wrong.append(Finding(f"entry {index}", problem, path, index, index))
        elif minimum > self.minimum_index:
            self.minimum_index, self.pruned_by = minimum, index


def fields_of(entry: bytes) -> dict[str, Any]:
    """Return the fields of an entry; none where it is no JSON object."""
    try:
        value = json.loads(entry)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _detail(said: dict[str, Any]) -> dict[str, Any]:
    detail = said.get("detail")
    return detail if isinstance(detail, dict) else {}
