"""Entry bundles: up to 256 entries, each after its length in two bytes, big-endian (c2sp.org/tlog-tiles)."""

import hashlib
from collections.abc import Iterable, Iterator

from governance.audit.tlog.tiles import WIDTH

#: The most bytes of one entry: what a length of two bytes can say.
LARGEST_ENTRY = 65_535
LARGEST_BUNDLE = WIDTH * (LARGEST_ENTRY + 2)

_sha256 = hashlib.sha256


class BundleError(ValueError):
    """A bundle that is cut off or too long; `position` is the place of the first entry that isn't there
    as it should be, the width of the bundle where something follows its last entry."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


def encode_entry(entry: bytes) -> bytes:
    """Return `entry` as it stands in a bundle. Raises ValueError beyond 65,535 bytes."""
    if len(entry) > LARGEST_ENTRY:
        raise ValueError(f"an entry has at most {LARGEST_ENTRY} bytes, not {len(entry)}")
    return len(entry).to_bytes(2) + entry


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Return the bundle of `entries`. Raises ValueError where one is too large."""
    return b"".join(map(encode_entry, entries))


def decode_bundle(bundle: bytes, width: int) -> Iterator[bytes]:
    """Yield the `width` entries of `bundle`. Raises BundleError where there are more or fewer."""
    at, size = 0, len(bundle)
    for position in range(width):
        body = at + 2
        end = body + ((bundle[at] << 8) | bundle[at + 1]) if body <= size else size + 1
        if end > size:
            raise BundleError("the entry is cut off", position)
        yield bundle[body:end]
        at = end
    if at != size:
        raise BundleError(f"{size - at} bytes follow its last entry", width)


def leaf_hashes(bundle: bytes, width: int) -> bytes:
    """Return the hashes of the `width` entries, one after the other: a tile of level 0.

    Raises BundleError, as `decode_bundle` does.
    """
    return b"".join([_sha256(b"\x00" + entry).digest() for entry in decode_bundle(bundle, width)])
