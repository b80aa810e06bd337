"""Mistakes that type checkers have to find; each line that is one says so."""

from __future__ import annotations

from dataclasses import dataclass

from artigraph_neo4j import (
    ArtifactModel,
    artifact_field,
    create_span_artifact,
    find_artifacts,
    find_spans,
    span_context,
)
from artigraph_neo4j.serializer.json import json_serializer


@dataclass
class Score(ArtifactModel, version=1):
    accuracy: float
    name: str = ""
    wrong: int = artifact_field(default="x")  # mistake
    given: int = artifact_field(serializer=json_serializer, indexed="yes", default=3)  # mistake


async def mistakes() -> None:
    find_artifacts(Score, lambda s: s.acuracy > 0.5)  # mistake
    find_artifacts(Score, lambda s: s.accuracy > "x")  # mistake
    find_artifacts(Score, lambda s: s.name)  # mistake
    find_artifacts(Score, 3)  # mistake
    find_spans(Score)  # mistake
    await find_spans(limit=3).read()  # mistake
    await create_span_artifact("current", label="x", data=3)  # mistake
    await Score(0.5).create(3)  # mistake
    span_context(3)  # mistake
    print((await find_artifacts(Score).read()).accuracy)  # mistake
