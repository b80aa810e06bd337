"""Cached calls: what counts as equal, what is gone, and what a remembered call records."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from artigraph_neo4j import (
    ArtifactModel,
    Cache,
    CallKey,
    artifact_field,
    cached,
    delete_artifacts,
    delete_span,
    explain_miss,
    find_spans,
    read_lineage,
    read_span_artifacts,
    span_context,
    spanned,
)
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import SerializationError, SpanError
from artigraph_neo4j.find import span
from artigraph_neo4j.find.inspect import inspect_artifact
from artigraph_neo4j.recording.cache import Memory
from artigraph_neo4j.storage.memory import MemoryStorage
from artigraph_neo4j.sync import explain_miss as explain_miss_now

storage = MemoryStorage(name="cache-tests").register()


@dataclass
class CachedTable(ArtifactModel, version=1):
    rows: int
    data: bytes = artifact_field(storage=storage, default=b"data")


@dataclass
class CachedConfig(ArtifactModel, version=1):
    rate: float
    nested: dict[str, Any] = field(default_factory=dict)


async def test_a_call_is_remembered(statements: list[Any]) -> None:
    calls: list[Any] = []
    label = new_id()

    @cached(label=label, ignore=["verbose"])
    async def fit(table: CachedTable, rate: float, verbose: bool = False) -> CachedTable:
        calls.append(rate)
        return CachedTable(int(table.rows * rate))

    async with span_context(label="run") as run:
        first = await fit(CachedTable(10), 0.5)
        statements.clear()
        again = await fit(CachedTable(10), 0.5, verbose=True)
        other = await fit(CachedTable(10), 0.25)
    assert calls == [0.5, 0.25]
    assert (again, other.rows) == (first, 2)
    spans = await find_spans(span.label == label).order_by("opened_at").read()
    assert [s.status for s in spans] == ["OK"] * 3
    results = [await read_span_artifacts(s.node_id) for s in spans]
    assert [r["result"].rows for r in results] == [5, 5, 2]
    assert results[0]["result"].node_id == results[1]["result"].node_id
    keys: list[CallKey] = [r["cache key"] for r in results]
    assert [k.cached_from for k in keys] == [None, spans[0].node_id, None]
    assert keys[0].key == keys[1].key != keys[2].key
    up = await read_lineage(results[1]["result"].node_id, "up", depth=1)
    assert [s.node_id for s in up.spans] == [spans[0].node_id]
    assert run.status == "OK"

    assert str(await explain_miss(fit, CachedTable(10), 0.5)) == f"hit (span {spans[0].node_id})"
    miss = await explain_miss(fit, CachedTable(11), 0.5)
    assert (miss.reason, miss.differs) == ("differs", ("table",))
    assert (await explain_miss(fit, CachedTable(11), rate=1.0)).differs == ("rate", "table")
    assert (await asyncio.to_thread(explain_miss_now, fit, CachedTable(10), 0.5)).reason == "hit"

    # The run that made it goes; what others share stays, and is still remembered.
    await delete_span(spans[0].node_id)
    assert await fit(CachedTable(10), 0.5) == first
    assert len(calls) == 2


async def test_what_is_gone_is_a_miss() -> None:
    calls: list[int] = []

    @cached(version=new_id())
    async def make(n: int) -> CachedTable:
        calls.append(n)
        return CachedTable(n, f"{new_id()}".encode())

    for what in range(10):
        made = await make(what)
        if what % 2:
            await delete_artifacts(made.node_id)
        else:
            blob = (await inspect_artifact(made.node_id)).field("data").blob
            assert blob is not None
            location = blob.location
            await storage.delete(location)
            assert (await explain_miss(make, what)).reason == "results gone"
        await make(what)
        assert calls == [n for n in range(what + 1) for _ in range(2)]


@pytest.mark.statements
async def test_failures_dicts_and_functions_that_are_not_async() -> None:
    calls: list[int] = []

    @spanned(cache=Cache(version=new_id()))
    def split(n: int) -> dict[str, CachedTable]:
        calls.append(n)
        if n < 0:
            raise ValueError("negative")
        return {"a": CachedTable(n), "b": CachedTable(n + 1)}

    for _ in range(2):
        found = await asyncio.to_thread(split, 1)
        assert (list(found), found["b"].rows) == (["a", "b"], 2)
        with pytest.raises(ValueError, match="negative"):
            await asyncio.to_thread(split, -1)
    assert calls == [1, -1, -1]
    assert (await explain_miss(split, -1)).reason in ("differs", "never called")

    @cached(version=new_id())
    async def plain(n: int) -> int:
        calls.append(n)
        return n

    assert [await plain(7), await plain(7)] == [7, 7]
    assert calls[-2:] == [7, 7]

    @cached(version=1)
    async def reader(file: Any) -> CachedTable:
        return CachedTable(1)

    with pytest.raises(SerializationError, match=r"argument 'file'.*ignore=\['file'\]"):
        await reader(object())


async def test_two_at_once_are_both_right() -> None:
    calls: list[int] = []

    @cached(version=new_id())
    async def slow(n: int) -> CachedTable:
        calls.append(n)
        await asyncio.sleep(0.2)
        return CachedTable(n)

    found = await asyncio.gather(*(slow(3) for _ in range(4)))
    assert {t.rows for t in found} == {3}
    assert (await slow(3)).rows == 3
    assert len(calls) <= 4


def test_what_cannot_be_cached_is_refused_when_it_is_defined() -> None:
    with pytest.raises(SpanError, match="generator"):

        @cached
        def numbers() -> Any:
            yield 1

    with pytest.raises(SpanError, match="no argument 'y'"):

        @cached(ignore=["y"])
        async def ignoring(x: int) -> None: ...

    with pytest.raises(SpanError, match="results that are recorded"):

        @spanned(cache=True, result=None)
        async def nothing() -> None: ...

    with pytest.raises(SpanError, match="version=1"):
        spanned(cache=True)(eval("lambda x: x"))


_VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 0.0, -0.0, 1.0, 0.1, float("nan"), float("inf"), "", "1", "a", b"",
    b"1", [], [1], [1.0], [True], (1,), {1}, {}, {"a": 1}, {"a": 1.0}, {"a": [1]}, {"a": (1,)},
    timedelta(seconds=1), 2**70, np.int64(1), np.float32(1), np.array([1]), np.array([1.0]),
    np.array([[1]]), CachedConfig(1.0), CachedConfig(1.0, {"x": 1}), CachedConfig(1.0, {"x": 1.0}),
    CachedConfig(1.0, {"x": CachedTable(1)}), CachedTable(1), CachedTable(1, b"other"),
    [CachedTable(1)], {"t": CachedTable(1)},
]  # fmt: skip


def test_ten_thousand_mutated_calls_have_no_wrong_hit() -> None:
    def function(*args: Any) -> None: ...

    memory = Memory.of(function, Cache(version=1), "result")
    alone = [memory.key(memory.parts({"x": value})) for value in _VALUES]
    assert len(set(alone)) == len(_VALUES)
    assert alone == [memory.key(memory.parts({"x": value})) for value in _VALUES]
    chance = random.Random(1)
    seen: dict[str, tuple[tuple[str, int], ...]] = {}
    for _ in range(10_000):
        names = chance.sample("abcd", chance.randrange(1, 5))
        call = tuple(sorted((name, chance.randrange(len(_VALUES))) for name in names))
        key = memory.key({"version": "1"} | {f"{n}=": alone[i] for n, i in call})
        assert seen.setdefault(key, call) == call
