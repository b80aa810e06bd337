"""Nodes that a call will write, and those of their fields whose bytes are still to be made."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import IO, Any, TypeVar

from artigraph_neo4j.errors import SerializationError, StorageError
from artigraph_neo4j.graph.names import STORED_LABEL
from artigraph_neo4j.model.fields import FieldPlan, ModelPlan
from artigraph_neo4j.model.lazy import Reference
from artigraph_neo4j.model.native import MAX_INLINE_BYTES
from artigraph_neo4j.storage.base import Storage

__all__ = ["Node", "Pending", "refer", "type_name"]

T = TypeVar("T")


@dataclass(slots=True)
class Node:
    """One node to be written: an artifact, or a model nested in one.

    Attributes:
        node_id: Its id.
        plan: The plan of its class.
        properties: The properties that hold its fields.
        entries: The codec entry of each field, by name.
        recorded_at: The time of recording.
        words: The texts that full-text search looks through.
    """

    node_id: str
    plan: ModelPlan
    recorded_at: datetime
    properties: dict[str, Any] = field(default_factory=dict)
    entries: dict[str, Any] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    @property
    def is_stored(self) -> bool:
        """True where a storage has one of its values; valid once the place of each is known."""
        return any(type(how) is list and how[0] == "blob" for how in self.entries.values())

    @property
    def labels(self) -> list[str]:
        """The labels of its node; valid once the place of each value is known."""
        return [*self.plan.labels, STORED_LABEL] if self.is_stored else self.plan.labels

    def codec(self) -> str:
        """Return the JSON text that alone decides how the node is read back."""
        entries = tuple(
            (name, how if isinstance(how, str) else tuple(how))
            for name, how in self.entries.items()
        )
        return _codec(self.plan.origin, entries)


@lru_cache(maxsize=4096)
def _codec(origin: str, entries: tuple[tuple[str, Any], ...]) -> str:
    """Return the codec text; cached, since nodes of one model mostly have the same."""
    return json.dumps(
        {"class": origin, "fields": dict(entries)}, ensure_ascii=False, separators=(",", ":")
    )


@dataclass(slots=True)
class Pending:
    """A field whose bytes are still to be made, and perhaps to be stored outside the graph.

    Attributes:
        node: The node that has the field.
        field: The field.
        serializer: Its name, as stored, and the function that makes the bytes.
        text: Whether the bytes are UTF-8 text.
        heavy: Whether making them is worth a thread.
        storage: The storage that the field names; None lets the size decide.
        kind: The type of the value, for messages.
        write: Writes the bytes to a file piece by piece, where the serializer can.
        lazy: Whether the value comes back as a ``Lazy``.
        reference: The reference to stored bytes, when the value is a ``Lazy`` that was read.
    """

    node: Node
    field: FieldPlan
    serializer: str
    make: Callable[[], bytes]
    text: bool
    heavy: bool
    storage: Storage | None
    kind: str = ""
    write: Callable[[IO[bytes]], None] | None = None
    lazy: bool = False
    reference: Reference | None = None

    @property
    def where(self) -> str:
        """The names of model and field, for messages."""
        return f"{self.node.plan.info.name}.{self.field.name}"

    @property
    def _what(self) -> str:
        return f"{self.where} ({self.kind})"

    def serialized(self) -> bytes:
        """Return the serialized value.

        Raises:
            SerializationError: The value cannot be serialized; the message names model and field.
        """
        data = self._attempt(self.make)
        if not isinstance(data, bytes):
            raise SerializationError(
                f"{self.where}: serializer {self.serializer!r} returned {type(data).__name__}, "
                "not bytes"
            )
        return data

    def write_to(self, file: IO[bytes]) -> None:
        """Write the serialized value to a file; only where ``write`` is set.

        Raises:
            SerializationError: The value cannot be serialized; the message names model and field.
        """
        write = self.write
        assert write is not None  # noqa: S101 - the caller looked
        self._attempt(lambda: write(file))

    def _attempt(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except SerializationError as error:
            raise SerializationError(f"{self._what}: {error}") from error
        except RecursionError as error:
            raise SerializationError(f"{self._what}: the value is nested too deeply") from error
        except OSError as error:  # the disk is full
            raise StorageError(f"{self.where}: no room to write it to: {error}") from error
        except Exception as error:  # from a serializer that a user wrote
            raise SerializationError(
                f"{self._what}: serializer {self.serializer!r} failed: "
                f"{type(error).__name__}: {error}"
            ) from error

    def check_inline(self, size: int) -> None:
        """Refuse a value that is too large for a property.

        Raises:
            SerializationError: The value is too large; the message says where it can go.
        """
        if size > MAX_INLINE_BYTES:
            raise SerializationError(
                f"{self._what}: {size} bytes are too many for a property of Neo4j "
                f"({MAX_INLINE_BYTES} at the most); give the engine a storage, "
                "set_engine(storage=...), or the field one, artifact_field(storage=...)"
            )

    def keep_inline(self, data: bytes) -> None:
        """Put the bytes on the node itself; see ``check_inline``."""
        self.node.properties[self.field.property] = data.decode() if self.text else data
        self.node.entries[self.field.name] = self._entry("inline")

    def keep_outside(self) -> None:
        """Note on the node that a blob holds the bytes."""
        self.node.entries[self.field.name] = self._entry("blob")

    def _entry(self, kind: str) -> list[str]:
        return [kind, self.serializer, *(["lazy"] if self.lazy else [])]


def type_name(value: object) -> str:
    """Return the type of a value for messages: ``numpy.ndarray``; built-ins without a module."""
    cls = type(value)
    return (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    )


def refer(node: Node, plan: FieldPlan, reference: Reference) -> Pending:
    """Return the field for a ``Lazy`` that was read; its bytes are stored already."""

    def make() -> bytes:
        raise AssertionError("what is stored already is not made again")

    return Pending(
        node,
        plan,
        reference.serializer,
        make,
        text=reference.text,
        heavy=False,
        storage=plan.storage,
        lazy=True,
        reference=reference,
    )
