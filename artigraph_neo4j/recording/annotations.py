"""Tags and notes that people add to a span or an artifact afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from artigraph_neo4j.common.times import instant
from artigraph_neo4j.engine import given
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.given import AnyNode
from artigraph_neo4j.errors import ArtigraphError, NotFoundError
from artigraph_neo4j.graph.cypher import changes
from artigraph_neo4j.graph.names import check_text
from artigraph_neo4j.recording import guards

__all__ = ["Annotations", "add_tags", "read_annotations", "remove_tags", "write_note"]

TAG_CHARACTERS = 256
"""Maximum characters of a tag: an index finds it as a whole."""


@dataclass(frozen=True, slots=True)
class Annotations:
    """The tags and the note of a span or an artifact.

    Attributes:
        tags: Its tags.
        note: Its note, or None.
        noted_at: When the note was written (aware, UTC), or None.
    """

    tags: frozenset[str]
    note: str | None
    noted_at: datetime | None


async def add_tags(node: AnyNode, /, *names: str) -> frozenset[str]:
    """Tag a span or an artifact; the tags it already has stay. One round trip.

    Args:
        node: A span, an artifact, the id of one, or ``"current"`` for the current span.
        *names: The tags, each at most 256 characters long.

    Returns:
        All tags that it has now.

    Raises:
        NotFoundError: There is no such span or artifact.
        ValueError: A tag is empty or too long.
        PolicyError: A registered policy refuses one of the tags.
    """
    for guard in guards.of_tags:
        await guard(given.node_id(node), names)
    return await _change(changes.TAG, node, names)


async def remove_tags(node: AnyNode, /, *names: str) -> frozenset[str]:
    """Remove tags from a span or an artifact; tags it does not have are ignored. One round trip.

    Args:
        node: A span, an artifact, the id of one, or ``"current"`` for the current span.
        *names: The tags.

    Returns:
        The tags that it still has.

    Raises:
        NotFoundError: There is no such span or artifact.
        ValueError: A tag is empty or too long.
    """
    return await _change(changes.UNTAG, node, names)


async def _change(statement: str, node: AnyNode, names: tuple[str, ...]) -> frozenset[str]:
    for name in names:
        check_text(name, "tag", ArtigraphError)
        if not 0 < len(name) <= TAG_CHARACTERS:
            raise ValueError(
                f"a tag has 1 to {TAG_CHARACTERS} characters; {name!r} has {len(name)}"
            )
    node_id = given.node_id(node)
    # Sorted, so that two writers of the same new tags take locks in the same order: no deadlock.
    parameters = {
        "node_id": node_id,
        "names": sorted(set(names)),
        "at": datetime.now(UTC).isoformat(),
    }
    result = await get_engine().once(statement, parameters)
    if result.before and not result.row:  # an earlier attempt was applied; its answer was lost
        return (await read_annotations(node_id)).tags
    found, tags = result.row
    if found is None and not result.before:
        raise _missing(node_id)
    return frozenset(tags)


async def write_note(node: AnyNode, text: str | None, /) -> None:
    """Write the note of a span or an artifact, replacing the one it has. One round trip.

    Args:
        node: A span, an artifact, the id of one, or ``"current"`` for the current span.
        text: The note; None removes it.

    Raises:
        NotFoundError: There is no such span or artifact.
    """
    if text is not None:
        check_text(text, "note", ArtigraphError)
    node_id = given.node_id(node)
    now = datetime.now(UTC).isoformat()
    result = await get_engine().once(changes.NOTE, {"node_id": node_id, "text": text, "at": now})
    if not result.before and result.row[0] is None:
        raise _missing(node_id)


async def read_annotations(node: AnyNode, /) -> Annotations:
    """Read the tags and the note of a span or an artifact. One round trip.

    Args:
        node: A span, an artifact, the id of one, or ``"current"`` for the current span.

    Raises:
        NotFoundError: There is no such span or artifact.
    """
    node_id = given.node_id(node)
    rows = await get_engine().ask(changes.ANNOTATIONS, {"node_id": node_id})
    if not rows:
        raise _missing(node_id)
    ((tags, note, noted_at),) = rows
    at = None if noted_at is None else instant(noted_at)
    return Annotations(frozenset(tags), note, at)


def _missing(node_id: str) -> NotFoundError:
    return NotFoundError(f"there is no span and no artifact with id {node_id!r}")
