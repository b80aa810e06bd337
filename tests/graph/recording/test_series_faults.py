"""What spans log is kept, and spans end, whatever goes wrong meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from artigraph_neo4j import ArgumentError, Span, batch, read_series, read_span, span_context
from artigraph_neo4j.errors import EngineError, SpanError
from artigraph_neo4j.graph.cypher.series import LOG
from artigraph_neo4j.recording import series
from artigraph_neo4j.serializer import series as rows


async def test_a_span_ends_if_its_last_write_is_cancelled() -> None:
    runs: list[Span] = []

    async def work() -> None:
        async with span_context(label="cancelled") as run:
            runs.append(run)
            run.log(loss=1.0)
            task = asyncio.current_task()
            assert task is not None
            task.cancel()  # raised by the next await: in the write of the rows

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(work())
    assert (await read_span(runs[0].node_id)).status == "OK"
    assert (await read_series(runs[0]))["loss"].values == [1.0]


async def test_an_unforeseen_failure_loses_no_row_and_not_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table_of: Callable[[Any], Any] = rows.table_of
    failing = [True]

    def fail(logged: Any) -> Any:
        if failing:
            raise OverflowError("unforeseen")
        return table_of(logged)

    monkeypatch.setattr(rows, "table_of", fail)
    with pytest.raises(ValueError, match="of the user") as caught:
        async with span_context(label="failed") as run:
            run.log(loss=1.0)
            raise ValueError("of the user")
    failing.clear()
    assert "unforeseen" in caught.value.__notes__[0]
    assert (await read_span(run.node_id)).status == "ERROR"
    assert (await read_series(run))["loss"].values == [1.0]


async def test_rows_that_are_being_written_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    table_of: Callable[[Any], Any] = rows.table_of
    begun, goes_on = threading.Event(), threading.Event()

    def wait(logged: Any) -> Any:
        begun.set()
        goes_on.wait(20)
        return table_of(logged)

    monkeypatch.setattr(series, "FULL_POINTS", 1)
    monkeypatch.setattr(rows, "table_of", wait)
    async with span_context(label="busy") as run:
        run.log(loss=1.0)
        assert await asyncio.to_thread(begun.wait, 20)
        reading = asyncio.create_task(read_series(run))
        await asyncio.sleep(0.1)
        goes_on.set()
        assert (await reading)["loss"].values == [1.0]


async def test_a_step_has_64_bits() -> None:
    async with span_context(label="steps") as run:
        for step in (2**64, 2**63, -(2**63) - 1, np.zeros(2)):
            with pytest.raises(ArgumentError, match="a step is an int of 64 bits"):
                run.log(x=1.0, step=step)  # type: ignore[arg-type] # refused
        run.log(x=1.0, step=2**63 - 1)
        with pytest.raises(ArgumentError, match="a step is an int of 64 bits"):
            run.log(x=2.0)
        run.log(x=3.0, step=0)
    assert (await read_series(run))["x"].steps == [2**63 - 1, 0]


async def test_a_span_that_was_read_knows_its_summaries_when_it_is_entered() -> None:
    async with span_context(label="read") as run:
        run.log(loss=1.0)
    again = await read_span(run.node_id)
    async with span_context(again):
        assert dict(again.logged) == dict(run.logged)
        again.log(loss=3.0)
    assert again.logged["loss"].mean == 2.0
    assert dict((await read_span(run.node_id)).logged) == dict(again.logged)


async def test_rows_are_buffered_after_an_inner_block_and_refused_after_the_last(
    statements: list[Any],
) -> None:
    async with span_context(label="outer") as run:
        async with span_context(run):
            pass
        before = len(statements)
        for _ in range(3):
            run.log(x=1.0)
            await asyncio.sleep(0.05)
        assert len(statements) == before
    with pytest.raises(SpanError, match="not open here any more"):
        run.log(x=1.0)
    assert len(await read_series(run)) == 3


async def test_rows_are_kept_if_the_answer_is_lost_and_another_session_has_the_span(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    once, lost = engine.once, [True]

    async def lose(text: str, *args: Any, **options: Any) -> Any:
        result = await once(text, *args, **options)
        return replace(result, row=[], before=lost.pop()) if text == LOG and lost else result

    async with span_context(label="shared") as run:
        run.log(a=1.0)
        await read_series(run)  # its rows are on the span
        other = await read_span(run.node_id)
        monkeypatch.setattr(engine, "once", lose)
        async with span_context(other):
            other.log(b=2.0)
        assert not lost
        found = await read_series(run)
        assert (found["a"].values, found["b"].values) == ([1.0], [2.0])
    assert (await read_span(run.node_id)).logged["b"].count == 1


async def test_a_driver_of_another_loop_does_not_stop_the_log(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Any] = []

    def start(work: Any) -> None:
        begun.append(work)
        raise EngineError("another loop")

    async with span_context(label="elsewhere") as run:
        with monkeypatch.context() as patch:
            patch.setattr(engine, "start", start)
            run.log(x=1.0)
            run.log(x=2.0)
        assert len(begun) == 2  # each row tries again
    assert (await read_series(run))["x"].values == [1.0, 2.0]


async def test_rows_of_an_atomic_batch_do_not_hold_up_other_work(engine: Any) -> None:
    done: list[bool] = []

    async def other() -> None:
        done.append(True)

    async with batch(atomic=True):
        async with span_context(label="batched") as run:
            run.log(x=1.0)
        engine.later(other)
        for _ in range(100):
            await engine.ask("RETURN 1", {}, after_batch=False)
            if done:
                break
            await asyncio.sleep(0.01)
        assert done
    assert (await read_series(run))["x"].values == [1.0]
