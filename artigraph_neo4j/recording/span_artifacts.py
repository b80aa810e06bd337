"""The artifacts of one span, recorded and read by label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, overload

from artigraph_neo4j.common.former import renamed
from artigraph_neo4j.engine import given
from artigraph_neo4j.engine.given import AnySpan
from artigraph_neo4j.graph.cypher import read
from artigraph_neo4j.graph.names import Label
from artigraph_neo4j.model.unreadable import Missing, OnError
from artigraph_neo4j.recording import artifacts, objects
from artigraph_neo4j.recording.artifact_model import ArtifactModel
from artigraph_neo4j.recording.work import IfExists

__all__ = [
    "create_span_artifact",
    "create_span_artifacts",
    "read_span_artifact",
    "read_span_artifacts",
]

M = TypeVar("M", bound=ArtifactModel)


@renamed(artifact="data")
async def create_span_artifact(
    span: AnySpan,
    /,
    *,
    label: Label | None = None,
    data: ArtifactModel,
    if_exists: IfExists = "error",
) -> str:
    """Record an artifact that a span produced. One round trip.

    Args:
        span: The span, its id, or ``"current"``.
        label: The artifact's label, a text or a path, unique within the span; or None.
        data: The artifact.
        if_exists: ``"error"``, ``"keep"`` or ``"revise"``, for a label that the span has already:
            ``"keep"`` records nothing; with ``"revise"`` it becomes the new version of the
            artifact that has the label. One more round trip then.

    Returns:
        The artifact's id; that of the one that is kept. In a batch, which cannot know yet, the id
        that ``data`` got, until ``data.node_id`` tells the one that is kept.

    Raises:
        SpanError: ``"current"``, and no span is.
        DuplicateLabelError, NotFoundError, ModelError, SerializationError, StorageError,
        ConnectionFailed: As ``ArtifactModel.create``.
    """
    found = await artifacts.create([data], [label], given.span_id(span), if_exists=if_exists)
    return found[0]


async def create_span_artifacts(
    span: AnySpan, data: Mapping[Any, ArtifactModel], /, *, if_exists: IfExists = "error"
) -> dict[str, str]:
    """Record labeled artifacts of a span, all or none. One round trip in total.

    Args:
        span: The span, its id, or ``"current"``.
        data: Artifacts by label.
        if_exists: As for ``create_span_artifact``, for each of them.

    Returns:
        Their ids by label, in the same order.

    Raises:
        SpanError, DuplicateLabelError, NotFoundError, ModelError, SerializationError, StorageError,
        ConnectionFailed: As ``create_span_artifact``.
    """
    labels = list(data)
    ids = await artifacts.create(
        list(data.values()), labels, given.span_id(span), if_exists=if_exists
    )
    return dict(zip(labels, ids, strict=True))


@overload
async def read_span_artifact(span: AnySpan, /, *, label: Label) -> Any: ...
@overload
async def read_span_artifact(span: AnySpan, /, *, label: Label, model: type[M]) -> M: ...
async def read_span_artifact(
    span: AnySpan, /, *, label: Label, model: type[ArtifactModel] = ArtifactModel
) -> Any:
    """Read the artifact that a span has under a label. One round trip, plus values in storages.

    Args:
        span: The span, its id, or ``"current"``.
        label: The artifact's label.
        model: The class that the artifact must be of. Type checkers infer the result from it, and
            it decides when several classes fit.

    Returns:
        The artifact.

    Raises:
        SpanError: ``"current"``, and no span is.
        NotFoundError: There is no such span, or it has no artifact with this label.
        ArtifactTypeError, UnknownModelError, MigrationError, SerializationError, StorageError,
        ConnectionFailed: As ``ArtifactModel.read``.
    """
    return await objects.read_one_by_label(given.span_id(span), label, model)


async def read_span_artifacts(
    span: AnySpan, /, *, on_error: OnError = "keep", missing: Missing = "error"
) -> dict[str, Any]:
    """Read all labeled artifacts of a span. One round trip, plus values in storages.

    Args:
        span: The span, its id, or ``"current"``.
        on_error: Handling of artifacts that cannot be read; see ``read_child_artifacts``.
        missing: Handling of artifacts of an unknown model; see ``read_child_artifacts``.

    Returns:
        Artifacts by label, in order of recording. Artifacts without a label are left out;
        ``read_child_artifacts`` returns them.

    Raises:
        SpanError, NotFoundError, ConnectionFailed: As ``read_span_artifact``.
        UnknownModelError, MigrationError, SerializationError, StorageError: Where ``on_error`` is
            ``"raise"``.
    """
    leniency = objects.Leniency(on_error, missing)
    found = await objects.read_many(
        read.ARTIFACTS_OF, given.span_id(span), ArtifactModel, leniency=leniency
    )
    return {label: artifact for label, artifact in found if label is not None}
