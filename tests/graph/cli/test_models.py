"""``artigraph models --python``: what it prints runs, and reads what is stored."""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from typer.testing import CliRunner

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    Lazy,
    artifact_field,
    delete_artifacts,
    lazy_field,
)
from artigraph_neo4j.cli.app import app
from artigraph_neo4j.storage.memory import MemoryStorage
from artigraph_neo4j.upkeep.migrate.source import python_source

memory = MemoryStorage("sources").register()


@dataclass
class SourceLeaf(ArtifactModel, version=2):
    x: int | None


@dataclass
class SourceTree(ArtifactModel, version=1, name="source tree"):
    at: datetime
    score: np.float32
    words: list[str]
    leaf: SourceLeaf
    leaves: list[SourceLeaf]
    by_name: dict[str, SourceLeaf]
    options: dict[str, Any]
    lazy: Lazy[str] = lazy_field(storage=memory)
    data: bytes = artifact_field(storage=memory, default=b"")
    extra: dict[str, Any] = field(default_factory=dict)


async def test_dataclasses_for_what_is_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leaves = [SourceLeaf(1), SourceLeaf(None)]
    now = datetime.now(UTC)
    more: dict[str, Any] = {"by_name": {"a": leaves[0]}, "options": {"a": {1, 2}}}
    for some in (leaves, []):
        made = SourceTree(now, np.float32(1), ["a"], leaves[0], some, lazy=Lazy("long"), **more)
        node_id = await made.create()
    source = await python_source()
    for line in (
        "class source_tree(ArtifactModel, version=1, name='source tree'):",
        "at: datetime", "score: Any  # numpy.float32", "words: list[Any]", "leaf: SourceLeaf",
        "lazy: Lazy[str]", "data: bytes",
        "class SourceLeaf(ArtifactModel, version=2):", "x: int | None = None",
    ):  # fmt: skip
        assert line in source, source
    module: Any = types.ModuleType(f"printed_{uuid4().hex}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(source, "printed", "exec"), module.__dict__)
    found = await module.source_tree.read(node_id)
    assert (found.leaf.x, found.leaves, found.score) == (1, [], np.float32(1))
    assert await found.lazy.load() == "long"
    assert await module.SourceLeaf.read(await module.SourceLeaf(x=2).create()) is not None


@pytest.mark.statements
def test_the_command(graph_service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in graph_service.environment.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(app, ["models", "--python"])
    assert done.exit_code == 0, done.output
    assert "@dataclass(kw_only=True)" in done.stdout
    table = CliRunner().invoke(app, ["models", "--json"])
    assert '"status"' in table.stdout


@pytest.mark.parametrize(
    "codec",
    ["", "{", "[]", "{}", '{"fields": 1}', '{"fields": {"a": 1}}', '{"fields": {"a": []}}',
     '{"fields": {"a": ["inline"]}}', '{"fields": {"a": {"b": 1}}}'],
)  # fmt: skip
async def test_a_damaged_artifact_hides_no_model(engine: Engine, codec: str) -> None:
    node_id = await SourceLeaf(7).create()
    await engine.write(
        "MATCH (n {node_id: $id}) SET n.codec = $codec", {"id": node_id, "codec": codec}
    )
    try:
        source = await python_source()
    finally:
        await delete_artifacts(node_id)
    assert "class SourceLeaf(ArtifactModel, version=2):" in source
    assert "# Damaged artifacts, whose fields are not known, are left out." in source
    compile(source, "printed", "exec")
