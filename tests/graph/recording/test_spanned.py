"""A span for each call: functions, methods, generators, async or not."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    CallArguments,
    get_current_span_id,
    read_child_artifacts,
    read_child_spans,
    read_parent_span,
    read_span,
    read_span_artifact,
    read_span_artifacts,
    span_context,
    spanned,
    sync,
)
from artigraph_neo4j.errors import ArtifactTypeError, SpanError
from tests.graph.models import EpochSpan


@dataclass
class Weights(ArtifactModel, version=1):
    value: float


seen: dict[str, str] = {}


@spanned
async def plain() -> None:
    seen["plain"] = get_current_span_id()


@spanned(label="train {epochs:03}", span=EpochSpan, arguments=["epochs", "rate"], result="model")
async def train(epochs: int, *, rate: float = 0.5, secret: str = "s") -> Weights:
    """Trains."""
    return Weights(epochs * rate)


@spanned(arguments=True)
def compute(x: int, y: int = 2) -> dict[str, Weights]:
    seen["compute"] = get_current_span_id()
    return {"sum": Weights(x + y), "product": Weights(x * y)}


@spanned
def outer() -> float:
    return helper(1.0)


@spanned(result=None)
def helper(value: float) -> float:
    seen["helper"] = get_current_span_id()
    return value


async def test_async_functions() -> None:
    assert train.__doc__ == "Trains."
    assert str(inspect.signature(train)).startswith("(epochs: 'int', *, rate: 'float' = 0.5")
    async with span_context(label="top") as top:
        await plain()
        assert await train(7) == Weights(3.5)
    first, second = await read_child_spans(top.node_id)
    assert (first.label, first.node_id, first.status) == ("plain", seen["plain"], "OK")
    assert await read_child_artifacts(first.node_id) == []
    assert isinstance(second, EpochSpan)
    assert (second.label, second.epochs) == ("train 007", 7)
    found = await read_span_artifacts(second.node_id)
    name = f"{__name__}.train"
    assert found == {
        "arguments": CallArguments(name, {"epochs": 7, "rate": 0.5}),
        "model": Weights(3.5),
    }


def test_functions_that_are_not_async() -> None:
    with sync.span_context(label="top") as top:
        compute(3)
        assert outer() == 1.0
    first, second = sync.read_child_spans(top.node_id)
    assert first.node_id == seen["compute"]
    assert sync.read_span_artifacts(first.node_id) == {
        "arguments": CallArguments(f"{__name__}.compute", {"x": 3, "y": 2}),
        "sum": Weights(5),
        "product": Weights(6),
    }
    assert [s.node_id for s in sync.read_child_spans(second.node_id)] == [seen["helper"]]


def test_methods() -> None:
    class Trainer:
        @spanned(label="{self.name}/{step}", arguments=True)
        def run(self, step: int) -> str:
            return get_current_span_id()

        @classmethod
        @spanned
        def make(cls) -> str:
            return get_current_span_id()

        @staticmethod
        @spanned
        def help() -> str:
            return get_current_span_id()

        name = "t"

    span_id = Trainer().run(3)
    assert sync.read_span(span_id).label == "t/3"
    found = sync.read_span_artifact(span_id, label="arguments", model=CallArguments)
    assert found.values == {"step": 3}
    assert sync.read_span(Trainer.make()).label == "make"
    assert sync.read_span(Trainer.help()).label == "help"


async def test_errors_end_the_span() -> None:
    @spanned
    async def fails() -> None:
        seen["fails"] = get_current_span_id()
        raise ValueError("wrong")

    @spanned
    def fails_too() -> None:
        seen["fails_too"] = get_current_span_id()
        raise ValueError("wrong")

    for call in (fails, lambda: asyncio.to_thread(fails_too)):
        with pytest.raises(ValueError, match="wrong"):
            await call()
    for name in ("fails", "fails_too"):
        found = await read_span(seen[name])
        assert (found.status, found.exception_message) == ("ERROR", "wrong")

    @spanned
    async def mixed() -> dict[str, Any]:
        seen["mixed"] = get_current_span_id()
        return {"a": Weights(1.0), "b": 3}

    with pytest.raises(ArtifactTypeError, match="only some values are artifacts"):
        await mixed()
    assert await read_child_artifacts(seen["mixed"]) == []


def test_generators() -> None:
    @spanned
    def numbers(n: int) -> Iterator[Any]:
        for i in range(n):
            got = yield i, get_current_span_id()
            seen[f"sent {i}"] = got
        return Weights(1.0)

    with sync.span_context(label="top") as top:
        generator = numbers(3)
        first, span_id = next(generator)
        # What its own code opens is below it; what its consumer does meanwhile is not.
        assert get_current_span_id() == top.node_id
        assert sync.read_span(span_id).status == "UNSET"
        assert generator.send("hello") == (1, span_id)  # type: ignore[attr-defined]
        assert seen["sent 0"] == "hello"
        assert [i for i, _ in generator] == [2]
    assert first == 0
    found = sync.read_span(span_id)
    assert (found.status, sync.read_parent_span(span_id)) == ("OK", top)
    assert sync.read_span_artifact(span_id, label="result", model=Weights) == Weights(1.0)

    left = numbers(3)
    _, span_id = next(left)
    left.close()  # type: ignore[attr-defined]
    assert sync.read_span(span_id).status == "OK"

    broken = numbers(3)
    _, span_id = next(broken)
    with pytest.raises(KeyError):
        broken.throw(KeyError("x"))  # type: ignore[attr-defined]
    assert sync.read_span(span_id).status == "ERROR"


async def test_async_generators() -> None:
    @spanned(label="count to {n}")
    async def numbers(n: int) -> AsyncIterator[Any]:
        for i in range(n):
            async with span_context(label=f"step {i}") as step:
                pass
            yield i, get_current_span_id(), step

    async with span_context(label="top") as top:
        seen_spans = set()
        async for _, span_id, step in numbers(3):
            assert get_current_span_id() == top.node_id
            assert await read_parent_span(step.node_id) == await read_span(span_id)
            seen_spans.add(span_id)
    (span_id,) = seen_spans
    found = await read_span(span_id)
    assert (found.label, found.status) == ("count to 3", "OK")
    assert len(await read_child_spans(span_id)) == 3

    left: Any = numbers(3)
    _, span_id, _ = await anext(left)
    await left.aclose()
    assert (await read_span(span_id)).status == "OK"

    broken: Any = numbers(3)
    _, span_id, _ = await anext(broken)
    with pytest.raises(KeyError):
        await broken.athrow(KeyError("x"))
    assert (await read_span(span_id)).status == "ERROR"


async def test_many_calls_at_once() -> None:
    @spanned
    async def child(i: int) -> Weights:
        await asyncio.sleep(0)
        return Weights(float(i))

    async with span_context(label="top") as top:
        await asyncio.gather(*map(child, range(20)))
    spans = await read_child_spans(top.node_id)
    assert len(spans) == 20
    values = [await read_span_artifact(s.node_id, label="result", model=Weights) for s in spans]
    assert {v.value for v in values} == set(map(float, range(20)))


def test_mistakes_show_when_the_function_is_defined() -> None:
    with pytest.raises(SpanError, match="has no argument 'y'; it has x"):
        spanned(arguments=["y"])(lambda x: x)
    with pytest.raises(SpanError, match="is not a template of its arguments"):
        spanned(label="{y}")(lambda x: x)
    with pytest.raises(SpanError, match="goes on a function"):
        spanned(staticmethod(lambda: None))
    with pytest.raises(TypeError, match="missing a required argument"):
        compute()  # type: ignore[call-arg]
