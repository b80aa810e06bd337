"""Artifacts to nodes: split into fields, nested models into nodes of their own."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from msgpack import ExtType

from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import ModelError, SerializationError
from artigraph_neo4j.graph.entries import entries_of
from artigraph_neo4j.model.base import ModelBase
from artigraph_neo4j.model.fields import FieldPlan, plan_of
from artigraph_neo4j.model.indexing import check_indexed, search_texts
from artigraph_neo4j.model.lazy import Lazy
from artigraph_neo4j.model.native import MAX_INLINE_BYTES, NOT_NATIVE, native_size, to_native
from artigraph_neo4j.model.pending import Node, Pending, refer, type_name
from artigraph_neo4j.model.state import UNSET, check_extras, field_value
from artigraph_neo4j.serializer.base import Serializer
from artigraph_neo4j.serializer.core import bytes_serializer, string_serializer
from artigraph_neo4j.serializer.msgpack import pack
from artigraph_neo4j.serializer.plain import serializer_for

__all__ = ["MODEL_REFERENCE", "TREE", "Encoded", "Encoder", "Node", "Pending", "encode"]

MODEL_REFERENCE = 127
"""The msgpack extension type of a nested model; its data is the path of the node."""

TREE = "tree"
"""The codec's name for a container with models in it: msgpack with references to their nodes."""


@dataclass(slots=True)
class Encoded:
    """The nodes, links and fields that a call will write.

    Attributes:
        roots: The nodes of the artifacts themselves, in the order given.
        nodes: All nodes: the roots, then those of nested models.
        links: ``(parent id, child id, path)`` of every nested model; the path is the field's name,
            and inside containers goes on as an RFC 6901 pointer: ``layers/0``, ``by_name/a~1b``.
        pending: The fields that are not native.
        size: Approximate number of bytes of the native fields.
    """

    roots: list[Node] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    links: list[tuple[str, str, str]] = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)
    size: int = 0


def encode(artifacts: Iterable[ModelBase], *, inline_bytes: int | None) -> Encoded:
    """Split artifacts into nodes. Nothing is serialized or sent yet.

    Args:
        artifacts: The artifacts.
        inline_bytes: Maximum size of a native value; a serializer takes larger ones. With None
            every value that Neo4j can hold stays native.

    Raises:
        ModelError: A class cannot be stored.
        SerializationError: A value has no serializer, or a model contains itself.
    """
    return Encoder(inline_bytes).run(artifacts)


@dataclass(slots=True)
class _Work:
    """One object to encode; ``outer`` is the object it is nested in."""

    artifact: ModelBase
    node: Node
    outer: _Work | None


