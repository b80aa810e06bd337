"""Artifacts read from the graph: rows to objects, torn ones read again, values fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any, NoReturn, TypeVar, cast, get_args
from unicodedata import normalize

from artigraph_neo4j.common.pausing import undisturbed
from artigraph_neo4j.common.times import instant
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.missing import absent
from artigraph_neo4j.errors import (
    ArtifactTypeError,
    ArtigraphError,
    NotFoundError,
    SerializationError,
)
from artigraph_neo4j.graph.cypher import migrate, read
from artigraph_neo4j.graph.names import Label, as_label
from artigraph_neo4j.model.base import ArtifactInfo, ModelBase, note_artifact
from artigraph_neo4j.model.decode import Loading, info_of, join, loadings
from artigraph_neo4j.model.identity import Resolver
from artigraph_neo4j.model.seal import TORN_PAUSES, TornReadError
from artigraph_neo4j.model.stored import Stored
from artigraph_neo4j.model.unreadable import ArtifactRecord, Missing, OnError, UnreadableArtifact
from artigraph_neo4j.recording.used import note_read
from artigraph_neo4j.recording.work import artifact_key
from artigraph_neo4j.values import fetch

__all__ = [
    "STRICT",
    "Leniency",
    "from_rows",
    "read_many",
    "read_one",
    "read_one_by_label",
    "until_whole",
    "whole",
]

M = TypeVar("M", bound=ModelBase)
K = TypeVar("K")
R = TypeVar("R")
T = TypeVar("T")


async def read_one(node_id: str, wanted: type[M]) -> M:
    """Read one artifact by id; see ``ArtifactModel.read``."""
    rows = await get_engine().ask(read.ARTIFACT_BY_ID, {"node_id": node_id})
    if not rows:
        raise await absent(get_engine(), "artifact", node_id)
    ((found_span, found_label, nodes),), labels = rows[0]
    if "Artifact" not in labels:
        raise ArtifactTypeError(f"{node_id!r} is the id of a span, not of an artifact")
    label = nodes[0][0].get("artifact_label") if found_span is None else found_label
    (artifact,) = await _join(await whole([(nodes, found_span, label)]), wanted)
    return cast("M", artifact)


async def read_one_by_label(span_id: str, label: Label, wanted: type[M]) -> M:
    """Read the artifact that a span has under a label; see ``read_span_artifact``."""
    label = as_label(label, "an artifact's label")
    rows = await get_engine().ask(
        read.ARTIFACT_BY_LABEL, {"span": span_id, "key": artifact_key(span_id, label)}
    )
    if not rows or not rows[0][2]:
        raise await absent(get_engine(), "span", span_id)
    ((_, found_label, nodes),), others, _ = rows[0]
    if not nodes:
        labels: list[str] = others
        raise NotFoundError(
            f"span {span_id} has no artifact labeled {label!r}{_near_labels(label, labels)}"
        )
    (artifact,) = await _join(await whole([(nodes, span_id, found_label)]), wanted)
    return cast("M", artifact)


def _near_labels(label: str, labels: list[str]) -> str:
    composed = normalize("NFC", label)
    for other in labels:
        if normalize("NFC", other) == composed:  # the two look the same
            return f"; it has {other!a}, and {label!a} was asked for: other characters"
    near = get_close_matches(label, labels, n=3) or sorted(labels)[:10]
    return f"; it has {', '.join(map(repr, near))}" if near else "; it has no labeled artifact"


@dataclass(frozen=True, slots=True)
class Leniency:
    """Handling of listed artifacts that cannot be read, or whose class is unknown.

    Raises:
        ValueError: A setting is not one of the known ones.
    """

    on_error: OnError = "keep"
    missing: Missing = "error"

    def __post_init__(self) -> None:
        for name, options in (("on_error", OnError), ("missing", Missing)):
            known, value = get_args(options), getattr(self, name)
            if value not in known:
                raise ValueError(f"{name} is one of {', '.join(map(repr, known))}, not {value!r}")


STRICT = Leniency(on_error="raise")
"""Leniency for reading a single artifact: an error is always raised."""


async def read_many(
    statement: str,
    span_id: str,
    wanted: type[M],
    *,
    history: bool = False,
    leniency: Leniency = Leniency(),
) -> list[tuple[str | None, M]]:
    """Read labels and artifacts with a statement that returns ``[owner, label, nodes]`` chunks."""
    rows = await get_engine().read_chunks(statement, {"span": span_id, "history": history})
    if rows is None:
        raise await absent(get_engine(), "span", span_id)
    return await from_rows(rows, wanted, leniency)


async def from_rows(
    rows: list[list[Any]],
    wanted: type[M],
    leniency: Leniency = Leniency(),
) -> list[tuple[str | None, M]]:
    """Build labels and artifacts from rows of ``[owner, label, nodes]``.

    An artifact that cannot be read does not affect the others: ``leniency`` decides how it is
    handled.
    """
    keep = leniency.on_error != "raise"
    # Anybody may have set a label of another type.
    rows = [[owner, None if label is None else str(label), nodes] for owner, label, nodes in rows]
    wholes = await _whole([(nodes, owner, label) for owner, label, nodes in rows], keep=keep)
    stored = [item for item in wholes if isinstance(item, Stored)]
    read = iter(await _join(stored, wanted, leniency))
    found: list[tuple[str | None, Any]] = []
    for row, item in zip(rows, wholes, strict=True):
        artifact = next(read) if isinstance(item, Stored) else _unreadable(row, item)
        unreadable = isinstance(artifact, UnreadableArtifact)
        if not (unreadable and leniency.on_error == "skip"):
            found.append((row[1], artifact))
    return found


def _unreadable(row: list[Any], error: ArtigraphError) -> UnreadableArtifact:
    """Return the placeholder for an artifact whose nodes cannot even be parsed."""
    owner, label, nodes = row
    known: dict[str, Any] = nodes[0][0]
    made = UnreadableArtifact(str(known.get("node_id")), str(known.get("model")), error)
    with suppress(KeyError, ValueError, TypeError):
        at = instant(known["recorded_at"])
        version = int(known["model_version"])
        note_artifact(made, ArtifactInfo(made.node_id, label, owner, at, made.model, version))
    return made


Row = tuple[list[list[Any]], str | None, str | None]


async def whole(rows: Sequence[Row]) -> list[Stored]:
    """Parse the rows of artifacts: nodes, span and label of each.

    Artifacts that were just being migrated are read again, with one round trip for all of them.

    Raises:
        NotFoundError: An artifact was deleted before it was read again.
        TornReadError: An artifact is still half migrated after the last reading.
        SerializationError: The codec of an artifact cannot be read.
    """
    return cast("list[Stored]", await _whole(rows, keep=False))


async def _whole(rows: Sequence[Row], *, keep: bool) -> list[Stored | ArtigraphError]:
    """Parse rows as ``whole`` does; with ``keep``, errors take the place of unreadable ones."""

    async def again(torn: list[int]) -> dict[int, Row]:
        return await _again({at: rows[at] for at in torn})

    def parse(row: Row) -> Stored | ArtigraphError:
        try:
            return Stored(*row)
        except SerializationError as error:
            if not keep:
                raise
            return error

    give_up = _itself if keep else None
    found = await until_whole(dict(enumerate(rows)), parse, again, give_up)
    return [found[at] for at in range(len(rows))]


def _itself(error: TornReadError) -> TornReadError:
    return error


async def until_whole(
    rows: Mapping[K, R],
    parse: Callable[[R], T],
    again: Callable[[list[K]], Awaitable[Mapping[K, R]]],
    give_up: Callable[[TornReadError], T] | None = None,
) -> dict[K, T]:
    """Parse rows; read the artifacts that were just being migrated again.

    Args:
        rows: The row of each artifact, by key.
        parse: Converts a row; raises ``TornReadError`` for an artifact that is half written.
        again: Reads some artifacts again. Artifacts that it does not return are left out.
        give_up: Makes the result for an artifact that is still half written at the end, from its
            error; by default the error is raised.

    Returns:
        The result of ``parse`` by key, in no particular order.

    Raises:
        TornReadError: An artifact is still half written after the last reading.
    """
    found: dict[K, T] = {}
    todo = rows
    for pause in (*TORN_PAUSES, None):
        last = give_up or _raise if pause is None else None
        torn = await undisturbed(len(todo), partial(_parse, todo, parse, found, last))
        if not torn or pause is None:
            break
        await asyncio.sleep(pause)
        todo = await again(torn)
    return found


def _raise(error: TornReadError) -> NoReturn:
    raise error


def _parse(
    rows: Mapping[K, R],
    parse: Callable[[R], T],
    found: dict[K, T],
    last: Callable[[TornReadError], T] | None,
) -> list[K]:
    """Parse rows into ``found``; return the keys of torn artifacts, to be read again."""
    torn: list[K] = []
    for key, row in rows.items():
        try:
            found[key] = parse(row)
        except TornReadError as error:
            if last is None:
                torn.append(key)
            else:
                found[key] = last(error)
    return torn


async def _again(rows: dict[int, Row]) -> dict[int, Row]:
    ids = {at: nodes[0][0].get("node_id") for at, (nodes, _, _) in rows.items()}
    ((nodes_of,),) = await get_engine().ask(migrate.ARTIFACTS_AGAIN, {"ids": list(ids.values())})
    again = {nodes[0][0]["node_id"]: nodes for nodes in nodes_of}
    for node_id in ids.values():
        if node_id not in again:
            raise NotFoundError(f"artifact {node_id!r} was deleted while it was read")
    return {at: (again[ids[at]], span, label) for at, (_, span, label) in rows.items()}


def _checked(artifact: ModelBase, wanted: type[M]) -> M:
    """Return the artifact after checking that it is of the wanted class."""
    if not isinstance(artifact, (wanted, ArtifactRecord)):
        raise ArtifactTypeError(
            f"the stored artifact is a {type(artifact).__qualname__}, not a {wanted.__qualname__}"
        )
    return artifact  # type: ignore[return-value] # a record stands for any model


async def _join(
    stored: Iterable[Stored], wanted: type[ModelBase], leniency: Leniency = STRICT
) -> list[ModelBase]:
    """Build the artifacts, and note those that could be read as used by the current span."""
    keep = leniency.on_error != "raise"
    fallback = ArtifactRecord if leniency.missing == "dict" else None
    items, resolver = list(stored), Resolver(wanted, fallback=fallback)
    pending: list[list[Loading] | ArtigraphError] = []
    for item in items:
        try:
            pending.append(list(loadings(item, resolver)))
        except ArtigraphError as error:
            if not keep:
                raise
            pending.append(error)
    every = [loading for group in pending if isinstance(group, list) for loading in group]
    await fetch.load(get_engine(), every, keep_errors=keep)
    build = partial(_build, items, pending, resolver, wanted, keep=keep)
    found = await undisturbed(len(items), build)
    read = zip(items, found, strict=True)
    await note_read(i.root.node_id for i, a in read if not isinstance(a, UnreadableArtifact))
    return found


def _build(
    items: list[Stored],
    pending: list[list[Loading] | ArtigraphError],
    resolver: Resolver,
    wanted: type[ModelBase],
    *,
    keep: bool,
) -> list[ModelBase]:
    found: list[ModelBase] = []
    for item, group in zip(items, pending, strict=True):
        try:
            if isinstance(group, ArtigraphError):
                raise group
            found.append(_checked(join(item, group, resolver), wanted))
        except ArtigraphError as error:
            if not keep:
                raise
            root = item.root
            made = UnreadableArtifact(root.node_id, root.model, error)
            with suppress(SerializationError):
                note_artifact(made, info_of(root, item.label, item.span_id))
            found.append(made)
    return found
