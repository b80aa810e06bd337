"""``MADE_BY``: from each artifact to the one span that made it, whatever wrote or deleted what."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    batch,
    create_span_artifact,
    delete_artifacts,
    delete_span,
    export_graph,
    import_graph,
    link_artifact,
    migrate_artifacts,
    migration,
    revise_artifact,
    span_context,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.graph.cypher import write


@dataclass
class MadePart(ArtifactModel, version=1):
    n: int


@dataclass
class Made(ArtifactModel, version=1):
    n: int
    parts: list[MadePart] = field(default_factory=lambda: [MadePart(1)])


async def makers(query: Any, *artifacts: str) -> list[list[str]]:
    """The spans that ``MADE_BY`` leads to, of each artifact, nested ones among them."""
    rows = await query(
        "UNWIND $ids AS id MATCH (a:ArtigraphNode {node_id: id}) "
        "RETURN [(a)-[:HAS_FIELD*0..]->(x)-[:MADE_BY]->(s) | s.node_id]",
        ids=artifacts,
    )
    return [found for (found,) in rows]


async def test_alone_in_a_batch_and_again(engine: Engine, query: Any) -> None:
    async with span_context(label="maker") as maker, batch():
        later = await create_span_artifact("current", label="later", data=Made(2))
    async with span_context(maker):
        now = await create_span_artifact("current", label="now", data=Made(1))
    alone = await Made(3).create()
    assert await makers(query, now, later, alone) == [[maker.node_id], [maker.node_id], []]

    row = [{"node_id": new_id(), "n": 4}, [0, 0], None, None]
    group = {"labels": ["Artifact", "Made"], "model": "Made", "model_version": 1, "codec": "{}"}
    parameters = {
        "owners": [maker.node_id],
        "owned": [group | {"spans": [[maker.node_id, [row]]]}],
    }
    for merge in (False, True, True):
        await engine.once(write.statement(parameters, merge=merge), parameters)
    assert await makers(query, row[0]["node_id"]) == [[maker.node_id]]  # type: ignore[index]


async def test_sharing_revising_and_deleting(query: Any) -> None:
    async with span_context(label="maker") as maker:
        first = await create_span_artifact("current", label="x", data=Made(1))
        other = await create_span_artifact("current", label="y", data=Made(1))
    async with span_context(label="sharer"):
        await link_artifact("current", first)
        await link_artifact("current", other)
    async with span_context(label="reviser"):
        second = await revise_artifact(first, Made(2))
        third = await revise_artifact(second, Made(3))
    assert await makers(query, first, second, third, other) == [[maker.node_id]] * 4
    await delete_artifacts(third)
    assert await makers(query, first, second) == [[maker.node_id]] * 2
    await delete_span(maker.node_id)
    assert await makers(query, first, second, other) == [[], [], []]
    fourth = await revise_artifact(second, Made(4))
    assert await makers(query, fourth) == [[]]


async def test_out_and_in_again(query: Any, tmp_path: Path) -> None:
    async with span_context(label="top") as top:
        async with span_context(label="maker") as maker:
            first = await create_span_artifact("current", label="x", data=Made(1))
            second = await revise_artifact(first, Made(2))
        async with span_context(label="sharer"):
            await link_artifact("current", second)
    await export_graph(top.node_id, tmp_path / "top.jsonl")
    await delete_span(top.node_id)
    assert await makers(query, first, second) == []
    for _ in range(2):
        await import_graph(tmp_path / "top.jsonl")
        assert await makers(query, first, second) == [[maker.node_id]] * 2


async def test_a_migration_keeps_it(query: Any) -> None:
    def model(version: int) -> type[Any]:
        @dataclass
        class MadeOfOld(ArtifactModel, version=version):
            n: int
            part: MadePart = field(default_factory=lambda: MadePart(1))

            if version == 2:

                @migration(1)
                def other(data: dict[str, Any]) -> dict[str, Any]:
                    return data | {"n": 2, "part": MadePart(2)}

        return MadeOfOld

    async with span_context(label="maker") as maker:
        old = await create_span_artifact("current", label="x", data=model(1)(1))
    new = model(2)
    report = await migrate_artifacts(new)
    assert report.migrated == 1
    assert await makers(query, old) == [[maker.node_id]]
    assert (await new.read(old)).n == 2
