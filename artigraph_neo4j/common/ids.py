"""Ids of spans, artifacts and blobs."""

import uuid_utils

__all__ = ["made_at", "new_id"]


def new_id() -> str:
    """Return a new UUIDv7 (RFC 9562) as text; later ids of one process sort after earlier ones."""
    return str(uuid_utils.uuid7())


def made_at(uuid7: str) -> float:
    """Return the time when an id was made, by its maker's clock, in seconds since 1970."""
    return int(uuid7.replace("-", "")[:12], 16) / 1000
