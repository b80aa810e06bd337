"""``ArtifactModel``, the base class of all models."""

from __future__ import annotations

from typing import Any, Self

from artigraph_neo4j.engine.scope import get_current_span_id
from artigraph_neo4j.model.base import ModelBase
from artigraph_neo4j.model.steps import run_steps
from artigraph_neo4j.recording import artifacts
from artigraph_neo4j.recording.results import (
    artifact_html,
)

__all__ = ["ArtifactModel"]


class ArtifactModel(ModelBase):
    """Describes artifacts: subclass it as a dataclass, with a version.

    ::

        @dataclass
        class MyDataModel(ArtifactModel, version=1):
            some_value: int
            another_value: dict[str, str] = field(default_factory=dict)

    Class keywords:
        version: The version of this structure, an int of 1 or more. Required.
        name: The name in the graph, which is also the node's label; by default the class's name.
        aliases: Former names, under which stored artifacts are still this model's.

    Frozen, slots and keyword-only dataclasses work too, and so do generic ones and models that
    inherit from models. Fields may hold models, also in lists, tuples, dicts and sets; each becomes
    a node of its own. What ``__post_init__`` computes (``init=False``) is not stored.
    """

    __slots__ = ()
    __artifact_model__ = None

    async def create(self, label: str | None = None, *, span: str | None = None) -> str:
        """Record this artifact. One round trip, plus its values that go to a storage.

        Recording the same object again makes another artifact.

        Args:
            label: Its label; unique within its span.
            span: The id of the span that produced it, or ``"current"``; by default it has none.

        Returns:
            The new artifact's id.

        Raises:
            DuplicateLabelError: The span has an artifact with this label.
            NotFoundError: The span does not exist.
            ModelError: The class cannot be stored.
            SerializationError: A field's value cannot be stored as it is.
            StorageError: A storage failed.
            ConnectionFailed: The database stayed out of reach.
        """
        span_id = None if span is None else get_current_span_id(span)
        return (await artifacts.create([self], [label], span_id))[0]

    @classmethod
    async def read(cls, node_id: str) -> Self:
        """Read an artifact by id. One round trip, plus its values that are in a storage.

        Args:
            node_id: What ``create`` returned.

        Returns:
            The artifact, migrated if an older version is stored; reading never writes. Called on
            ``ArtifactModel`` itself, it returns an artifact of whatever model is stored.

        Raises:
            NotFoundError: There is no artifact of this id.
            ArtifactTypeError: It is of another model.
            UnknownModelError: No class of this program fits what is stored, or several do.
            MigrationError: The stored version cannot become today's class.
            SerializationError, StorageError: A value could not be read.
            ConnectionFailed: The database stayed out of reach.
        """
        return await artifacts.read_one(node_id, cls)

    def _repr_html_(self) -> str:
        """What a notebook shows: its fields; of lazy ones where they are, and nothing is loaded."""
        return artifact_html(self)

    @classmethod
    def migrate(cls, version: int, data: dict[str, Any]) -> Self:
        """Make an object from the fields of an older version; override it, or mark steps.

        The default goes through the functions marked ``@migration``; where there are none it tries
        ``cls(**data)``, which is right when fields with defaults were added.

        Args:
            version: The stored version of this artifact.
            data: The stored fields by name; nested models are built, and migrated, already.
        """
        return run_steps(cls, version, data)
