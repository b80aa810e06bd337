"""Limits for values made from stored bytes: their depth, nesting and size.

Anyone who can write to the graph or the bucket chooses the bytes, but must not choose the cost of
reading them. Writers apply the same limits, so that every value that was written can be read.
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
"""Maximum levels of containers in one value, so that it can be read at any depth of the stack."""

MAX_NESTED = 16
"""Maximum levels of serializers inside one another, such as a frame in a cell of a frame."""

MAX_EXPANSION = 5000
"""Maximum bytes in memory for each stored byte; Parquet makes some 4,400 of a constant column."""

SMALL_BYTES = 64 * 1024 * 1024
"""Number of bytes that any value may take in memory, even if only a few are stored."""

VARIABLE = "ARTIGRAPH_MAX_DECODED_BYTES"
"""Environment variable that replaces ``SMALL_BYTES``."""

_nested: ContextVar[int] = ContextVar("artigraph_neo4j.serializer.nested", default=0)


@contextmanager
def nested() -> Generator[None]:
    """Count one more level of nested serializers while the block runs.

    Raises:
        SerializationError: There are more than ``MAX_NESTED`` levels.
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
    """Return the maximum bytes in memory for a value of ``stored`` bytes.

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
        decoded: Number of bytes in memory, or an upper bound of it.
        stored: Number of stored bytes.

    Raises:
        SerializationError: The value exceeds ``max_decoded_bytes``.
    """
    if decoded > max_decoded_bytes(stored):
        raise SerializationError(
            f"{stored:,} stored bytes stand for {decoded:,} bytes in memory, more than is accepted "
            f"of data from elsewhere; if they are yours, set {VARIABLE}={decoded} where the value "
            "is written and read"
        )
