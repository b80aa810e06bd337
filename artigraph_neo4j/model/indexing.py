"""Checks of values in fields that are declared ``indexed`` or ``searchable``."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.model.native import NOT_NATIVE

__all__ = ["INDEX_BYTES", "check_indexed", "search_texts"]

INDEX_BYTES = 8_000
"""Maximum bytes of an indexed value. A key of 8,167 bytes makes Neo4j fail the transaction."""


def check_indexed(where: str, value: Any, stored: Any) -> None:
    """Refuse a value that the index of its field cannot hold, before anything is written.

    Raises:
        SerializationError: The value is not native, or too long.
    """
    if stored is NOT_NATIVE:
        raise SerializationError(
            f"{where} is indexed, and a {type(value).__name__} like this is not a value that the "
            "graph can index; take indexed=True away, or store a bool, int, float, str, bytes, "
            "date, datetime, timedelta or a list of the first four"
        )
    size = _size(stored)
    if size > INDEX_BYTES:
        raise SerializationError(
            f"{where} is indexed, and its value takes {size} bytes; an index holds {INDEX_BYTES} "
            "at the most: store a shorter value, or take indexed=True away"
        )


def _size(value: Any) -> int:
    if isinstance(value, list):
        return sum(_size(item) + 4 for item in cast("list[object]", value))
    if isinstance(value, str):
        return len(value.encode())
    return len(value) if isinstance(value, bytes) else 16


def search_texts(where: str, value: Any) -> list[str]:
    """Return the texts of a searchable field.

    Raises:
        SerializationError: The value is neither a text nor a list of texts.
    """
    if value is None:
        return []
    many = isinstance(value, (list, tuple, set, frozenset))
    texts = cast("Collection[str]", value if many else [value])
    if not all(isinstance(text, str) for text in texts):
        raise SerializationError(
            f"{where} is searchable, which takes a str or a list of str, not a "
            f"{type(value).__name__} like this"
        )
    return [text.encode("utf-8", "replace").decode() for text in texts]
