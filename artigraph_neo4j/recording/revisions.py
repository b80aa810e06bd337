"""New versions of artifacts. Records are never changed: a correction is another record."""

from __future__ import annotations

from typing import Any

from artigraph_neo4j.engine import given
from artigraph_neo4j.engine.configure import get_engine
from artigraph_neo4j.engine.given import AnyArtifact
from artigraph_neo4j.engine.missing import absent
from artigraph_neo4j.graph.cypher import changes
from artigraph_neo4j.recording import artifacts, objects
from artigraph_neo4j.recording.artifact_model import ArtifactModel
from artigraph_neo4j.recording.results import ResultList

__all__ = ["read_revisions", "revise_artifact"]


async def revise_artifact(old: AnyArtifact, new: ArtifactModel, /) -> str:
    """Record an artifact as the new version of another one.

    The new version takes over the label, in every span that has the old one; a read by label
    returns it from then on, and lists leave the old one out. The old one stays as it was recorded,
    and can be read by its id and by ``read_revisions``.

    One round trip, plus values that go to a storage. When two revisions of one artifact are made at
    the same time, one is recorded and the other raises.

    Args:
        old: The newest version of the artifact, or its id.
        new: The corrected artifact, of the same or of another model.

    Returns:
        The new version's id.

    Raises:
        NotFoundError: There is no such artifact; or the object given was never recorded.
        RevisionError: ``old`` already has a newer version, or is part of another artifact.
        ModelError, SerializationError, StorageError, ConnectionFailed: As
            ``ArtifactModel.create``. Nothing is recorded then.
    """
    return (await artifacts.create([new], [None], None, revises=given.artifact_id(old, "old")))[0]


async def read_revisions(artifact: AnyArtifact, /) -> list[Any]:
    """Read all versions of an artifact, newest first. One round trip, plus values in storages.

    ``artifact_info`` returns the id of each, and the time when it was recorded.

    Args:
        artifact: Any version of it, or its id.

    Raises:
        NotFoundError: There is no such artifact; or the object given was never recorded.
        UnknownModelError, MigrationError, SerializationError, StorageError, ConnectionFailed: As
            ``ArtifactModel.read``.
    """
    node_id = given.artifact_id(artifact)
    found = await get_engine().read_chunks(changes.REVISIONS, {"node_id": node_id})
    if not found:
        raise await absent(get_engine(), "artifact", node_id)
    return ResultList(item for _, item in await objects.from_rows(found, ArtifactModel))
