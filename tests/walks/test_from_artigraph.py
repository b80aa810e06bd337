"""Somebody from the usage page of Artigraph: its names, and what they are called here."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any

import pytest

import artigraph_neo4j
from artigraph_neo4j import (
    ArtifactModel,
    Span,
    create_span_artifact,
    read_child_artifacts,
    read_parent_span,
    read_span_artifact,
    span_context,
)
from artigraph_neo4j.errors import ArgumentError


@dataclass
class WalkDataModel(ArtifactModel, version=1):
    some_value: int
    another_value: dict[str, str] = field(default_factory=dict)


class WalkCustomSpan(Span):
    polymorphic_identity = "walk_custom_span"
    note: str


async def test_the_usage_page() -> None:
    artifact = WalkDataModel(some_value=42, another_value={"foo": "bar"})
    node_id = await artifact.create(label="my-artifact-label")
    assert await WalkDataModel.read(node_id) == artifact
    async with span_context(label="parent") as parent:
        async with span_context(WalkCustomSpan(label="child", note="n")) as child:
            await create_span_artifact("current", label="data", data=artifact)
            assert await read_parent_span("current") == parent
    assert await read_span_artifact(child, label="data") == artifact
    assert await read_child_artifacts(child) == [artifact]


async def test_former_names_are_answered_with_the_line_to_write() -> None:
    for name, line in (
        ("ArtifactModelConfig", "artifact_field"),
        ("read_span_descendants", "read_descendant_spans"),
    ):
        with pytest.raises(ImportError, match=line):
            getattr(artigraph_neo4j, name)
    with pytest.raises(ModuleNotFoundError, match="from artigraph_neo4j import set_engine"):
        importlib.import_module("artigraph_neo4j.db")
    artifact: Any = WalkDataModel(1)
    async with span_context(label="x"):
        with pytest.raises(ArgumentError, match="no argument 'artifact'; write: data="):
            await create_span_artifact("current", label="a", artifact=artifact)  # type: ignore[call-arg]
    with pytest.raises(ArgumentError, match="no argument 'span_label'; write: label="):
        span_context(span_label="x")  # type: ignore[call-overload]
    with pytest.raises(ArgumentError, match="async with span_context"):
        with span_context(label="x"):  # type: ignore[attr-defined]
            pass
