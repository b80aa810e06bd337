"""``ArtifactModel``, the base class of all models."""

from __future__ import annotations

from typing import Any, Self

from artigraph_neo4j.engine import given
from artigraph_neo4j.engine.given import AnyArtifact, AnySpan
from artigraph_neo4j.graph.names import Label
from artigraph_neo4j.model.base import ModelBase
from artigraph_neo4j.model.steps import run_steps
from artigraph_neo4j.recording import artifacts, objects
from artigraph_neo4j.recording.results import artifact_html
from artigraph_neo4j.recording.work import IfExists

__all__ = ["ArtifactModel"]


class ArtifactModel(ModelBase):
    """Base class of artifact models: subclass it as a dataclass, with a version.

    ::

        @dataclass
        class MyDataModel(ArtifactModel, version=1):
            some_value: int
            another_value: dict[str, str] = field(default_factory=dict)

    Class keywords:
        version: The version of this structure, an int of 1 or more. Required.
        name: The name in the graph, which is also the node's label; by default the class's name.
        aliases: Former names of the model; artifacts stored under them are still read as it.
        strict: Whether a value that does not fit the annotation of its field is refused when it is
            recorded; inherited, True by default.

    Frozen, slots and keyword-only dataclasses work too, and so do generic ones and models that
    inherit from models. Fields may hold models, also in lists, tuples, dicts and sets; each becomes
    a separate node.

    All fields are stored, those declared ``init=False`` too, and reading puts them back without
    running the constructor. A class may have a method ``__post_read__(self)``; it is called on each
    object that was read, to rebuild attributes that are not fields.
    """

    __slots__ = ()
    __artifact_model__ = None

    async def create(
        self,
        label: Label | None = None,
        *,
        span: AnySpan | None = None,
        if_exists: IfExists = "error",
    ) -> str:
        """Record this artifact. One round trip, plus its values that go to a storage.

        Recording the same object again makes another artifact.

        Args:
            label: Its label, a text or a path; unique within its span.
            span: The span that produced it, its id, or ``"current"``; by default it has none.
            if_exists: ``"error"``, ``"keep"`` or ``"revise"``; see ``create_span_artifact``.

        Returns:
            The new artifact's id, or that of the one that is kept.

        Raises:
            DuplicateLabelError: The span has an artifact with this label.
            NotFoundError: The span does not exist.
            ModelError: The class cannot be stored.
            SerializationError: A field's value does not fit its annotation, or cannot be stored as
                it is; or the object has an attribute that is not a field.
            StorageError: A storage failed.
            ConnectionFailed: The database stayed out of reach.
        """
        span_id = None if span is None else given.span_id(span)
        return (await artifacts.create([self], [label], span_id, if_exists=if_exists))[0]

    @classmethod
    async def read(cls, node_id: AnyArtifact) -> Self:
        """Read an artifact by id. One round trip, plus its values that are in a storage.

        Args:
            node_id: Its id, which ``create`` returned; or an artifact, to read it again.

        Returns:
            The artifact, migrated if an older version is stored; reading never writes. Called on
            ``ArtifactModel`` itself, it returns an artifact of the model that is stored.

        Raises:
            NotFoundError: There is no artifact with this id.
            ArtifactTypeError: It is of another model.
            UnknownModelError: No class of this program fits the stored artifact, or several do.
            MigrationError: The stored version cannot be migrated to the current class.
            ModelError: The class's ``__post_read__`` failed.
            SerializationError, StorageError: A value could not be read.
            ConnectionFailed: The database stayed out of reach.
        """
        return await objects.read_one(given.artifact_id(node_id, "node_id"), cls)

    def _repr_html_(self) -> str:
        """HTML for notebooks: the fields; lazy ones by location, without loading them."""
        return artifact_html(self)

    @classmethod
    def migrate(cls, version: int, data: dict[str, Any]) -> Self:
        """Make an object from the fields of an older version; override it, or use ``@migration``.

        Migrations are the only reads that run the constructor. The default applies the functions
        marked ``@migration`` and passes the fields they return to the constructor. Without such
        functions it passes the stored fields, which is right when fields with defaults were added.
        Fields declared ``init=False`` are set afterwards.

        Args:
            version: The stored version of this artifact.
            data: The stored fields by name; nested models are already built and migrated.
        """
        return run_steps(cls, version, data)
