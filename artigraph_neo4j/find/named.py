"""Spans and artifacts by names that people give: an id, its beginning, a label, ``latest``."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Literal

from artigraph_neo4j.common.wording import cut, time_text
from artigraph_neo4j.engine.scope import get_current_span_id
from artigraph_neo4j.errors import NotFoundError, SeveralFoundError
from artigraph_neo4j.find.filters import Filter
from artigraph_neo4j.find.queries import find_artifacts, find_spans
from artigraph_neo4j.find.terms import artifact, span
from artigraph_neo4j.graph.span import Span

__all__ = ["Kind", "find_artifact_ids", "find_named", "find_span_ids"]

Kind = Literal["span", "artifact"]

SHOWN = 5
"""Maximum candidates that an error lists."""

_WHOLE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PART = re.compile(r"[0-9a-f][0-9a-f-]{3,35}")


@dataclass(frozen=True, slots=True)
class _Named:
    """A span or artifact that may be meant, with facts that tell it from others."""

    kind: Kind
    node_id: str
    text: str


async def find_named(name: str, *kinds: Kind) -> tuple[Kind, str]:
    """Find the one span or artifact that a name means.

    Args:
        name: An id; the beginning of one, of four characters or more; a label; or ``"latest"`` for
            the root span opened last or, where only artifacts are wanted, the one recorded last.
        *kinds: The kinds that are allowed.

    Returns:
        Its kind and its id. A whole id is not looked up where only one kind is allowed: no round
        trip.

    Raises:
        NotFoundError: Nothing has this id or label.
        SeveralFoundError: Several nodes have it; the message lists some.
    """
    if name == "current":
        return "span", get_current_span_id()
    if len(kinds) == 1 and _WHOLE_ID.fullmatch(name):
        return kinds[0], name
    for look in (_by_id, _by_label):
        groups = await asyncio.gather(*(look(name, kind) for kind in kinds))
        found = [item for group in groups for item in group]
        if name == "latest":
            found = found[:1]
        if len(found) == 1:
            return found[0].kind, found[0].node_id
        if found:
            listed = ", ".join(item.text for item in found[:SHOWN])
            more = " and more" if len(found) > SHOWN else ""
            way = "give more of the id" if look is _by_id else "give the id of one of them"
            raise SeveralFoundError(f"{name!r} may mean {listed}{more}; {way}")
    raise NotFoundError(
        f"there is no {' or '.join(kinds)} with id {name!r}, nor one whose id begins with it, "
        "nor one with this label"
    )


async def find_span_ids(*names: str) -> list[str]:
    """Return the ids of spans by their names; see ``find_named``."""
    return [(await find_named(name, "span"))[1] for name in names]


async def find_artifact_ids(*names: str) -> list[str]:
    """Return the ids of artifacts by their names; see ``find_named``."""
    return [(await find_named(name, "artifact"))[1] for name in names]


async def _by_id(name: str, kind: Kind) -> list[_Named]:
    if name == "latest":
        return await _newest(kind, span.depth == 0 if kind == "span" else None, 1)
    if not _PART.fullmatch(name):
        return []
    node_id = span.node_id if kind == "span" else artifact.node_id
    return await _newest(kind, node_id.startswith(name), SHOWN + 1)


async def _by_label(name: str, kind: Kind) -> list[_Named]:
    label = span.label if kind == "span" else artifact.label
    return await _newest(kind, label == name, SHOWN + 1)


async def _newest(kind: Kind, condition: Filter | None, limit: int) -> list[_Named]:
    conditions = [] if condition is None else [condition]
    if kind == "span":
        spans = find_spans(*conditions).order_by(span.opened_at.desc()).limit(limit)
        return [_Named("span", s.node_id, _span_text(s)) for s in await spans.read()]
    query = find_artifacts(*conditions).order_by(artifact.recorded_at.desc()).limit(limit)
    return [_Named("artifact", i, f"artifact {i}") for i in await query.read_ids()]


def _span_text(found: Span) -> str:
    label = "" if found.label is None else f"{cut(found.label, 60)!r}, "
    return f"span {found.node_id} ({label}{time_text(found.opened_at)})"
