"""Seals: hashes of a node's whole content, by which a half-written node is recognised."""

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
"""Seconds to wait before each new reading of an artifact that is being migrated. The migration of
one batch takes less than their sum."""


class TornReadError(IntegrityError):
    """A node was read while it was being rewritten; reading it again gives the whole."""


def seal(
    identity: Iterable[Any],
    properties: Mapping[str, Any],
    digests: Mapping[str, str],
    children: Mapping[str, str],
) -> str:
    """Return the seal of a node.

    Args:
        identity: Its model, version and codec.
        properties: The properties that its fields are stored in, by name.
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
    """Return a form that is the same for values that are sent and values that come back."""
    value = as_python(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    return hashlib.sha256(value).digest() if isinstance(value, bytes) else value
