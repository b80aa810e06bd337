"""Nodes to artifacts: fields read back by the codec, nested models first, old versions migrated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from artigraph_neo4j.common.times import instant
from artigraph_neo4j.errors import ArtigraphError, SerializationError
from artigraph_neo4j.model.base import ArtifactInfo, ModelBase, note_artifact
from artigraph_neo4j.model.encode import MODEL_REFERENCE, TREE
from artigraph_neo4j.model.fields import FieldPlan, plan_of
from artigraph_neo4j.model.identity import Resolver
from artigraph_neo4j.model.lazy import Lazy
from artigraph_neo4j.model.native import from_native
from artigraph_neo4j.model.references import BlobRef, reading, serializer_of, storage_of
from artigraph_neo4j.model.state import UNSET
from artigraph_neo4j.model.steps import build
from artigraph_neo4j.model.stored import Entry, Stored, StoredNode
from artigraph_neo4j.model.unreadable import ArtifactRecord
from artigraph_neo4j.serializer.base import Serializer
from artigraph_neo4j.serializer.msgpack import unpack
from artigraph_neo4j.storage.base import Storage

__all__ = [
    "BlobRef",
    "Loading",
    "info_of",
    "join",
    "loadings",
]

_MISSING = object()


@dataclass(slots=True)
class Loading:
    """A field whose bytes have to become a value, after they came from a storage if need be.

    Attributes:
        node: The node.
        field: The field's name.
        cls: The class the node is read as.
        serializer: The stored serializer name.
        blob: Where the bytes are, or None when ``data`` has them.
        data: The bytes.
        value: The value, once known.
        lazy: Whether the value will be a ``Lazy``, which leaves the bytes where they are.
        error: The reason why the value is missing, where loading it failed and others go on.
    """

    node: StoredNode
    field: str
    cls: type[ModelBase]
    serializer: str
    blob: BlobRef | None
    data: bytes | None
    value: Any = _MISSING
    lazy: bool = False
    error: ArtigraphError | None = None

    @property
    def where(self) -> str:
        """The names of artifact and field, for messages."""
        return self.node.where(self.field)

    def plan(self) -> FieldPlan | None:
        """Return the plan of the field; None if the class does not have the field any more."""
        return None if self.cls is ArtifactRecord else plan_of(self.cls).fields.get(self.field)

    def storage(self, default: Storage | None) -> Storage:
        """Return the storage of the bytes: the field's own, the engine's, or one known by name.

        Raises:
            StorageError: No storage of that name is known.
        """
        assert self.blob is not None  # noqa: S101 - the caller looked
        plan = self.plan()
        return storage_of(self.where, self.blob.storage, plan.storage if plan else None, default)

    def find_serializer(self) -> Serializer[Any]:
        """Return the serializer that wrote the value: the field's own, or one known by name.

        Raises:
            SerializationError: No serializer of that name is known.
        """
        plan = self.plan()
        return serializer_of(self.where, self.serializer, plan.serializer if plan else None)

    @property
    def heavy(self) -> bool:
        """True where the work is large enough for a thread of its own."""
        return self.serializer != TREE and self.find_serializer().heavy

    def work(self) -> None:
        """Turn the bytes into the value, except for containers of models, which come later.

        Raises:
            SerializationError: The bytes cannot be read; the message names artifact and field.
        """
        if self.serializer == TREE or self.data is None:
            return
        data, serializer = self.data, self.find_serializer()
        with reading(self.where, self.serializer, len(data)):
            self.value = serializer.deserialize(data)
        self.data = None

    def finish(self) -> Any:
        """Return the value, once all nested models are built.

        Raises:
            ArtigraphError: The value could not be loaded, or a model in it is gone.
        """
        if self.error is not None:
            raise self.error
        if self.value is not _MISSING or self.data is None:
            return self.value

        def hook(code: int, data: bytes) -> Any:
            if code != MODEL_REFERENCE:
                raise SerializationError(f"{self.where}: unknown msgpack extension {code}")
            return self.node.child(self.field, data.decode("utf-8", "surrogatepass"))

        with reading(self.where, self.serializer, len(self.data)):
            return unpack(self.data, ext_hook=hook)


def loadings(stored: Stored, resolver: Resolver) -> Iterator[Loading]:
    """Yield the fields of an artifact, and of its nested models, that are not native."""
    for node in stored.nodes:
        for entry in node.codec.apart:
            name, _, (kind, serializer, *more) = entry
            blob = node.blob(name) if kind == "blob" else None
            raw = None if blob else node.stored(entry)
            data: bytes | None = raw.encode() if isinstance(raw, str) else raw
            if raw is not None and not isinstance(raw, (str, bytes, bytearray)):
                raise SerializationError(
                    f"{node.where(name)}: the property that holds it is a {type(raw).__name__}, "
                    "not text or bytes"
                )
            item = Loading(node, name, _class(node, stored, resolver), serializer, blob, data)
            plan = item.plan()
            lazy_here = plan is not None and plan.lazy and item.serializer != TREE
            item.lazy = "lazy" in more or lazy_here
            yield item


def join(
    stored: Stored,
    loaded: list[Loading],
    resolver: Resolver,
    built: Callable[[StoredNode], object] | None = None,
) -> ModelBase:
    """Build the artifact from its nodes and the values of its other fields.

    Args:
        stored: Its nodes.
        loaded: The values of the fields that are not native.
        resolver: Finds classes.
        built: Called with every node once its value is made; nested nodes come first.

    Raises:
        UnknownModelError, ArtifactTypeError, MigrationError, SerializationError: See there.
    """
    values = {(item.node.node_id, item.field): item for item in loaded}
    for node in stored.bottom_up():
        data: dict[str, Any] = {}
        for entry in node.codec.fields:
            item = values.get((node.node_id, entry.name)) if values else None
            data[entry.name] = _native(node, entry) if item is None else item.finish()
        cls = _class(node, stored, resolver)
        if cls is ArtifactRecord:
            known = {name: value for name, value in data.items() if value is not UNSET}
            node.value = ArtifactRecord(node.model, node.version, known)
        else:
            plan = plan_of(cls)
            if plan.lazy:
                _make_lazy(data, plan.fields)
            node.value = build(cls, node.version, data, node.node_id)
        _note(node, stored)
        if built is not None:
            built(node)
    assert stored.root.value is not None  # noqa: S101 - bottom_up ends with the root
    return stored.root.value


def _make_lazy(data: dict[str, Any], plans: dict[str, FieldPlan]) -> None:
    """Wrap in a ``Lazy`` the values that were stored natively before their field became lazy."""
    for name, value in data.items():
        plan = plans.get(name)
        if plan and plan.lazy and not (value is None or value is UNSET or isinstance(value, Lazy)):
            data[name] = Lazy(value)


def _class(node: StoredNode, stored: Stored, resolver: Resolver) -> type[ModelBase]:
    return resolver.find(node.model, node.codec.origin, node.node_id, root=node is stored.root)


def _native(node: StoredNode, entry: Entry) -> Any:
    name, _, how = entry
    if how == "none":
        return None
    if how == "unset":
        return UNSET
    if how == "model":
        return node.child(name, name)
    raw = node.stored(entry)
    try:
        return from_native(raw, how)
    except Exception as error:
        raise SerializationError(
            f"{node.where(name)}: the stored {how!r} cannot be read: "
            f"{type(error).__name__}: {error}"
        ) from error


def _note(node: StoredNode, stored: Stored) -> None:
    assert node.value is not None  # noqa: S101 - built just before
    root = node is stored.root
    label = stored.label if root else node.properties.get("artifact_label")
    note_artifact(node.value, info_of(node, label, stored.span_id if root else None))


def info_of(node: StoredNode, label: str | None, span_id: str | None) -> ArtifactInfo:
    """Return the facts about an artifact that its node holds.

    Raises:
        SerializationError: Its time of recording cannot be read.
    """
    at = node.properties.get("recorded_at")
    try:
        recorded = instant(at) if isinstance(at, str) else None
    except ValueError:
        recorded = None
    if recorded is None:
        raise SerializationError(f"artifact {node.node_id}: {at!r} is not a time of recording")
    return ArtifactInfo(node.node_id, label, span_id, recorded, node.model, node.version)
