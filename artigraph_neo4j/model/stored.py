"""Nodes as they were read: their properties, links and codec."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn, cast

from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.graph.names import property_name
from artigraph_neo4j.model.base import ModelBase
from artigraph_neo4j.model.native import from_native
from artigraph_neo4j.model.references import BlobRef
from artigraph_neo4j.model.seal import SEAL, TornReadError, seal

__all__ = [
    "NO_VALUE",
    "Entry",
    "Stored",
    "entries_in",
    "is_entry",
    "native_values",
    "value_of",
]

NO_VALUE: Any = object()
"""Stands for a value that is stored, but not as a native property: bytes, or a nested model."""


class Stored:
    """One artifact as it came from the graph: its node and those nested in it, root first.

    Args:
        rows: ``[properties, [[parent id, path]], [[field, storage, location, digest, size]]]`` of
            each node; the root's own parent does not matter, and rows may have more items.
        span_id: The span that has the artifact, or None.
        label: Its label there, or None.

    Raises:
        TornReadError: The artifact was being migrated while it was read.
        SerializationError: A node does not have what every node of an artifact has.
    """

    def __init__(self, rows: list[list[Any]], span_id: str | None, label: str | None) -> None:
        self.span_id = span_id
        self.label = label
        try:
            self.nodes = [StoredNode(*row[:3]) for row in rows]
            if len(rows) > 1:
                by_id = {node.node_id: node for node in self.nodes}
                for node in self.nodes[1:]:
                    by_id[node.parent_id].children[node.path] = node
        except KeyError as error:
            known = self.nodes[0].node_id if getattr(self, "nodes", None) else "?"
            raise TornReadError(
                f"artifact {known} changed while it was read, or a HAS_FIELD relationship of it "
                f"does not lead from a model to one nested in it: {error}"
            ) from error
        for node in self.nodes:
            if SEAL in node.properties and node.properties[SEAL] != node.seal():
                raise TornReadError(
                    f"artifact {node.node_id} is not as it was written: its seal does not fit"
                )

    @property
    def root(self) -> StoredNode:
        """The artifact's own node."""
        return self.nodes[0]

    def bottom_up(self) -> list[StoredNode]:
        """Return all nodes, nested ones before those that they are nested in."""
        if len(self.nodes) == 1:
            return self.nodes
        order = [self.root]
        for node in order:  # grows while it is walked
            order.extend(node.children.values())
        return order[::-1]


class StoredNode:
    """One node as it came from the graph."""

    __slots__ = (
        "blobs",
        "children",
        "codec",
        "node_id",
        "parent_id",
        "path",
        "properties",
        "value",
    )

    def __init__(
        self, properties: dict[str, Any], parents: list[list[str]], blobs: list[list[Any]]
    ) -> None:
        self.properties = properties
        self.node_id: str = properties["node_id"]
        self.codec = self._codec()
        self.parent_id, self.path = parents[0] if parents else ("", "")
        self.blobs = {row[0]: BlobRef(*row[1:5]) for row in blobs}
        self.children: dict[str, StoredNode] = {}
        self.value: ModelBase | None = None

    def _codec(self) -> Codec:
        known = self.properties
        try:
            return _read_codec(known["codec"]) if _is_versioned(known) else _refuse(known)
        except Exception as error:
            raise SerializationError(
                f"artifact {self.node_id} of model {known.get('model')!r}: its codec cannot be "
                f"read: {type(error).__name__}: {error}; it was not written by this library, or "
                "changed since"
            ) from error

    @property
    def model(self) -> str:
        """The stored model name."""
        name: str = self.properties["model"]
        return name

    def where(self, field: str) -> str:
        """Return the name of a field of this node, for messages."""
        return f"artifact {self.node_id}, field {self.model}.{field}"

    def stored(self, entry: Entry) -> Any:
        """Return the property that holds a field.

        Raises:
            SerializationError: The node does not have it.
        """
        if entry.property not in self.properties:
            raise SerializationError(
                f"{self.where(entry.name)}: the property {entry.property!r} that holds it is gone"
            )
        return self.properties[entry.property]

    def blob(self, field: str) -> BlobRef:
        """Return the place of the bytes of a field.

        Raises:
            SerializationError: The Blob node with the place is gone.
        """
        if field not in self.blobs:
            raise SerializationError(
                f"{self.where(field)}: the Blob node with the place of its value is gone"
            )
        return self.blobs[field]

    def child(self, field: str, path: str) -> ModelBase:
        """Return the nested model at a path, once it is built.

        Raises:
            SerializationError: The node is gone.
        """
        found = self.children.get(path)
        if found is None or found.value is None:
            raise SerializationError(
                f"{self.where(field)}: the node of the model nested at {path!r} is gone"
            )
        return found.value

    @property
    def version(self) -> int:
        """The stored version of the model."""
        version: int = self.properties["model_version"]
        return version

    def field_properties(self) -> dict[str, Any]:
        """Return the properties that hold fields."""
        names = (entry.property for entry in self.codec.fields)
        return {name: self.properties[name] for name in names if name in self.properties}

    def entry_properties(self) -> list[str]:
        """Return the names of properties that hold entries of dicts; see ``graph.entries``."""
        return [name for name in self.properties if "." in name]

    def seal(self) -> str:
        """Return the seal that fits the content that was read."""
        return seal(
            (self.model, self.version, self.properties["codec"]),
            self.field_properties(),
            {field: blob.digest for field, blob in self.blobs.items()},
            {path: child.node_id for path, child in self.children.items()},
        )