class Encoder:
    """Encodes objects by a list of work, not by recursion: models may nest to any depth.

    Args:
        inline_bytes: As for ``encode``.
    """

    def __init__(self, inline_bytes: int | None) -> None:
        self._inline_bytes = MAX_INLINE_BYTES if inline_bytes is None else inline_bytes
        self._out = Encoded()
        self._todo: list[_Work] = []
        self._now = datetime.now(UTC)

    def new_node(self, artifact: ModelBase) -> Node:
        """Return the node of an object, still empty.

        Raises:
            SerializationError: The object has state besides its fields.
        """
        plan = plan_of(type(artifact))
        check_extras(artifact, plan)
        return Node(new_id(), plan, self._now)

    def value_of(self, artifact: ModelBase, field: FieldPlan) -> Any:
        """Return the value of a field of an object, or ``UNSET``."""
        return field_value(artifact, field)

    def run(self, artifacts: Iterable[ModelBase]) -> Encoded:
        """Split artifacts into nodes; see ``encode``. An encoder can run only once."""
        for artifact in artifacts:
            self._out.roots.append(self._add(artifact, None))
        while self._todo:
            work = self._todo.pop()
            for plan in work.node.plan.fields.values():
                self._field(work, plan, self.value_of(work.artifact, plan))
        return self._out

    def _add(self, artifact: ModelBase, outer: _Work | None) -> Node:
        node = self.new_node(artifact)
        above = outer
        while above is not None:
            if above.artifact is artifact:
                raise SerializationError(
                    f"{node.plan.info.name}: the artifact contains itself; a model must be a tree"
                )
            above = above.outer
        self._out.nodes.append(node)
        self._todo.append(_Work(artifact, node, outer))
        return node

    def _nest(self, work: _Work, artifact: ModelBase, path: str) -> None:
        child = self._add(artifact, work)
        self._out.links.append((work.node.node_id, child.node_id, path))

    def _field(self, work: _Work, plan: FieldPlan, value: Any) -> None:
        node = work.node
        if value is UNSET:
            node.entries[plan.name] = "unset"
            return
        _check_fits(node, plan, value)
        if plan.searchable:
            node.words.extend(search_texts(f"{node.plan.info.name}.{plan.name}", value))
        if value is None:
            node.entries[plan.name] = "none"
        elif plan.lazy or isinstance(value, Lazy):
            lazy = cast("Lazy[object]", value) if isinstance(value, Lazy) else Lazy(value)
            self._lazy(work, plan, lazy)
        elif plan.serializer is not None:
            self._wait(node, plan, plan.serializer, value)
        elif isinstance(value, ModelBase):
            if plan.storage is not None:
                raise ModelError(
                    f"{node.plan.info.name}.{plan.name}: a nested model becomes a node of the "
                    "graph; storage= belongs on the fields of that model"
                )
            self._nest(work, value, plan.name)
            node.entries[plan.name] = "model"
        elif plan.storage is not None or not self._native(node, plan, value):
            self._serialize(work, plan, value)

    def _lazy(self, work: _Work, plan: FieldPlan, lazy: Lazy[Any]) -> None:
        if lazy.reference is not None:
            self._out.pending.append(refer(work.node, plan, lazy.reference))
            return
        value = lazy.held
        if isinstance(value, (ModelBase, Lazy)) or (
            type(value) in _CONTAINERS and _holds(value, ModelBase)
        ):
            raise SerializationError(
                f"{work.node.plan.info.name}.{plan.name}: a Lazy cannot hold a model, which is a "
                "node of the graph; make the large fields of that model Lazy"
            )
        self._serialize(work, plan, value, lazy=True)

    def _native(self, node: Node, plan: FieldPlan, value: Any) -> bool:
        stored, entry = to_native(value)
        if plan.index is not None:
            check_indexed(f"{node.plan.info.name}.{plan.name}", value, stored)
        else:
            size = 0 if stored is NOT_NATIVE else native_size(stored)
            if stored is NOT_NATIVE or size > self._inline_bytes:
                return False
            self._out.size += size
        node.properties[plan.property] = stored
        node.entries[plan.name] = entry
        return True

    def _serialize(self, work: _Work, plan: FieldPlan, value: Any, *, lazy: bool = False) -> None:
        where = f"{work.node.plan.info.name}.{plan.name}"
        if not lazy:
            _note_entries(work.node, plan.name, value)
        try:
            _refuse_lazy(value)
            if type(value) in _CONTAINERS and _holds(value, ModelBase):
                tree = self._replace(work, value, plan.name)
                pending = Pending(
                    work.node,
                    plan,
                    TREE,
                    lambda: pack(tree, default=_reference),
                    text=False,
                    heavy=False,
                    storage=plan.storage,
                    kind=type_name(value),
                )
                self._out.pending.append(pending)
                return
            serializer = plan.serializer if lazy else None
            serializer = serializer or _of_plain(value) or serializer_for(value)
        except RecursionError as error:
            raise SerializationError(
                f"{where} ({type_name(value)}): the value contains itself or is nested too deeply; "
                "give the field a value that is a tree"
            ) from error
        except SerializationError as error:
            raise SerializationError(f"{where} ({type_name(value)}): {error}") from error
        self._wait(work.node, plan, serializer, value, lazy=lazy)

    def _wait(
        self,
        node: Node,
        plan: FieldPlan,
        serializer: Serializer[Any],
        value: Any,
        *,
        lazy: bool = False,
    ) -> None:
        streams = type(serializer).write is not Serializer.write  # pyright: ignore[reportUnknownMemberType]
        self._out.pending.append(
            Pending(
                node,
                plan,
                serializer.name,
                lambda: serializer.serialize(value),
                serializer.text,
                serializer.heavy,
                plan.storage,
                kind=type_name(value),
                write=(lambda file: serializer.write(value, file)) if streams else None,
                lazy=lazy,
            )
        )

    def _replace(self, work: _Work, value: Any, path: str) -> Any:
        """Return the container with every model replaced by a reference to its node."""
        if isinstance(value, ModelBase):
            self._nest(work, value, path)
            return _Reference(path)
        if type(value) is dict:
            return {
                key: self._replace(work, item, f"{path}/{_token(key, i)}")
                for i, (key, item) in enumerate(cast("dict[object, object]", value).items())
            }
        if type(value) in _CONTAINERS:
            items = (self._replace(work, item, f"{path}/{i}") for i, item in enumerate(value))
            return type(value)(items)
        return value


