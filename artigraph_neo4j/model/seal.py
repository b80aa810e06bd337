"""A hash of all that belongs together in one node, by which a half-written one is recognised."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from artigraph_neo4j.errors import IntegrityError
from artigraph_neo4j.model.native import as_python

__all__ = ["SEAL", "TORN_PAUSES", "TornReadError", "seal"]

SEAL = "seal_"
"""The property that holds the seal while a node is being rewritten."""


TORN_PAUSES = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Seconds before each further reading of what is being migrated; the change of one batch takes
less."""


class TornReadError(IntegrityError):
    """A node was read while it was being rewritten; reading again gives the whole."""


def seal(
    identity: Iterable[Any],
    properties: Mapping[str, Any],
    digests: Mapping[str, str],
    children: Mapping[str, str],
) -> str:
    """The seal of a node.

    Args:
        identity: Its model, version and codec.
        properties: What its fields are stored in, by property.
        digests: The digests of its values in storages, by field.
        children: The ids of the nodes nested in it, by path.
    """
    hashed = hashlib.sha256()
    for part in (
        *identity,
        *((name, _plain(properties[name])) for name in sorted(properties)),
        *sorted(digests.items()),
        *sorted(children.items()),
    ):
        hashed.update(repr(part).encode() + b"\n")
    return hashed.hexdigest()


def _plain(value: Any) -> Any:
    """The same for what is sent and for what comes back."""
    value = as_python(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    return hashlib.sha256(value).digest() if isinstance(value, bytes) else value
