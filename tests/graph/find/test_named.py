"""Names that a person types for a span or artifact: ids, beginnings of ids, labels, ``latest``."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    Span,
    create_span_artifact,
    find_spans,
    get_engine,
    span_context,
)
from artigraph_neo4j.cli.app import app
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import NotFoundError, SeveralFoundError
from artigraph_neo4j.find import span
from artigraph_neo4j.find.named import find_named
from artigraph_neo4j.graph.parameters import with_one_map


@dataclass
class NamedThing(ArtifactModel, version=1):
    x: int


async def test_a_whole_id_is_taken_as_it_is(statements: list[Any]) -> None:
    node_id = new_id()
    assert await find_named(node_id, "span") == ("span", node_id)
    assert await find_named(node_id, "artifact") == ("artifact", node_id)
    assert statements == []


@pytest.mark.statements
async def test_the_beginning_of_an_id_a_label_and_latest(engine: Engine) -> None:
    label = f"named {new_id()}"
    async with span_context(label=label) as first:
        async with span_context(label=f"{label} inner"):
            artifact = await create_span_artifact("current", label=label, data=NamedThing(1))
    assert await find_named(first.node_id[:30], "span") == ("span", first.node_id)
    assert await find_named(artifact[:30], "artifact") == ("artifact", artifact)
    assert await find_named(label, "span") == ("span", first.node_id)
    assert await find_named(label, "artifact") == ("artifact", artifact)
    assert await find_named("latest", "span") == ("span", first.node_id)
    assert await find_named("latest", "artifact") == ("artifact", artifact)
    assert await find_named(first.node_id, "span", "artifact") == ("span", first.node_id)
    assert await find_named(artifact, "span", "artifact") == ("artifact", artifact)
    with pytest.raises(SeveralFoundError, match=f"span {first.node_id}.*artifact {artifact}"):
        await find_named(label, "span", "artifact")
    async with span_context(label=label) as second:
        assert await find_named("current", "span") == ("span", second.node_id)
    with pytest.raises(SeveralFoundError, match=rf"{second.node_id} \('named .*; give the id"):
        await find_named(label, "span")
    assert await find_named("latest", "span") == ("span", second.node_id)
    with pytest.raises(NotFoundError, match="there is no span or artifact with id 'no such'"):
        await find_named("no such", "span", "artifact")
    with pytest.raises(NotFoundError):
        await find_named("ffffffff", "span")
    with pytest.raises(NotFoundError):  # an artifact's
        await find_named(artifact[:30], "span")


async def test_the_beginning_of_an_id_is_found_by_the_index(session: Any) -> None:
    query = find_spans(span.node_id.startswith("0123"))
    text, parameters = query.explain().statement, query.explain().parameters
    plan = (await (await session.run(*with_one_map(f"EXPLAIN {text}", parameters))).consume()).plan
    assert "AllNodesScan" not in str(plan)
    assert "NodeByLabelScan" not in str(plan)


async def test_commands_take_them(
    graph_service: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, engine: Engine
) -> None:
    for name, value in graph_service.environment.items():
        monkeypatch.setenv(name, value)

    async def run(*arguments: str, code: int = 0) -> str:
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        assert result.exit_code == code, result.output
        return result.output

    label = f"commanded \x1b[31m {new_id()}"
    async with span_context(Span(label=label)) as made:
        artifact = await create_span_artifact("current", label=label, data=NamedThing(1))
    shown = [await run("show", name) for name in (made.node_id, made.node_id[:30], label)]
    assert len(set(shown)) == 1
    assert "\x1b" not in shown[0]
    for name in (artifact, artifact[:30], label):
        said = await run("artifact", name)
        assert artifact in said
        assert "commanded \\x1b[31m" in said
    assert "exported 1 spans" in await run("export", label, str(tmp_path / "x.jsonl"))
    assert "give the id of one of them" in await run("delete", label, "--yes", code=1)
    assert "may be another one" in " ".join(
        (await run("delete", "latest", "--yes", code=2)).split()
    )
    assert "1 artifacts" in await run("delete", artifact[:30], "--yes")
    assert "1 spans" in await run("delete", label, "--yes")
    assert await get_engine().read("MATCH (s:Span {label: $l}) RETURN 1", {"l": label}) == []
