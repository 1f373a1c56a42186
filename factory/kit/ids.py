"""Identifiers that Plumbline makes itself: UUIDv7 (RFC 9562 section 5.7), ordered by time."""

from uuid import UUID

import uuid_utils


def new_id() -> UUID:
    """Return a new UUIDv7."""
    return UUID(bytes=uuid_utils.uuid7().bytes)
