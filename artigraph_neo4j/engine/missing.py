"""The error for a span or artifact that a statement did not find."""

from __future__ import annotations

from typing import Literal

from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.engine.scope import current_batch
from artigraph_neo4j.errors import NotFoundError
from artigraph_neo4j.graph.cypher import parts

__all__ = ["absent"]

_A = {"span": "a span", "artifact": "an artifact"}


async def absent(
    engine: Engine, kind: Literal["span", "artifact"], node_id: str, more: str = ""
) -> NotFoundError:
    """Make the error for an id that was not found; one round trip asks if it is being deleted.

    Args:
        engine: The engine that did not find it.
        kind: The kind of node.
        node_id: Its id.
        more: Text after the first words, such as ``"; nothing was recorded"``.
    """
    ((_, is_span, is_artifact),) = await engine.ask(parts.KINDS, {"ids": [node_id]})
    if is_span if kind == "span" else is_artifact:
        return NotFoundError(
            f"{kind} {node_id!r} is being deleted{more}; resume_deletes() finishes a delete that "
            "was cut short"
        )
    if is_span or is_artifact:
        other = "an artifact" if is_artifact else "a span"
        return NotFoundError(f"{node_id!r} is the id of {other}, not of {_A[kind]}{more}")
    batch = current_batch(engine)
    if batch is not None and batch.atomic:
        more += "; an atomic batch writes its records only at its end"
    return NotFoundError(f"there is no {kind} with id {node_id!r}{more}")
