"""Calls of cached functions, listed: what ran, what was remembered, and why."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from artigraph_neo4j import ArtifactModel, CachedCalls, cached, delete_span, read_cached_calls
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import SpanError
from artigraph_neo4j.graph.cypher.cache import calls
from artigraph_neo4j.graph.parameters import with_one_map
from artigraph_neo4j.sync import read_cached_calls as read_now
from tests.graph import plans


@dataclass
class CalledItem(ArtifactModel, version=1):
    n: float


def scaling(version: str) -> Callable[..., Awaitable[CalledItem]]:
    @cached(version=version, label="scale {rate}")
    async def scale(n: int, rate: float) -> CalledItem:
        await asyncio.sleep(0.05)
        return CalledItem(n * rate)

    return scale


@pytest.fixture
async def called() -> tuple[Callable[..., Awaitable[CalledItem]], str]:
    version = new_id()
    one, other = scaling(version), scaling(version + "b")
    await one(1, 0.5)
    await one(1, 0.5)
    await one(1, 0.25)
    await other(1, 0.25)
    return one, version


@pytest.mark.statements
async def test_what_ran_and_what_was_remembered(
    called: tuple[Callable[..., Awaitable[CalledItem]], str], statements: list[Any]
) -> None:
    one, _ = called
    statements.clear()
    found = await read_cached_calls(one, limit=4)
    assert [s.access for s in statements] == ["read"]
    other, quarter, again, first = found.calls
    assert [c.label for c in found.calls] == ["scale 0.25", "scale 0.25", "scale 0.5", "scale 0.5"]
    assert (first.cached_from, again.cached_from) == (None, first.node_id)
    assert [c.differs for c in (other, quarter, again)] == [("version",), ("rate",), ()]
    assert again.saved is not None
    assert first.seconds is not None
    assert again.saved < first.seconds
    (counted,) = found.functions
    assert (counted.ran, counted.hits, counted.saved) == (3, 1, again.saved)
    assert (counted.function, counted.latest) == (first.function, other.at)
    assert first.function.endswith("scaling.<locals>.scale")

    assert (await read_cached_calls(first.function, limit=4)).calls == found.calls
    everything = await read_cached_calls()
    assert {c.node_id for c in found.calls} <= {c.node_id for c in everything.calls}
    assert await asyncio.to_thread(read_now, one, limit=4) == found
    assert (await read_cached_calls(new_id())) == CachedCalls([])

    drawn = found.diagram()
    assert [(e.source, e.target) for e in drawn.edges] == [(first.node_id, again.node_id)]
    assert [n.lines[1] for n in drawn.nodes] == [
        "ran", "from the cache", "ran: other rate", "ran: other version",
    ]  # fmt: skip
    assert "from the cache" in found.to_mermaid()
    assert "other rate" in found._repr_html_()

    await delete_span(first.node_id)  # its results are shared; how long it took is gone
    (left,) = [c for c in (await read_cached_calls(one)).calls if c.node_id == again.node_id]
    assert (left.cached_from, left.saved) == (first.node_id, None)
    with pytest.raises(SpanError, match="no cache"):
        await read_cached_calls(print)
    with pytest.raises(ValueError, match="limit"):
        await read_cached_calls(limit=0)


async def test_it_starts_at_an_index(
    called: tuple[Callable[..., Awaitable[CalledItem]], str], session: Any
) -> None:
    (last,) = (await read_cached_calls(limit=1)).calls
    for of_function, start in ((True, "NodeIndexSeek"), (False, "NodeIndexSeek")):
        result = await session.run(
            *with_one_map(
                "PROFILE " + calls(of_function=of_function),
                {"function": last.function, "limit": 3},
            )
        )
        profile = (await result.consume()).profile
        found = plans.operators(profile)
        assert start in found
        assert "NodeByLabelScan" not in found
        if not of_function:  # the index has the order, so three are read and no more
            assert not {"Sort", "Top"} & {f.split("(")[0] for f in found}
            assert plans.hits(profile) < 100
