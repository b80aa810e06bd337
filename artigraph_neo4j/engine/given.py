"""The id of a span or artifact, from an object, an id or ``"current"``."""

from __future__ import annotations

from typing import TypeAlias
from uuid import UUID

from artigraph_neo4j.engine.scope import get_current_span_id
from artigraph_neo4j.errors import ArgumentError, NotFoundError
from artigraph_neo4j.graph.names import check_text
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.model.base import ModelBase, artifact_info

__all__ = ["AnyArtifact", "AnyNode", "AnySpan", "artifact_id", "node_id", "span_id"]

AnySpan: TypeAlias = Span | UUID | str
"""A span: an object that was opened or read, its id, or ``"current"``."""

AnyArtifact: TypeAlias = ModelBase | UUID | str
"""An artifact: an object that was read or recorded, or its id."""

AnyNode: TypeAlias = Span | ModelBase | UUID | str
"""A span or an artifact."""


def span_id(given: AnySpan, argument: str = "span") -> str:
    """The id of a given span.

    Args:
        given: A span, its id, or ``"current"``.
        argument: The name of the caller's argument, for messages.

    Raises:
        ArgumentError: It is something else, such as an artifact, or an id that cannot be sent.
        SpanError: ``"current"``, and no span is.
        NotFoundError: The span was never opened.
    """
    if isinstance(given, str):
        return check_text(get_current_span_id(given), argument, ArgumentError)
    if isinstance(given, ModelBase):
        raise ArgumentError(
            f"{argument} takes a span, and this is an artifact, {_shown(given)}; the span that has "
            "it is artifact_info(artifact).span"
        )
    return _id(given, argument, "a Span, its id or 'current'")


def artifact_id(given: AnyArtifact, argument: str = "artifact") -> str:
    """The id of a given artifact.

    Args:
        given: An artifact, or its id.
        argument: The name of the caller's argument, for messages.

    Raises:
        ArgumentError: It is something else, such as a span, or an id that cannot be sent.
        NotFoundError: The artifact was neither read nor recorded.
    """
    if isinstance(given, Span):
        raise ArgumentError(
            f"{argument} takes an artifact, and this is a span, {_shown(given)}; read one with "
            "read_span_artifact(span, label=...) or read_child_artifacts(span)"
        )
    if given == "current":
        raise ArgumentError(f"{argument} takes an artifact; only a span can be 'current'")
    return _id(given, argument, "an artifact or its id")


def node_id(given: AnyNode, argument: str = "node") -> str:
    """The id of a given span or artifact.

    Args:
        given: A span, an artifact, the id of one, or ``"current"`` for the current span.
        argument: The name of the caller's argument, for messages.

    Raises:
        ArgumentError: It is neither a span nor an artifact.
        SpanError: ``"current"``, and no span is.
        NotFoundError: The object is not in the graph.
    """
    if given == "current":
        return get_current_span_id()
    return _id(given, argument, "a span, an artifact or the id of one")


def _id(given: object, argument: str, expected: str) -> str:
    if isinstance(given, str):
        return check_text(given, argument, ArgumentError)
    if isinstance(given, UUID):
        return str(given)
    if isinstance(given, Span):
        if not given.is_recorded:
            raise NotFoundError(
                f"{argument}: this {type(given).__name__} was never opened; enter it with "
                '"async with span_context(span)", or pass the id of a recorded one'
            )
        return given.node_id
    if isinstance(given, ModelBase):
        info = artifact_info(given)
        if info is None:
            raise NotFoundError(
                f"{argument}: this {type(given).__name__} was neither read nor recorded; create it "
                "first, or pass the id of the recorded one"
            )
        return info.node_id
    raise ArgumentError(f"{argument} takes {expected}, not {_shown(given)}")


def _shown(given: object) -> str:
    """The type of a wrong value; the name of a class that was given in place of an object."""
    if given is None:
        return "None"
    if isinstance(given, type):
        return f"the class {given.__name__}"
    name = type(given).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
