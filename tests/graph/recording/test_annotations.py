"""Tags and notes of spans and artifacts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    F,
    NotFoundError,
    add_tags,
    find_artifacts,
    find_spans,
    read_annotations,
    remove_tags,
    span_context,
    write_note,
)
from artigraph_neo4j.find.terms import (
    tagged,
    under,
)
from artigraph_neo4j.graph.attempts import Statement


@dataclass
class Thing(ArtifactModel, version=1):
    value: int


async def test_tags_and_notes(statements: list[Statement]) -> None:
    async with span_context(label="run") as span:
        node_id = await Thing(1).create(span="current")
    thing = await Thing.read(node_id)
    statements.clear()
    assert await add_tags(span, "good", "über") == {"good", "über"}
    assert len(statements) == 1
    assert await add_tags(thing, "good") == {"good"}
    assert await add_tags(node_id, "good", "x") == {"good", "x"}
    assert await remove_tags(node_id, "x", "never there") == {"good"}
    assert await find_spans(tagged("über"), F("node_id") == span.node_id).count() == 1
    assert await find_artifacts(Thing, tagged("good"), under(span)).read() == [thing]
    assert await find_artifacts(~tagged("good"), under(span)).read() == []
    await write_note(span, "first")
    await write_note(span, "second\n`line`")
    found = await read_annotations(span)
    assert (found.tags, found.note) == ({"good", "über"}, "second\n`line`")
    assert found.noted_at is not None
    await write_note(span, None)
    await write_note(span, None)
    assert (await read_annotations(span.node_id)).note is None
    assert (await read_annotations(thing)).tags == {"good"}


async def test_bad_input_changes_nothing() -> None:
    for names in ([""], ["x" * 257], ["good", ""]):
        with pytest.raises(ValueError, match="a tag has 1 to 256 characters"):
            await add_tags("nowhere", *names)
    for call in (
        add_tags("nowhere", "x"),
        remove_tags("nowhere", "x"),
        write_note("nowhere", "x"),
        read_annotations("nowhere"),
    ):
        with pytest.raises(NotFoundError, match="'nowhere'"):
            await call
    with pytest.raises(NotFoundError, match="neither read nor recorded"):
        await add_tags(Thing(1), "x")


async def test_writers_at_once_leave_one_note_and_all_tags(query: Any) -> None:
    async with span_context(label="run") as span:
        pass
    await asyncio.gather(
        *(write_note(span, f"note {i}") for i in range(20)),
        *(add_tags(span, f"tag {i}", f"tag {i + 1}") for i in range(20)),
    )
    ((notes,),) = await query(
        "MATCH (:ArtigraphNode {node_id: $id})-[:HAS_NOTE]->(n) RETURN count(n)", id=span.node_id
    )
    assert notes == 1
    assert (await read_annotations(span)).tags == {f"tag {i}" for i in range(21)}