class Entry(NamedTuple):
    """The codec's entry for one field."""

    name: str
    property: str
    how: Any


@dataclass(frozen=True, slots=True)
class Codec:
    """The parsed codec text of a node; many nodes share one.

    Attributes:
        origin: ``module:qualname`` of the class that was stored.
        fields: Its fields.
        apart: Fields that are neither native nor nested models: bytes, here or in a storage.
    """

    origin: str
    fields: tuple[Entry, ...]
    apart: tuple[Entry, ...]


def _is_versioned(known: dict[str, Any]) -> bool:
    return isinstance(known["model"], str) and type(known["model_version"]) is int


def _refuse(known: dict[str, Any]) -> NoReturn:
    raise TypeError(f"{known['model_version']!r} is not a version of a model")


def is_entry(how: Any) -> bool:
    """Tell if a value is a codec entry: a kind, or a list that begins with one."""
    if isinstance(how, str):
        return how not in _APART
    if not (isinstance(how, list) and how and isinstance(how[0], str)):
        return False
    parts = cast("list[object]", how)
    return how[0] not in _APART or (len(parts) > 1 and all(isinstance(p, str) for p in parts))


def _hashable(how: Any) -> Any:
    return tuple(cast("list[object]", how)) if isinstance(how, list) else how


def _is_apart(how: Any) -> bool:
    return isinstance(how, tuple) and cast("tuple[object, ...]", how)[0] in _APART


@lru_cache(maxsize=4096)
def _read_codec(text: str) -> Codec:
    codec: dict[str, Any] = json.loads(text)
    if not isinstance(codec["class"], str) or not all(map(is_entry, codec["fields"].values())):
        raise ValueError(f"{text[:200]!r} is not a codec")
    fields = tuple(
        Entry(name, property_name(name), _hashable(how)) for name, how in codec["fields"].items()
    )
    apart = tuple(entry for entry in fields if _is_apart(entry.how))
    return Codec(codec["class"], fields, apart)


_APART = ("inline", "blob")


def value_of(codec: str, field: str, raw: Any) -> Any:
    """Return the value of one field from the codec of its node and the property that holds it.

    Returns:
        The value; None for a field that is None, unset or not stored; ``NO_VALUE`` for one that is
        not native.

    Raises:
        SerializationError: The codec or the value cannot be read.
    """
    try:
        how = entries_in(codec).get(field, "unset")
        if how in ("none", "unset"):
            return None
        return NO_VALUE if how == "model" or _is_apart(how) else from_native(raw, how)
    except Exception as error:
        raise SerializationError(
            f"field {field!r}: the stored {raw!r} cannot be read: {type(error).__name__}: {error}"
        ) from error


def native_values(codec: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the fields of a node whose native properties are given."""
    known = {name: property_name(name) for name in entries_in(codec)}
    found = {
        name: value_of(codec, name, properties[key])
        for name, key in known.items()
        if key in properties
    }
    return {name: value for name, value in found.items() if value is not NO_VALUE}


@lru_cache(maxsize=4096)
def entries_in(codec: str) -> dict[str, Any]:
    """Return the entries of a codec by field.

    Raises:
        Exception: The text is not a codec.
    """
    return {entry.name: entry.how for entry in _read_codec(codec).fields}
