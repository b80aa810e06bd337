"""Artifacts as the graph holds them, without their classes: every field and its place.

Neither the model's class nor the serializer that wrote a value is needed: only properties, the
codec and Blob nodes are read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from artigraph_neo4j.common.times import instant
from artigraph_neo4j.engine import given
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.engine.given import AnyArtifact
from artigraph_neo4j.engine.missing import absent
from artigraph_neo4j.errors import (
    ArtifactTypeError,
    ArtigraphError,
    NotFoundError,
    SerializationError,
)
from artigraph_neo4j.graph.cypher import read
from artigraph_neo4j.model.native import from_native, kind_of, native_size
from artigraph_neo4j.model.references import BlobRef
from artigraph_neo4j.model.stored import Entry, Stored, StoredNode
from artigraph_neo4j.recording import objects
from artigraph_neo4j.values.stored_value import StoredValue

__all__ = ["StoredArtifact", "StoredField", "inspect_artifact"]


@dataclass(frozen=True, slots=True)
class StoredField:
    """One field as it is stored.

    Attributes:
        path: The field's name; for a field of a nested model, the model's path and ``/`` before it.
        kind: The type of a native value, ``"none"``, ``"unset"`` (never assigned), ``"model"``,
            ``"inline"`` or ``"blob"``; ``"unreadable"`` for a field whose stored form is damaged.
        serializer: The serializer that wrote the bytes, for ``"inline"`` and ``"blob"``; else None.
        lazy: Whether the value comes back as a ``Lazy``.
        value: The native value; the text of a value that was serialized as text; the name of a
            nested model; the problem of an unreadable field; else None.
        size: The size in bytes; an estimate for native values.
        blob: The place of bytes in a storage, else None.
        node_id: The id of the node that has the field.
        model: The model of that node.
    """

    path: str
    kind: str
    serializer: str | None
    lazy: bool
    value: Any
    size: int
    blob: BlobRef | None
    node_id: str
    model: str


@dataclass(frozen=True, slots=True)
class StoredArtifact:
    """An artifact as the graph holds it.

    Attributes:
        node_id: Its id.
        model: The stored name of its model.
        version: The stored version of the model.
        origin: The module and class that wrote it.
        label: Its label, or None.
        span_id: The span that has it, or None.
        recorded_at: The time of recording (aware, UTC).
        fields: All fields, with those of nested models, in the order of each model.
        nested: Number of models nested in it.
        codec: The codec of its own node, which says how each field is read back.
    """

    node_id: str
    model: str
    version: int
    origin: str
    label: str | None
    span_id: str | None
    recorded_at: datetime
    fields: list[StoredField]
    nested: int
    codec: dict[str, Any]
    engine: Engine
    graph_id: str
    raw: dict[str, bytes]

    def field(self, path: str) -> StoredField:
        """Return the field of a path.

        Raises:
            NotFoundError: There is no such field; the message names those that exist.
        """
        for field in self.fields:
            if field.path == path:
                return field
        names = ", ".join(field.path for field in self.fields[:30])
        raise NotFoundError(
            f"artifact {self.node_id} has no field {path!r}; it has {names or 'none'}"
        )

    def handle(self, path: str) -> StoredValue:
        """Return a handle that can save a field's bytes; stored bytes are not changed.

        A native str is saved as its text, native bytes as they are, other native values as JSON.

        Raises:
            NotFoundError: The field does not exist, or it holds None or a model.
            SerializationError: The field's stored form is damaged.
        """
        field = self.field(path)
        if field.kind == "unreadable":
            raise SerializationError(
                f"artifact {self.node_id}: field {path!r} cannot be read: {field.value}"
            )
        if field.kind in ("none", "unset", "model"):
            inner = ", ".join(f.path for f in self.fields if f.path.startswith(f"{path}/"))
            raise NotFoundError(
                f"artifact {self.node_id}: field {path!r} "
                + {"none": "is None", "unset": "was never assigned"}.get(
                    field.kind, f"is a model; its fields are {inner}"
                )
                + ", which has no bytes"
            )
        where = f"artifact {field.node_id}, field {field.model}.{path}"
        data = None if field.blob else self.raw.get(path, b"")
        serializer = field.serializer or "bytes"
        return StoredValue(where, serializer, field.blob, data, self.graph_id, self.engine)


async def inspect_artifact(artifact: AnyArtifact, /) -> StoredArtifact:
    """Read the stored form of an artifact, or of a model nested in one. One round trip.

    Args:
        artifact: The artifact, or its id.

    Raises:
        NotFoundError: The artifact does not exist.
        ArtifactTypeError: The id is that of a span.
        ConnectionFailed: The database stayed out of reach.
    """
    engine, node_id = get_engine(), given.artifact_id(artifact)
    rows = await engine.ask(read.ARTIFACT_BY_ID, {"node_id": node_id})
    if not rows:
        raise await absent(engine, "artifact", node_id)
    ((span_id, label, nodes),), labels = rows[0]
    if "Artifact" not in labels:
        raise ArtifactTypeError(
            f"{node_id!r} is the id of a span, not of an artifact; see it with: artigraph show"
        )
    (stored,) = await objects.whole([(nodes, span_id, label)])
    root, raw = stored.root, dict[str, bytes]()
    fields = list(_fields(stored, raw))
    return StoredArtifact(
        root.node_id,
        root.model,
        root.version,
        root.codec.origin,
        label if label is not None else root.properties.get("artifact_label"),
        span_id,
        instant(root.properties["recorded_at"]),
        fields,
        len(stored.nodes) - 1,
        json.loads(root.properties["codec"]),
        engine,
        (await engine.graph()).graph_id,
        raw,
    )


def _fields(stored: Stored, raw: dict[str, bytes]) -> Iterator[StoredField]:
    """Yield fields depth first, in the order of each model; by a list of work, not by recursion."""
    work: list[tuple[StoredNode, str]] = [(stored.root, "")]
    order: list[tuple[StoredNode, str]] = []
    while work:
        node, prefix = work.pop()
        order.append((node, prefix))
        inside = [(child, f"{prefix}{path}/") for path, child in sorted(node.children.items())]
        work += inside[::-1]
    for node, prefix in order:
        for entry in node.codec.fields:
            yield _field(node, entry, f"{prefix}{entry.name}", raw)


def _field(node: StoredNode, entry: Entry, path: str, raw: dict[str, bytes]) -> StoredField:
    try:
        return _read_field(node, entry, path, raw)
    except Exception as error:  # whatever is stored: one bad field must not hide the others
        kind = "" if isinstance(error, ArtigraphError) else f"{type(error).__name__}: "
        problem = f"{kind}{error}"
        return StoredField(
            path, "unreadable", None, False, problem, 0, None, node.node_id, node.model
        )


def _read_field(node: StoredNode, entry: Entry, path: str, raw: dict[str, bytes]) -> StoredField:
    name, _, how = entry
    parts = cast("tuple[str, ...]", how if isinstance(how, tuple) else (how,))
    kind = kind_of(parts)
    serializer, lazy, value, size, blob = None, False, None, 0, None
    if kind == "model":
        child = node.children.get(name)
        value = None if child is None else child.model
    elif kind in ("inline", "blob"):
        serializer, lazy = parts[1], "lazy" in parts[2:]
        blob = node.blob(name) if kind == "blob" else None
        if blob is None:
            data = node.stored(entry)
            value = data if isinstance(data, str) else None
            raw[path] = data.encode() if isinstance(data, str) else bytes(data)
        size = blob.size if blob is not None else len(raw[path])
    elif kind not in ("none", "unset"):
        stored = node.stored(entry)
        value = from_native(stored, (kind, *parts[1:]))
        raw[path] = _as_bytes(value)
        size = len(stored.encode()) if isinstance(stored, str) else native_size(stored)
    return StoredField(path, kind, serializer, lazy, value, size, blob, node.node_id, node.model)


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, date):  # a datetime is one
        return json.dumps(value.isoformat()).encode()
    return json.dumps(value, default=str, ensure_ascii=False).encode()