def _check_fits(node: Node, plan: FieldPlan, value: Any) -> None:
    # A default that does not fit was chosen by the class's author: x: int = None.
    if plan.fits is None or plan.fits(value) or value is plan.default:
        return
    info = node.plan.info
    raise SerializationError(
        f"{info.name}.{plan.name} takes {plan.takes}, not the {type_name(value)} "
        f"{_brief.repr(value)}; convert it, or define the model with strict=False"
    )


_brief = reprlib.Repr()


@dataclass(frozen=True, slots=True)
class _Reference:
    path: str


_CONTAINERS = (list, tuple, dict, set, frozenset)
_Container = list[Any] | tuple[Any, ...] | dict[Any, Any] | set[Any] | frozenset[Any]


def _of_plain(value: Any) -> Serializer[Any] | None:
    """Return a serializer for a native value that is too large for a property, or lazy."""
    if type(value) is str and to_native(value)[0] is not NOT_NATIVE:
        return string_serializer
    return bytes_serializer if type(value) is bytes else None


def _note_entries(node: Node, field: str, value: object) -> None:
    """Keep the entries of a dict as properties next to it, so that filters find them."""
    if type(value) is dict:
        found = entries_of(
            field, cast("dict[object, object]", value), lambda item: to_native(item)[0]
        )
        node.properties.update(found)


def _refuse_lazy(value: Any) -> None:
    if type(value) in _CONTAINERS and _holds(value, Lazy):
        raise SerializationError(
            "a Lazy stands where none can: it is the whole value of a field; put it into a model "
            "of its own, which containers may hold"
        )


def _holds(value: _Container, kind: type[Any]) -> bool:
    items = value.values() if type(value) is dict else value
    return any(
        isinstance(item, kind) or (type(item) in _CONTAINERS and _holds(item, kind))
        for item in items
    )


def _token(key: Any, position: int) -> str:
    """Return a dict key as part of a path; ``~k3`` where the fourth key is not a storable str."""
    if type(key) is str and to_native(key)[0] is not NOT_NATIVE:
        return key.replace("~", "~0").replace("/", "~1")
    return f"~k{position}"


def _reference(value: Any) -> ExtType | None:
    if type(value) is _Reference:
        return ExtType(MODEL_REFERENCE, value.path.encode("utf-8", "surrogatepass"))
    if isinstance(value, ModelBase):
        raise SerializationError(
            f"a {type(value).__name__} stands where no model can: models may be fields, and items "
            "of lists, tuples, dicts (as values) and sets"
        )
    return None
