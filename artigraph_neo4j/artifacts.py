"""Artifacts in and out of the graph: encode, store bytes, one statement; and the way back."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

from artigraph_neo4j import blobs
from artigraph_neo4j.current import get_engine
from artigraph_neo4j.engine import Engine
from artigraph_neo4j.errors import (
    ArtifactTypeError,
    DuplicateLabelError,
    NotFoundError,
    SpanError,
)
from artigraph_neo4j.graph import cypher
from artigraph_neo4j.graph.connection import ConflictError
from artigraph_neo4j.graph.names import check_text
from artigraph_neo4j.model.base import ArtifactInfo, ModelBase, note_artifact
from artigraph_neo4j.model.decode import Loading, Stored, join, loadings
from artigraph_neo4j.model.encode import Encoded, Node, encode
from artigraph_neo4j.model.identity import Resolver
from artigraph_neo4j.uses import note_read

__all__ = ["artifact_key", "create", "read_many", "read_one", "read_one_by_label"]

M = TypeVar("M", bound=ModelBase)

THREAD_FROM = 200
"""A call for this many artifacts or more encodes or builds them in a thread."""


def artifact_key(span_id: str, label: str) -> str:
    """What makes a label unique within its span: the SHA-256 of both, in hex.

    A length before the span's id keeps ``("a", "bc")`` and ``("ab", "c")`` apart.
    """
    text = f"{len(span_id)}:{span_id}{label}"
    return hashlib.sha256(text.encode()).hexdigest()


async def create(
    artifacts: Sequence[ModelBase], labels: Sequence[str | None], span_id: str | None
) -> list[str]:
    """Record artifacts, all or none; one round trip however many.

    Args:
        artifacts: What to record.
        labels: A label, or None, for each.
        span_id: The span that produced them, or None.

    Returns:
        Their ids, in the order given.

    Raises:
        ArtifactTypeError: Something is no artifact.
        DuplicateLabelError: The span has, or would have, two artifacts of one label.
        NotFoundError: The span does not exist.
        SerializationError, StorageError: A value could not be kept; nothing is in the graph.
    """
    for artifact in artifacts:
        if not isinstance(artifact, ModelBase):
            raise ArtifactTypeError(
                f"a {type(artifact).__name__} is no artifact; make its class a dataclass that "
                "subclasses ArtifactModel"
            )
    for label in labels:
        if label is not None:
            check_text(label, "artifact label", SpanError)
    if not artifacts:
        return []
    engine = get_engine()
    await engine.ready()
    limit = engine.offload_bytes if engine.storage is not None else None
    if len(artifacts) >= THREAD_FROM:
        encoded = await asyncio.to_thread(encode, artifacts, inline_bytes=limit)
    else:
        encoded = encode(artifacts, inline_bytes=limit)
    rows = await blobs.store(engine, encoded)
    await _write(engine, encoded, labels, span_id, rows)
    for artifact, node, label in zip(artifacts, encoded.roots, labels, strict=True):
        info = node.plan.info
        note_artifact(
            artifact,
            ArtifactInfo(
                node.node_id, label, span_id, node.recorded_at, info.name, info.version
            ),
        )  # fmt: skip
    return [node.node_id for node in encoded.roots]


async def _write(
    engine: Engine,
    encoded: Encoded,
    labels: Sequence[str | None],
    span_id: str | None,
    blob_rows: list[dict[str, Any]],
) -> None:
    label_of = {node.node_id: label for node, label in zip(encoded.roots, labels, strict=True)}
    has = (
        []
        if span_id is None
        else [_has(node, label_of[node.node_id], span_id) for node in encoded.roots]
    )
    parameters = {
        "spans": [] if span_id is None else [span_id],
        "nodes": [_row(node, label_of.get(node.node_id)) for node in encoded.nodes],
        "has": has,
        "fields": [list(link) for link in encoded.links],
        "blobs": blob_rows,
    }
    try:
        ((missing, *_),) = await engine.write(cypher.WRITE_ARTIFACTS, parameters)
    except ConflictError as error:
        taken = next((row["label"] for row in has if row["key"] and row["key"] in str(error)), None)
        if taken is None:
            raise
        raise DuplicateLabelError(
            f"span {span_id} has an artifact labeled {taken!r} already; use another label, "
            "or None for an artifact without one"
        ) from error
    if missing:
        raise NotFoundError(f"there is no span with id {span_id!r}; nothing was recorded")


def _row(node: Node, label: str | None) -> dict[str, Any]:
    properties = node.properties
    properties["node_id"] = node.node_id
    properties["model"] = node.plan.info.name
    properties["model_version"] = node.plan.info.version
    properties["codec"] = node.codec()
    if label is not None:
        properties["artifact_label"] = label
    return {
        "id": node.node_id,
        "labels": node.plan.labels,
        "properties": properties,
        "at": node.recorded_at.isoformat(),
    }


def _has(node: Node, label: str | None, span_id: str) -> dict[str, Any]:
    key = None if label is None else artifact_key(span_id, label)
    return {"id": node.node_id, "span": span_id, "label": label, "key": key}


async def read_one(node_id: str, wanted: type[M]) -> M:
    """One artifact by id; see ``ArtifactModel.read``."""
    rows = await get_engine().read(cypher.ARTIFACT_BY_ID, {"node_id": node_id})
    if not rows:
        raise NotFoundError(f"there is no artifact with id {node_id!r}")
    ((found_span, found_label, nodes),), labels = rows[0]
    if "Artifact" not in labels:
        raise ArtifactTypeError(f"{node_id!r} is the id of a span, not of an artifact")
    label = nodes[0][0].get("artifact_label") if found_span is None else found_label
    (artifact,) = await _join([Stored(nodes, found_span, label)], wanted)
    return _checked(artifact, wanted)


async def read_one_by_label(span_id: str, label: str, wanted: type[M]) -> M:
    """The artifact that a span has under a label; see ``read_span_artifact``."""
    check_text(label, "artifact label", SpanError)
    rows = await get_engine().read(
        cypher.ARTIFACT_BY_LABEL, {"span": span_id, "key": artifact_key(span_id, label)}
    )
    if not rows or not rows[0][2]:
        raise NotFoundError(f"there is no span with id {span_id!r}")
    ((_, found_label, nodes),), others, _ = rows[0]
    if not nodes:
        near = get_close_matches(label, others, n=3) or sorted(others)[:10]
        hint = f"; it has {', '.join(map(repr, near))}" if near else "; it has no labeled artifact"
        raise NotFoundError(f"span {span_id} has no artifact labeled {label!r}{hint}")
    (artifact,) = await _join([Stored(nodes, span_id, found_label)], wanted)
    return _checked(artifact, wanted)


async def read_many(statement: str, span_id: str, wanted: type[M]) -> list[tuple[str | None, M]]:
    """Labels and artifacts from a statement that returns chunks of ``[owner, label, nodes]``."""
    rows = await get_engine().read(statement, {"span": span_id})
    if rows == [[None]]:
        raise NotFoundError(f"there is no span with id {span_id!r}")
    stored = [Stored(nodes, owner, label) for (chunk,) in rows for owner, label, nodes in chunk]
    artifacts = await _join(stored, wanted)
    return [
        (item.label, _checked(artifact, wanted))
        for item, artifact in zip(stored, artifacts, strict=True)
    ]


def _checked(artifact: ModelBase, wanted: type[M]) -> M:
    """The artifact, which has to be of the class that was asked for."""
    if not isinstance(artifact, wanted):
        raise ArtifactTypeError(
            f"the stored artifact is a {type(artifact).__qualname__}, not a {wanted.__qualname__}"
        )
    return artifact


async def _join(stored: Iterable[Stored], wanted: type[ModelBase]) -> list[ModelBase]:
    """The artifacts; the current span has used them then."""
    resolver = Resolver(wanted)
    items = list(stored)
    pending: list[list[Loading]] = [list(loadings(item, resolver)) for item in items]
    await blobs.load(get_engine(), [loading for group in pending for loading in group])
    if len(items) < THREAD_FROM:
        found = _build(items, pending, resolver)
    else:
        found = await asyncio.to_thread(_build, items, pending, resolver)
    await note_read(item.root.node_id for item in items)
    return found


def _build(
    items: list[Stored], pending: list[list[Loading]], resolver: Resolver
) -> list[ModelBase]:
    return [join(item, group, resolver) for item, group in zip(items, pending, strict=True)]
