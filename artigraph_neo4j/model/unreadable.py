"""Artifacts in a list that did not become objects of a class: records, and unreadable ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NoReturn

from artigraph_neo4j.errors import ArtigraphError
from artigraph_neo4j.model.base import ModelBase

__all__ = ["ArtifactRecord", "Missing", "OnError", "UnreadableArtifact"]

OnError = Literal["keep", "skip", "raise"]
"""Treatment of an artifact in a list that cannot be read: an ``UnreadableArtifact`` stands in its
place, it is left out, or its error is raised."""

Missing = Literal["error", "dict"]
"""Treatment of an artifact whose model has no class in this program: an error, or a record."""


class ArtifactRecord(ModelBase):
    """An artifact, or a model nested in one, whose model has no class in this program.

    Its fields are attributes and items: ``record.accuracy``, ``record["accuracy"]``. Values have
    the types they were recorded with. A record cannot be recorded again.

    Attributes:
        model: The stored name of its model.
        version: The stored version.
        fields: Its fields by name, in order.
    """

    __slots__ = ("fields", "model", "version")

    __artifact_model__ = None

    def __init__(self, model: str, version: int, fields: Mapping[str, Any]) -> None:
        self.model = model
        self.version = version
        self.fields = dict(fields)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__") and name in self.fields:
            return self.fields[name]
        raise AttributeError(f"this record of model {self.model!r} has no field {name!r}")

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ArtifactRecord)
            and (self.model, self.version) == (other.model, other.version)
            and self.fields == other.fields
        )

    __hash__ = None  # type: ignore[assignment] # its values may change

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.fields.items())
        return f"<{self.model} v{self.version}: {values}>"


class UnreadableArtifact(ModelBase):
    """A stand-in for an artifact of a list that could not be read; ``artifact_info`` knows it.

    Any other attribute raises the error that reading the artifact raised.

    Attributes:
        node_id: Its id.
        model: The stored name of its model.
        error: The error of reading it; the message names artifact, model and field.
    """

    __slots__ = ("error", "model", "node_id")

    __artifact_model__ = None

    def __init__(self, node_id: str, model: str, error: ArtigraphError) -> None:
        self.node_id = node_id
        self.model = model
        self.error = error

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):  # Python and notebooks ask any object for these
            raise AttributeError(name)
        raise self.error

    def __repr__(self) -> str:
        return f"<unreadable {self.model} {self.node_id}: {self.error}>"
