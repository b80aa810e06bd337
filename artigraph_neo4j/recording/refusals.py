"""Reasons why works were refused, told to their callers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from artigraph_neo4j.common.times import instant
from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.engine.missing import absent
from artigraph_neo4j.errors import DuplicateLabelError, NotFoundError, RevisionError, SpanError
from artigraph_neo4j.graph.failures import ConflictError, RefusedError
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.model.base import ArtifactInfo
from artigraph_neo4j.recording.work import Closing, Opening, Recording, Work, owner_of

__all__ = ["conflicting", "existing_span", "note_taken", "orphans", "unrevisable"]


def conflicting(works: Sequence[Work], error: ConflictError) -> tuple[Work, Exception]:
    """Return the work that a constraint refused, and the reason.

    Raises:
        ConflictError: It is not known which of several works is meant.
    """
    for work in works:
        if isinstance(work, Recording):
            for label, key in zip(work.labels, work.keys, strict=True):
                if key is not None and error.names(key):
                    return work, _duplicate(work, label)
        elif isinstance(work, Opening) and error.names(work.span.node_id):
            return work, existing_span(work.span)
    if len(works) > 1:  # a user's constraint; the caller finds the work by writing each alone
        raise error
    return works[0], RefusedError(f"a constraint of this database refused the write: {error}")


def note_taken(recordings: Sequence[Recording], rows: list[list[Any]]) -> dict[Work, Exception]:
    """Note on works which artifacts have their labels; return those that are refused for it."""
    found = {key: more for key, *more in rows}
    refused: dict[Work, Exception] = {}
    for work in recordings:
        for label, key in zip(work.labels, work.keys, strict=True):
            if key not in found or work.revises is not None:
                continue
            node_id, at, model, version, doomed = found[key]
            if doomed:
                refused[work] = _doomed(work, label)
                break
            if work.if_exists == "error":
                refused[work] = _duplicate(work, label)
                break
            info = ArtifactInfo(node_id, label, work.span_id, instant(at), model, version)
            work.is_taken_by(info)
    return refused


def _duplicate(work: Recording, label: str | None) -> DuplicateLabelError:
    return DuplicateLabelError(
        f"span {work.span_id} has an artifact labeled {label!r} already; use another label, None "
        'for one without, or if_exists="keep" or "revise"'
    )


def _doomed(work: Recording, label: str | None) -> DuplicateLabelError:
    return DuplicateLabelError(
        f"the artifact labeled {label!r} of span {work.span_id} is being deleted; record this one "
        "when that has ended (resume_deletes() finishes a delete that was cut short), or use "
        "another label"
    )


def existing_span(span: Span) -> SpanError:
    """The error for a new span whose id is taken."""
    return SpanError(
        f"there is a span {span.node_id} already, so it cannot be opened as a new one; enter it "
        "with span_context(await read_span(node_id)), or name the run with span_context(key=...)"
    )


async def orphans(
    engine: Engine, works: Sequence[Work], missing: set[str]
) -> dict[Work, Exception]:
    """Return works whose span is missing, and works below spans that cannot be opened for it."""
    parents = {work.parent for work in works if isinstance(work, Opening)}
    why: dict[str | None, Exception] = {}
    for span_id in sorted(missing):
        parent = span_id in parents
        more = ", the parent of the one to open" if parent else "; nothing was recorded"
        why[span_id] = await absent(engine, "span", span_id, more)
    found: dict[Work, Exception] = {}
    for work in works:
        owner = owner_of(work)
        if owner not in why:
            continue
        found[work] = why[owner]
        if isinstance(work, Opening):
            why[work.span.node_id] = why[owner]
        elif isinstance(work, Closing):
            found[work] = NotFoundError(f"span {owner} was deleted before it was closed")
    return found


async def unrevisable(engine: Engine, node_id: str, problem: str) -> Exception:
    """Return the reason why an artifact could not be revised."""
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
