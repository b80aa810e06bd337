"""Artifacts that are damaged in the graph, and bytes of every value: a run can still be seen."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner

from artigraph_neo4j import (
    ArtifactModel,
    artifact_field,
    create_span_artifact,
    create_span_artifacts,
    delete_span,
    find_spans,
    get_engine,
    read_child_spans,
    read_span,
    read_span_tree,
    span_context,
)
from artigraph_neo4j.cli.app import app
from artigraph_neo4j.errors import SerializationError
from artigraph_neo4j.find import under
from artigraph_neo4j.find.inspect import inspect_artifact
from artigraph_neo4j.storage.memory import MemoryStorage


@dataclass
class HoldsBytes(ArtifactModel, version=1):
    data: bytes


@dataclass
class Damaged(ArtifactModel, version=1):
    text: str
    day: Any
    stored: str = artifact_field(storage=MemoryStorage("damaged"), default="")


@pytest.fixture
def run(graph_service: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in graph_service.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")

    async def command(*arguments: str, code: int = 0) -> str:
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        assert result.exit_code == code, result.output
        return result.output

    return command


BYTES = [
    b"", b"\0", b"\x7f", b"\x80", b"\xff" * 10, b"\x89PNG\r\n\x1a\n", b"\x89" * 300,
    bytes(range(256)), bytes(range(255, -1, -1)) * 100,
]  # fmt: skip


async def test_bytes_of_every_value_are_shown(run: Any) -> None:
    async with span_context(label="bytes") as top:
        await create_span_artifacts(
            "current", {f"b{n}": HoldsBytes(data) for n, data in enumerate(BYTES)}
        )
    tree = await read_span_tree(top)
    found = {item.label: item.fields[0] for item in tree.artifacts}
    for number, data in enumerate(BYTES):
        field = found[f"b{number}"]
        assert (field.kind, field.size or len(field.value)) == ("bytes", len(data))
        assert data.startswith(field.value)
        assert field.cut == (len(field.value) < len(data))
    assert "b1" in tree._repr_html_()
    said = await run("show", top.node_id, "--fields")
    assert r"\x89PNG" in said
    shown = json.loads(await run("show", top.node_id, "--json"))["spans"][0]["artifacts"]
    assert len(shown) == len(BYTES)
    await delete_span(top)


DAMAGES = {
    "no codec": "REMOVE a.codec",
    "a codec that is not JSON": "SET a.codec = 'no {json'",
    "a codec of another shape": "SET a.codec = '[1]'",
    "a codec without fields": "SET a.codec = '{}'",
    "no model": "REMOVE a.model, a.model_version",
    "a field that is gone": "REMOVE a.text",
    "a field of another type": "SET a.day = 'not a day'",
    "a time that is gone": "REMOVE a.recorded_at",
    "a time of lists": "SET a.recorded_at = ['now']",
    "a value that is gone": "WITH a MATCH (a)-[:STORED_IN]->(b) DETACH DELETE b",
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_artifact_hides_no_other(damage: str, run: Any) -> None:
    from datetime import date

    async with span_context(label="damaged") as top:
        await create_span_artifact("current", label="before", data=HoldsBytes(b"1"))
        node_id = await create_span_artifact(
            "current", label="broken", data=Damaged("x", date(2024, 2, 29), "stored " * 1000)
        )
        await create_span_artifact("current", label="after", data=HoldsBytes(b"2"))
    await get_engine().write(
        f"MATCH (a:ArtigraphNode {{node_id: $id}}) {DAMAGES[damage]}", {"id": node_id}
    )
    tree = await read_span_tree(top)
    assert {item.label for item in tree.artifacts} == {"before", "broken", "after"}
    for text in (tree._repr_html_(), str(tree), tree.to_mermaid()):
        assert "HoldsBytes" in text
    for arguments in ((), ("--fields",), ("--json",)):
        said = await run("show", top.node_id, *arguments)
        assert "before" in said
        assert "after" in said
        assert "broken" in said
    assert "damaged" in await run("ls", "--label", "damaged")
    await delete_span(top)


async def test_a_damaged_field_hides_no_other(run: Any) -> None:
    from datetime import date

    async with span_context(label="damaged") as top:
        node_id = await create_span_artifact("current", label=None, data=Damaged("x", date.today()))
    write = "MATCH (a:ArtigraphNode {node_id: $id}) REMOVE a.text SET a.day = 'no day' RETURN 1"
    await get_engine().write(write, {"id": node_id})
    found = await inspect_artifact(node_id)
    assert [field.kind for field in found.fields][:2] == ["unreadable", "date"]
    with pytest.raises(SerializationError, match="field 'text' cannot be read: .*is gone"):
        found.handle("text")
    assert "unreadable" in await run("artifact", node_id)
    await delete_span(top)


async def test_what_people_print_steers_no_terminal(run: Any) -> None:
    hostile = "\x1b]0;owned\x07\x9b2J\u202e"
    with pytest.raises(ValueError, match="owned"):
        async with span_context(label=hostile) as top:
            await create_span_artifact("current", label=hostile, data=Damaged(hostile, hostile))
            raise ValueError(hostile)
    tree = await read_span_tree(top)
    printed = [
        str(tree), repr(tree), repr(top), repr(tree.artifacts), tree.artifacts[0].fields[0].text,
        tree.to_mermaid(), await run("show", top.node_id, "--fields"),
        await run("show", top.node_id, "--json"), await run("ls", "--label", hostile),
        await run("artifact", tree.artifacts[0].node_id),
        await run("delete", top.node_id, "--dry-run"),
        await run("show", hostile + "?", code=1),
    ]  # fmt: skip
    for text in printed:
        assert [c for c in text if not c.isprintable() and c not in "\n\u200b"] == [], text
    for text in (printed[0], printed[6]):
        assert r"\x1b]0;owned" in text
    await delete_span(top)


@pytest.mark.parametrize(
    "damage",
    [
        "opened_at = 'soon'",
        "opened_at = [1]",
        "opened_at = localdatetime()",
        "closed_at = ''",
        "closed_at = localdatetime()",
        "label = 5",
        "label = ['a']",
    ],
)
async def test_a_damaged_span_hides_no_other(damage: str) -> None:
    async with span_context(label="top") as top:
        async with span_context(label="before") as before:
            pass
        async with span_context(label="broken") as broken:
            pass
    write = f"MATCH (s:ArtigraphNode {{node_id: $id}}) SET s.{damage}"
    await get_engine().write(write, {"id": broken.node_id})
    wanted = {before.node_id, broken.node_id}
    for found in (await find_spans(under(top)).read(), await read_child_spans(top)):
        assert {one.node_id for one in found} == wanted
        assert "before" in repr([(one, one.duration) for one in found])
    assert (await read_span(broken.node_id)).node_id == broken.node_id
    tree = await read_span_tree(top)
    assert "before" in str(tree) + tree._repr_html_()
    await delete_span(top)
