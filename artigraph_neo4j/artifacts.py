"""Artifacts in and out of the graph: encode, store bytes, one statement; and the way back."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

from artigraph_neo4j import blobs, field_indexes
from artigraph_neo4j.absence import absent
from artigraph_neo4j.current import get_engine
from artigraph_neo4j.engine import Engine
from artigraph_neo4j.errors import (
    ArtifactTypeError,
    DuplicateLabelError,
    EngineError,
    NotFoundError,
    RevisionError,
    SpanError,
)
from artigraph_neo4j.graph import cypher, rewrite
from artigraph_neo4j.graph.connection import ConflictError
from artigraph_neo4j.graph.names import LABEL_CHARACTERS, check_text
from artigraph_neo4j.model.base import ArtifactInfo, ModelBase, note_artifact
from artigraph_neo4j.model.decode import Loading, Stored, join, loadings
from artigraph_neo4j.model.encode import Encoded, Node, encode
from artigraph_neo4j.model.identity import Resolver
from artigraph_neo4j.model.indexing import SEARCH_CHARACTERS
from artigraph_neo4j.model.seal import TornReadError
from artigraph_neo4j.uploads import Uploads
from artigraph_neo4j.uses import note_read

__all__ = [
    "artifact_key",
    "create",
    "from_rows",
    "node_row",
    "read_many",
    "read_one",
    "read_one_by_label",
    "whole",
]

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
    artifacts: Sequence[ModelBase],
    labels: Sequence[str | None],
    span_id: str | None,
    *,
    revises: str | None = None,
) -> list[str]:
    """Record artifacts, all or none; one round trip however many, two when values are stored.

    Args:
        artifacts: What to record.
        labels: A label, or None, for each.
        span_id: The span that produced them, or None.
        revises: The id of an artifact of which the only one given is a new version, or None.

    Returns:
        Their ids, in the order given.

    Raises:
        ArtifactTypeError: Something is no artifact.
        DuplicateLabelError: The span has, or would have, two artifacts of one label.
        NotFoundError: The span, or the artifact to be revised, does not exist.
        RevisionError: That artifact was revised already, or is part of another one.
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
    await field_indexes.ensure(engine, encoded)
    uploads = Uploads(engine, encoded.pending)
    await uploads.keep()
    await _write(engine, encoded, labels, span_id, uploads, revises)
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
    uploads: Uploads,
    revises: str | None,
) -> None:
    label_of = {node.node_id: label for node, label in zip(encoded.roots, labels, strict=True)}
    has = (
        []
        if span_id is None
        else [_has(node, label_of[node.node_id], span_id) for node in encoded.roots]
    )
    parameters = {
        "spans": [] if span_id is None else [span_id],
        "nodes": [node_row(node, label_of.get(node.node_id)) for node in encoded.nodes],
        "has": has,
        "fields": [list(link) for link in encoded.links],
        "revises": [] if revises is None else [{"old": revises, "new": encoded.roots[0].node_id}],
    }
    gone: list[str] = []
    while True:
        await uploads.renew(gone)
        try:
            ((missing, problems, gone, other, *_),) = await engine.write(
                cypher.WRITE_ARTIFACTS, parameters | uploads.parameters()
            )
        except ConflictError as error:
            label = next((r["label"] for r in has if r["key"] and r["key"] in str(error)), None)
            if label is None:
                raise
            raise DuplicateLabelError(
                f"span {span_id} has an artifact labeled {label!r} already; use another label, "
                "or None for an artifact without one"
            ) from error
        if missing:
            raise await absent(engine, "span", str(span_id), "; nothing was recorded")
        for node_id, problem in problems:
            raise await _unrevisable(engine, node_id, problem)
        if other is not None:
            raise EngineError(
                f"the graph took another id, {other}, since this program connected to it; nothing "
                "was recorded; close the engine, or start the program again"
            )
        if not gone:
            return


async def _unrevisable(engine: Engine, node_id: str, problem: str) -> Exception:
    if problem == "missing":
        return await absent(engine, "artifact", node_id, "; nothing was recorded")
    if problem == "nested":
        return RevisionError(
            f"artifact {node_id} is part of another artifact; revise that one as a whole"
        )
    return RevisionError(
        f"artifact {node_id} was revised already, perhaps in this moment; read the newest version "
        "(read_revisions lists them, newest first) and revise that"
    )


