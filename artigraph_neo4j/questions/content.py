"""The content of stored artifacts for comparison: fields and digests, without ids and times."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from artigraph_neo4j.model.stored import Stored, StoredNode

__all__ = ["Content", "content_from_rows", "text_of"]


@dataclass(frozen=True, slots=True)
class Content:
    """The content of an artifact.

    Attributes:
        model: The stored name of its model.
        version: The stored version of the model.
        fields: Values by path; the path of a nested field begins with that of its model. Native
            values are as in the graph, bytes in a storage are ``sha256:…``.
    """

    model: str
    version: int
    fields: dict[str, Any]

    @property
    def digest(self) -> str:
        """The SHA-256 of model and fields; equal content has equal digests."""
        told = sorted([(path, text_of(v)) for path, v in self.fields.items()])
        # Texts in quotes, with escapes for quotes in them: nothing else has the same text.
        return hashlib.sha256(repr((self.model, told)).encode("utf-8", "replace")).hexdigest()


def content_from_rows(nodes: list[list[Any]]) -> Content:
    """Return the content of an artifact from its rows of ``ROOTS_TO_ROWS``.

    Raises:
        TornReadError: The artifact was being migrated while it was read.
    """
    stored = Stored(nodes, None, None)
    fields = dict[str, Any]()
    work: list[tuple[StoredNode, str]] = [(stored.root, "")]
    while work:
        node, prefix = work.pop()
        work += [(child, f"{prefix}{path}/") for path, child in node.children.items()]
        if prefix:
            fields[f"{prefix}model"] = node.model
        for name, value in node.field_properties().items():
            fields[f"{prefix}{name}"] = value
        for name, blob in node.blobs.items():
            fields[f"{prefix}{name}"] = f"sha256:{blob.digest}"
    return Content(stored.root.model, stored.root.version, fields)


def text_of(value: Any) -> str:
    """Return a value as text that tells types apart: 1, 1.0, True and "1" differ."""
    return f"{type(value).__name__}:{value!r}"
