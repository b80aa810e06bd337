"""Tags and notes: what people say of a span or an artifact afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from artigraph_neo4j.common.times import instant
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.errors import ArtigraphError, NotFoundError
from artigraph_neo4j.graph.cypher import changes
from artigraph_neo4j.graph.names import check_text
from artigraph_neo4j.graph.span import Span
from artigraph_neo4j.model.base import artifact_id
from artigraph_neo4j.recording.artifact_model import ArtifactModel

__all__ = ["Annotations", "add_tags", "read_annotations", "remove_tags", "write_note"]

TAG_CHARACTERS = 256
"""A tag's length at the most: an index finds it as a whole."""


@dataclass(frozen=True, slots=True)
class Annotations:
    """What was said of a span or an artifact.

    Attributes:
        tags: Its tags.
        note: Its note, or None.
        noted_at: When the note was written (aware, UTC), or None.
    """

    tags: frozenset[str]
    note: str | None
    noted_at: datetime | None


async def add_tags(node: str | Span | ArtifactModel, /, *names: str) -> frozenset[str]:
    """Tag a span or an artifact; a tag it has already stays. One round trip.

    Args:
        node: A span, an artifact, or the id of one.
        *names: The tags, of 256 characters at the most.

    Returns:
        All tags that it has now.

    Raises:
        NotFoundError: There is no such span or artifact.
        ValueError: A tag is empty or too long.
    """
    return await _change(changes.TAG, node, names)


async def remove_tags(node: str | Span | ArtifactModel, /, *names: str) -> frozenset[str]:
    """Take tags off a span or an artifact; one it does not have is no error. One round trip.

    Args:
        node: A span, an artifact, or the id of one.
        *names: The tags.

    Returns:
        The tags that it still has.

    Raises:
        NotFoundError: There is no such span or artifact.
        ValueError: A tag is empty or too long.
    """
    return await _change(changes.UNTAG, node, names)


async def _change(
    statement: str, node: str | Span | ArtifactModel, names: tuple[str, ...]
) -> frozenset[str]:
    for name in names:
        check_text(name, "tag", ArtigraphError)
        if not 0 < len(name) <= TAG_CHARACTERS:
            raise ValueError(
                f"a tag has 1 to {TAG_CHARACTERS} characters; {name!r} has {len(name)}"
            )
    node_id = _id_of(node)
    # In one order everywhere, so that two writers of the same new tags do not wait for each other.
    parameters = {
        "node_id": node_id,
        "names": sorted(set(names)),
        "at": datetime.now(UTC).isoformat(),
    }
    rows = await get_engine().write(statement, parameters)
    if not rows:
        raise _missing(node_id)
    return frozenset(rows[0][0])


async def write_note(node: str | Span | ArtifactModel, text: str | None, /) -> None:
    """Write the note of a span or an artifact, in place of the one it has. One round trip.

    Args:
        node: A span, an artifact, or the id of one.
        text: The note; None takes it away.

    Raises:
        NotFoundError: There is no such span or artifact.
    """
    if text is not None:
        check_text(text, "note", ArtigraphError)
    node_id = _id_of(node)
    now = datetime.now(UTC).isoformat()
    if not await get_engine().write(changes.NOTE, {"node_id": node_id, "text": text, "at": now}):
        raise _missing(node_id)


async def read_annotations(node: str | Span | ArtifactModel, /) -> Annotations:
    """Read the tags and the note of a span or an artifact. One round trip.

    Args:
        node: A span, an artifact, or the id of one.

    Raises:
        NotFoundError: There is no such span or artifact.
    """
    node_id = _id_of(node)
    rows = await get_engine().read(changes.ANNOTATIONS, {"node_id": node_id})
    if not rows:
        raise _missing(node_id)
    ((tags, note, noted_at),) = rows
    at = None if noted_at is None else instant(noted_at)
    return Annotations(frozenset(tags), note, at)


def _id_of(node: str | Span | ArtifactModel) -> str:
    return node.node_id if isinstance(node, Span) else artifact_id(node)


def _missing(node_id: str) -> NotFoundError:
    return NotFoundError(f"there is no span and no artifact with id {node_id!r}")