def node_row(node: Node, label: str | None) -> dict[str, Any]:
    """What a statement is told of one node to write."""
    properties = node.properties
    properties["node_id"] = node.node_id
    properties["model"] = node.plan.info.name
    properties["model_version"] = node.plan.info.version
    properties["codec"] = node.codec()
    if node.words:
        properties["search_"] = "\n".join(node.words)[:SEARCH_CHARACTERS]
    if label is not None:
        properties["artifact_label"] = label
        properties["label_"] = label[:LABEL_CHARACTERS]
    return {
        "id": node.node_id,
        "labels": node.labels,
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
        raise await absent(get_engine(), "artifact", node_id)
    ((found_span, found_label, nodes),), labels = rows[0]
    if "Artifact" not in labels:
        raise ArtifactTypeError(f"{node_id!r} is the id of a span, not of an artifact")
    label = nodes[0][0].get("artifact_label") if found_span is None else found_label
    (artifact,) = await _join(await whole([(nodes, found_span, label)]), wanted)
    return _checked(artifact, wanted)


async def read_one_by_label(span_id: str, label: str, wanted: type[M]) -> M:
    """The artifact that a span has under a label; see ``read_span_artifact``."""
    check_text(label, "artifact label", SpanError)
    rows = await get_engine().read(
        cypher.ARTIFACT_BY_LABEL, {"span": span_id, "key": artifact_key(span_id, label)}
    )
    if not rows or not rows[0][2]:
        raise await absent(get_engine(), "span", span_id)
    ((_, found_label, nodes),), others, _ = rows[0]
    if not nodes:
        near = get_close_matches(label, others, n=3) or sorted(others)[:10]
        hint = f"; it has {', '.join(map(repr, near))}" if near else "; it has no labeled artifact"
        raise NotFoundError(f"span {span_id} has no artifact labeled {label!r}{hint}")
    (artifact,) = await _join(await whole([(nodes, span_id, found_label)]), wanted)
    return _checked(artifact, wanted)


async def read_many(
    statement: str, span_id: str, wanted: type[M], *, history: bool = False
) -> list[tuple[str | None, M]]:
    """Labels and artifacts from a statement that returns chunks of ``[owner, label, nodes]``."""
    rows = await get_engine().read(statement, {"span": span_id, "history": history})
    if rows == [[None]]:
        raise await absent(get_engine(), "span", span_id)
    return await from_rows([row for (chunk,) in rows for row in chunk], wanted)


async def from_rows(rows: list[list[Any]], wanted: type[M]) -> list[tuple[str | None, M]]:
    """Labels and artifacts from rows of ``[owner, label, nodes]``."""
    stored = await whole([(nodes, owner, label) for owner, label, nodes in rows])
    artifacts = await _join(stored, wanted)
    return [
        (item.label, _checked(artifact, wanted))
        for item, artifact in zip(stored, artifacts, strict=True)
    ]


_PAUSES = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Before each further reading of what is being migrated; the change of one batch takes less."""

Row = tuple[list[list[Any]], str | None, str | None]


async def whole(rows: Sequence[Row]) -> list[Stored]:
    """Artifacts from what was read of each: its nodes, span and label.

    One that was just being migrated is read again, a round trip for all of them.

    Raises:
        NotFoundError: One was deleted meanwhile.
        TornReadError: One does not become whole.
    """
    found: dict[int, Stored] = {}
    todo = dict(enumerate(rows))
    for pause in (*_PAUSES, None):
        for at, row in list(todo.items()):
            try:
                found[at] = Stored(*row)
                del todo[at]
            except TornReadError:
                if pause is None:
                    raise
        if not todo or pause is None:
            break
        await asyncio.sleep(pause)
        todo = await _again(todo)
    return [found[at] for at in range(len(rows))]


async def _again(rows: dict[int, Row]) -> dict[int, Row]:
    ids = {at: nodes[0][0].get("node_id") for at, (nodes, _, _) in rows.items()}
    ((nodes_of,),) = await get_engine().read(rewrite.ARTIFACTS_AGAIN, {"ids": list(ids.values())})
    again = {nodes[0][0]["node_id"]: nodes for nodes in nodes_of}
    for node_id in ids.values():
        if node_id not in again:
            raise NotFoundError(f"artifact {node_id!r} was deleted while it was read")
    return {at: (again[ids[at]], span, label) for at, (_, span, label) in rows.items()}


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
