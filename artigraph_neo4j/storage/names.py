"""How stored values are named: below their graph's prefix, by content and a fresh id.

``ag/<graph id>/<SHA-256>-<UUIDv7>``: garbage collection goes by these names, touches no other, and
reads from each whose graph it is, what it holds and when it was begun.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import NamedTuple, Self

from artigraph_neo4j.common.ids import made_at, new_id

__all__ = ["BlobName", "blob_name", "graph_prefix", "marker", "marker_key"]

_NAME = re.compile(
    r"([0-9a-f]{64})-([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})"
)


def graph_prefix(graph_id: str) -> str:
    """What all keys of a graph begin with."""
    return f"ag/{graph_id}/"


def blob_name(digest: str) -> str:
    """A fresh name for content of this SHA-256."""
    return f"{digest}-{new_id()}"


def marker_key(graph_id: str) -> str:
    """The key of the object that says whose prefix it is in."""
    return f"{graph_prefix(graph_id)}graph.json"


def marker(graph_id: str) -> bytes:
    """What that object holds."""
    return json.dumps({"graph_id": graph_id, "written_by": "artigraph-neo4j"}).encode()


class BlobName(NamedTuple):
    """A name of our own form, taken apart.

    Attributes:
        name: The whole name, the last part of a location.
        digest: The SHA-256 of the content.
        begun: When its upload began, by the clock of the writer.
    """

    name: str
    digest: str
    begun: datetime

    @classmethod
    def of(cls, location: str, graph_id: str) -> Self | None:
        """The name at the end of a location, or None when it is none of this graph's."""
        name = location.rpartition("/")[2]
        found = _NAME.fullmatch(name)
        if found is None or not f"/{location}".endswith(f"/{graph_prefix(graph_id)}{name}"):
            return None
        return cls(name, found[1], datetime.fromtimestamp(made_at(found[2]), UTC))
