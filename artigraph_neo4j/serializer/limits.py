"""Limits of what stored bytes may make: how deep, how far inside one another, how large.

Who can write to the graph or the bucket chooses the bytes, and not what reading them costs. Writers
keep the same limits, so that what was written can be read.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from artigraph_neo4j.errors import SerializationError

__all__ = [
    "MAX_DEPTH",
    "MAX_NESTED",
    "SMALL_BYTES",
    "check_decoded",
    "max_decoded_bytes",
    "nested",
]

MAX_DEPTH = 200
"""Maximum levels of containers in one value, so that it can be read from any depth of calls."""

MAX_NESTED = 16
"""Maximum serializers inside one another, such as a frame in a cell of a frame."""

MAX_EXPANSION = 5000
"""Maximum bytes in memory for each stored byte; Parquet makes some 4,400 of a constant column."""

SMALL_BYTES = 64 * 1024 * 1024
"""Bytes that any value may take in memory, however few are stored."""

VARIABLE = "ARTIGRAPH_MAX_DECODED_BYTES"
"""Environment variable that replaces ``SMALL_BYTES``."""

_nested: ContextVar[int] = ContextVar("artigraph_neo4j.serializer.nested", default=0)


@contextmanager
def nested() -> Generator[None]:
    """Count one serializer inside another while the block runs.

    Raises:
        SerializationError: There are more than ``MAX_NESTED``.
    """
    depth = _nested.get()
    if depth >= MAX_NESTED:
        raise SerializationError(
            f"values are nested through more than {MAX_NESTED} serializers; "
            "store the inner ones in fields of their own"
        )
    token = _nested.set(depth + 1)
    try:
        yield
    finally:
        _nested.reset(token)


def max_decoded_bytes(stored: int) -> int:
    """The number of bytes in memory that a value of ``stored`` bytes may take.

    Raises:
        SerializationError: The environment variable is not a number.
    """
    text = os.environ.get(VARIABLE, "")
    if text and not text.isdecimal():
        raise SerializationError(f"{VARIABLE} is not a number of bytes; set it to digits only")
    return max(int(text) if text else SMALL_BYTES, MAX_EXPANSION * stored)


def check_decoded(decoded: int, stored: int) -> None:
    """Refuse a value that takes far more memory than it has stored bytes.

    Args:
        decoded: Bytes in memory, or more than these.
        stored: Bytes that it is stored as.

    Raises:
        SerializationError: It exceeds ``max_decoded_bytes``.
    """
    if decoded > max_decoded_bytes(stored):
        raise SerializationError(
            f"{stored:,} stored bytes stand for {decoded:,} bytes in memory, more than is accepted "
            f"of data from elsewhere; if they are yours, set {VARIABLE}={decoded} where the value "
            "is written and read"
        )
