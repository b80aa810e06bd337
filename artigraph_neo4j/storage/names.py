"""Names of stored values: the prefix of their graph, a digest of their content and a new id.

A key is ``ag/<graph id>/<SHA-256>-<UUIDv7>``. Garbage collection looks at names of this form only,
and reads from each the graph it belongs to, its content and the time when its upload began.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import NamedTuple, Self

from artigraph_neo4j.common.ids import made_at, new_id

__all__ = [
    "BlobName",
    "blob_name",
    "digest_in",
    "graph_prefix",
    "marker",
    "marker_key",
    "unfinished_name",
]

_NAME = re.compile(
    r"([0-9a-f]{64})-([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})"
    r"(\.unfinished-[0-9a-f]+)?"
)

_LONGEST = 200
"""Maximum characters of a name in that of its unfinished file; file systems allow 255 bytes."""


def graph_prefix(graph_id: str) -> str:
    """The beginning of all keys of a graph."""
    return f"ag/{graph_id}/"


def blob_name(digest: str) -> str:
    """Make a new name for content with this SHA-256, in hex."""
    return f"{digest}-{new_id()}"


def unfinished_name(name: str, mark: str) -> str:
    """The name of a file that will be renamed to ``name`` once it is complete.

    Args:
        name: The final name.
        mark: Hex digits that are unique among the writers of this name.
    """
    return f"{name[:_LONGEST]}.unfinished-{mark}"


def digest_in(key: str) -> str | None:
    """The SHA-256, in hex, in a key of the library's own form; otherwise None."""
    found = _NAME.fullmatch(key.rpartition("/")[2])
    return None if found is None or found[3] else found[1]


def marker_key(graph_id: str) -> str:
    """The key of the marker, the object that names the graph of a prefix."""
    return f"{graph_prefix(graph_id)}graph.json"


def marker(graph_id: str) -> bytes:
    """The content of the marker."""
    return json.dumps({"graph_id": graph_id, "written_by": "artigraph-neo4j"}).encode()


class BlobName(NamedTuple):
    """The parts of a name of the library's own form.

    Attributes:
        name: The whole name, the last part of a location.
        digest: The SHA-256 of the content.
        begun: The time when its upload began, by the clock of the writer.
    """

    name: str
    digest: str
    begun: datetime

    @classmethod
    def of(cls, location: str, graph_id: str) -> Self | None:
        """Parse the name at the end of a location; None if it does not belong to this graph.

        The name of an unfinished file is parsed, too: nothing ever refers to it.
        """
        name = location.rpartition("/")[2]
        found = _NAME.fullmatch(name)
        if found is None or not f"/{location}".endswith(f"/{graph_prefix(graph_id)}{name}"):
            return None
        return cls(name, found[1], datetime.fromtimestamp(made_at(found[2]), UTC))
