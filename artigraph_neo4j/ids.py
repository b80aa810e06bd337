"""Ids of spans, artifacts and blobs."""

import uuid_utils

__all__ = ["new_id"]


def new_id() -> str:
    """A new UUIDv7 (RFC 9562) as text; later ids of one process sort after earlier ones."""
    return str(uuid_utils.uuid7())
