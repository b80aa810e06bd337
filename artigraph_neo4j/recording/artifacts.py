"""Creating artifacts: encode, store bytes, one statement."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import get_args

from artigraph_neo4j.common.pausing import undisturbed
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.errors import (
    ArgumentError,
    ArtifactTypeError,
)
from artigraph_neo4j.graph.names import Label, as_label
from artigraph_neo4j.model.base import ArtifactInfo, ModelBase, note_artifact
from artigraph_neo4j.model.encode import Encoded, encode
from artigraph_neo4j.recording import field_indexes, guards
from artigraph_neo4j.recording.batch import Batch
from artigraph_neo4j.recording.block import batch_for
from artigraph_neo4j.recording.commit import write
from artigraph_neo4j.recording.work import IfExists, Recording
from artigraph_neo4j.values.upload import Uploads

__all__ = ["create", "record_alone"]


async def create(
    artifacts: Sequence[ModelBase],
    given_labels: Sequence[Label | None],
    span_id: str | None,
    *,
    revises: str | None = None,
    if_exists: IfExists = "error",
) -> list[str]:
    """Record artifacts, all or none: one round trip in total, two when values go to a storage.

    Inside a batch there is no round trip. One more if a label is taken, and is not to be an error.

    Args:
        artifacts: The artifacts to record.
        given_labels: A label, or None, for each.
        span_id: The span that produced them, or None.
        revises: The id of an artifact; the single artifact given is its new version. Or None.
        if_exists: The handling of labels that are taken.

    Returns:
        Their ids, in the order given.

    Raises:
        ArtifactTypeError: One of the objects is not an artifact.
        ArgumentError: ``if_exists`` is unknown, or there is no span.
        SpanError: A label is neither a text nor a path.
        DuplicateLabelError: The span has, or would have, two artifacts with the same label.
        NotFoundError: The span, or the artifact to be revised, does not exist.
        RevisionError: That artifact was already revised, or is part of another one.
        SerializationError, StorageError: A value could not be stored; nothing was recorded.
        PolicyError: A registered policy refuses one of them.
    """
    _check(artifacts)
    _check_if_exists(if_exists, span_id)
    labels = [
        None if label is None else as_label(label, "an artifact's label") for label in given_labels
    ]
    if not artifacts:
        return []
    engine = get_engine()
    if span_id is not None:
        for guard in guards.of_artifacts:
            await guard(artifacts, span_id)
    await engine.ready()
    step = len(artifacts) if if_exists == "error" else 1  # each may be kept by itself
    groups = [artifacts[i : i + step] for i in range(0, len(artifacts), step)]
    made = await undisturbed(len(artifacts), partial(_encode, groups, engine.inline_bytes))
    works: list[Recording] = []
    for at, encoded in enumerate(made):
        await field_indexes.ensure(engine, encoded)
        uploads = Uploads(engine, encoded.pending) if encoded.pending else None
        mine = labels[at * step : (at + 1) * step]
        objects = [] if if_exists == "error" else [*groups[at]]
        works.append(Recording(encoded, mine, span_id, uploads, revises, if_exists, objects))
    batch = batch_for(engine) if revises is None else None
    if batch is None:
        await record_alone(engine, works)
    else:
        for work in works:
            await _add(batch, work)
    return [
        node_id
        for work, group in zip(works, groups, strict=True)
        for node_id in _noted(work, group)
    ]


def _encode(groups: Sequence[Sequence[ModelBase]], inline_bytes: int | None) -> list[Encoded]:
    return [encode(group, inline_bytes=inline_bytes) for group in groups]


def _noted(work: Recording, artifacts: Sequence[ModelBase]) -> list[str]:
    """Note on the objects what the graph has, or will have; return the ids."""
    if work.kept is not None:
        return [work.kept.node_id]
    for artifact, node, label in zip(artifacts, work.encoded.roots, work.labels, strict=True):
        info = node.plan.info
        note_artifact(
            artifact,
            ArtifactInfo(
                node.node_id, label, work.span_id, node.recorded_at, info.name, info.version
            ),
        )  # fmt: skip
    return [node.node_id for node in work.encoded.roots]


async def record_alone(engine: Engine, works: Sequence[Recording]) -> None:
    """Write artifacts now, outside of any batch; their values are stored first."""
    uploads = [work.uploads for work in works if work.uploads is not None]
    try:
        for part in uploads:
            await part.keep()
        _, refused = await write(engine, works)
    finally:
        for part in uploads:
            part.drop()
    if refused:
        raise next(iter(refused.values()))


async def _add(batch: Batch, work: Recording) -> None:
    uploads = work.uploads
    try:
        if uploads is not None:
            await uploads.hold()
        await batch.record(work)
    except BaseException:
        if uploads is not None:
            uploads.drop()
        raise
    if uploads is not None and work.kept is not None:
        uploads.drop()


def _check_if_exists(if_exists: IfExists, span_id: str | None) -> None:
    if if_exists not in get_args(IfExists):
        known = ", ".join(map(repr, get_args(IfExists)))
        raise ArgumentError(f"if_exists takes one of {known}, not {if_exists!r}")
    if if_exists != "error" and span_id is None:
        raise ArgumentError(
            "if_exists is about an artifact with the same label in the same span; name the span"
        )


def _check(artifacts: Sequence[ModelBase]) -> None:
    for artifact in artifacts:
        if not isinstance(artifact, ModelBase):
            raise ArtifactTypeError(
                f"a {type(artifact).__name__} is not an artifact; make its class a dataclass that "
                "subclasses ArtifactModel"
            )
