"""Artifacts in and out of the graph: encode, store bytes, one statement; and the way back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Any, TypeVar

from artigraph_neo4j.common.pausing import collector_paused
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.missing import absent
from artigraph_neo4j.errors import ArtifactTypeError, NotFoundError, SpanError
from artigraph_neo4j.graph.cypher import migrate, read
from artigraph_neo4j.graph.names import check_text
from artigraph_neo4j.model.base import ArtifactInfo, ModelBase, note_artifact
from artigraph_neo4j.model.decode import (
    Loading,
    join,
    loadings,
)
from artigraph_neo4j.model.encode import encode
from artigraph_neo4j.model.identity import Resolver
from artigraph_neo4j.model.seal import TORN_PAUSES, TornReadError
from artigraph_neo4j.model.stored import (
    Stored,
)
from artigraph_neo4j.recording import field_indexes
from artigraph_neo4j.recording.batch import batch_for
from artigraph_neo4j.recording.commit import (
    write,
)
from artigraph_neo4j.recording.used import note_read
from artigraph_neo4j.recording.work import (
    Recording,
    artifact_key,
)
from artigraph_neo4j.values import fetch
from artigraph_neo4j.values.upload import Uploads

__all__ = [
    "create",
    "from_rows",
    "read_many",
    "read_one",
    "read_one_by_label",
    "whole",
]

M = TypeVar("M", bound=ModelBase)
T = TypeVar("T")

THREAD_FROM = 200
"""A call for this many artifacts or more encodes or builds them in a thread."""


async def create(
    artifacts: Sequence[ModelBase],
    labels: Sequence[str | None],
    span_id: str | None,
    *,
    revises: str | None = None,
) -> list[str]:
    """Record artifacts, all or none; one round trip however many, two when values are stored.

    In a batch there is none.

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
    _check(artifacts, labels)
    if not artifacts:
        return []
    engine = get_engine()
    await engine.ready()
    limit = engine.offload_bytes if engine.storage is not None else None
    encoded = await _work(len(artifacts), partial(encode, artifacts, inline_bytes=limit))
    await field_indexes.ensure(engine, encoded)
    uploads = Uploads(engine, encoded.pending) if encoded.pending else None
    recording = Recording(encoded, labels, span_id, uploads, revises)
    batch = batch_for(engine) if revises is None else None
    if uploads is not None:
        await (uploads.keep() if batch is None else uploads.hold())
    if batch is not None:
        await batch.record(recording)
    else:
        _, refused = await write(engine, [recording])
        if refused:
            raise refused[recording]
    for artifact, node, label in zip(artifacts, encoded.roots, labels, strict=True):
        info = node.plan.info
        note_artifact(
            artifact,
            ArtifactInfo(
                node.node_id, label, span_id, node.recorded_at, info.name, info.version
            ),
        )  # fmt: skip
    return [node.node_id for node in encoded.roots]


def _check(artifacts: Sequence[ModelBase], labels: Sequence[str | None]) -> None:
    for artifact in artifacts:
        if not isinstance(artifact, ModelBase):
            raise ArtifactTypeError(
                f"a {type(artifact).__name__} is no artifact; make its class a dataclass that "
                "subclasses ArtifactModel"
            )
    for label in labels:
        if label is not None:
            check_text(label, "artifact label", SpanError)


async def read_one(node_id: str, wanted: type[M]) -> M:
    """One artifact by id; see ``ArtifactModel.read``."""
    rows = await get_engine().read(read.ARTIFACT_BY_ID, {"node_id": node_id})
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
        read.ARTIFACT_BY_LABEL, {"span": span_id, "key": artifact_key(span_id, label)}
    )
    if not rows or not rows[0][2]:
        raise await absent(get_engine(), "span", span_id)
    ((_, found_label, nodes),), others, _ = rows[0]
    if not nodes:
        labels: list[str] = others
        near = get_close_matches(label, labels, n=3) or sorted(labels)[:10]
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
    for pause in (*TORN_PAUSES, None):
        todo = await _work(len(todo), partial(_parse, todo, found, last=pause is None))
        if not todo or pause is None:
            break
        await asyncio.sleep(pause)
        todo = await _again(todo)
    return [found[at] for at in range(len(rows))]


def _parse(rows: dict[int, Row], found: dict[int, Stored], *, last: bool) -> dict[int, Row]:
    """Those that have to be read again."""
    torn: dict[int, Row] = {}
    for at, row in rows.items():
        try:
            found[at] = Stored(*row)
        except TornReadError:
            if last:
                raise
            torn[at] = row
    return torn


async def _work(count: int, work: Callable[[], T]) -> T:
    """Make so many objects; many of them in a thread, so that the caller's loop goes on."""
    return work() if count < THREAD_FROM else await asyncio.to_thread(_undisturbed, work)


def _undisturbed(work: Callable[[], T]) -> T:
    with collector_paused():
        return work()


async def _again(rows: dict[int, Row]) -> dict[int, Row]:
    ids = {at: nodes[0][0].get("node_id") for at, (nodes, _, _) in rows.items()}
    ((nodes_of,),) = await get_engine().read(migrate.ARTIFACTS_AGAIN, {"ids": list(ids.values())})
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
    await fetch.load(get_engine(), [loading for group in pending for loading in group])
    found = await _work(len(items), partial(_build, items, pending, resolver))
    await note_read(item.root.node_id for item in items)
    return found


def _build(
    items: list[Stored], pending: list[list[Loading]], resolver: Resolver
) -> list[ModelBase]:
    return [join(item, group, resolver) for item, group in zip(items, pending, strict=True)]
