"""A run with a key: begun once, resumed, refused, or begun again with its attempts kept."""

from __future__ import annotations

import asyncio
from contextvars import Context
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from neomodel import StringProperty

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    Span,
    batch,
    create_span_artifact,
    delete_span,
    engine_context,
    export_graph,
    find_spans,
    import_graph,
    read_child_spans,
    read_parent_span,
    read_span,
    read_span_artifacts,
    span_context,
    sync,
)
from artigraph_neo4j.errors import ArgumentError, NotFoundError, RunExistsError, SpanError
from artigraph_neo4j.find import span as of_span
from tests.graph.engine.test_once import far_away, lost_then


@dataclass
class Row(ArtifactModel, version=1):
    n: int


class Nightly(Span):
    day: str
    rows: int
    device = StringProperty(default="cpu")


class Weekly(Span):
    day: str


@pytest.fixture
def job() -> str:
    return f"nightly {uuid4()}"


class BrokenError(Exception):
    pass


async def failed_run(job: str, **more: Any) -> Span:
    with pytest.raises(BrokenError):
        async with span_context(label=job, key="29", **more) as span:
            await create_span_artifact("current", label="a", data=Row(1))
            raise BrokenError
    return span


async def lost(session: Any, span: Span) -> None:
    """Let the process of an open span be gone for an hour."""
    await session.run(
        "MATCH (s:ArtigraphNode {node_id: $id}) SET s.writer_id = $writer "
        "CREATE (:ArtigraphWriter {writer_id: $writer, "
        "seen_at: datetime.realtime() - duration('PT1H')})",
        id=span.node_id,
        writer=str(uuid4()),
    )


async def test_a_run_is_begun_once(job: str, engine: Engine, statements: list[Any]) -> None:
    await engine.ready()
    statements.clear()
    async with span_context(label=job, key="29") as run:
        assert (run.run_key, run.run_attempt, run.status) == ("29", 1, "UNSET")
    assert [s.rows for s in statements] == [1, 1]  # one to open, one to close
    with pytest.raises(
        RunExistsError, match=r"run '29' of 'nightly .* is done since .*resume"
    ) as e:
        async with span_context(label=job, key="29"):
            pass
    assert e.value.span == run
    assert 'if_exists="resume" continues it, if_exists="new" begins another' in str(e.value)
    async with span_context(label=job, key="30"):
        pass  # another day
    async with span_context(label=job + "!", key="29"):
        pass  # another job
    read = await read_span(run.node_id)
    assert (read.run_key, read.status, read.extra) == ("29", "OK", {})
    assert await find_spans(of_span.label == job, of_span.run_key == "29").read() == [run]


async def test_a_failed_run_is_resumed(job: str) -> None:
    run = await failed_run(job)
    async with span_context(label=job, key="29", if_exists="resume") as again:
        assert again == run
        assert (again.status, again.exception_type, again.closed_at) == ("UNSET", None, None)
        open_now = await read_span(run.node_id)
        assert (open_now.status, open_now.duration) == ("UNSET", None)
        assert "ArtigraphOpen" in open_now.node_labels
        await create_span_artifact("current", label="b", data=Row(2))
    read = await read_span(run.node_id)
    assert (read.status, read.exception_type, read.run_attempt) == ("OK", None, 1)
    assert not {"ArtigraphOpen", "ArtigraphFailed"} & {*read.node_labels}
    assert read.duration is not None
    assert list(await read_span_artifacts(run)) == ["a", "b"]


async def test_a_run_that_is_done_is_entered_as_it_is(job: str, statements: list[Any]) -> None:
    async with span_context(label=job, key="29") as run:
        pass
    before = await read_span(run.node_id)
    statements.clear()
    async with span_context(label=job, key="29", if_exists="resume") as again:
        assert (again, again.status) == (run, "OK")
    assert len(statements) == 1
    after = await read_span(run.node_id)
    assert (after.closed_at, after.writer_id) == (before.closed_at, None)
    with pytest.raises(BrokenError):
        async with span_context(label=job, key="29", if_exists="resume"):
            raise BrokenError
    assert (await read_span(run.node_id)).status == "ERROR"


async def test_a_run_that_is_done_does_not_take_other_properties(
    job: str, statements: list[Any]
) -> None:
    async with span_context(Nightly(label=job, day="Sunday", rows=5), key="29"):
        pass
    statements.clear()
    again = Nightly(label=job, day="Monday", rows=6)
    more = {"asked": "twice"}
    async with span_context(again, properties=more, key="29", if_exists="resume") as run:
        assert run is again
        assert (run.day, run.rows, run.extra) == ("Sunday", 5, {})
    assert len(statements) == 1
    read = await read_span(run.node_id)
    assert isinstance(read, Nightly)
    assert (read.day, read.rows, read.extra) == ("Sunday", 5, {})


async def test_a_resume_that_is_cancelled_closes_the_run(
    job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await failed_run(job)
    once = Engine.once

    async def cancelled(*args: Any, **kwargs: Any) -> Any:
        """Complete the write, then be cancelled, as ``settle`` does."""
        await once(*args, **kwargs)
        monkeypatch.undo()
        raise asyncio.CancelledError

    monkeypatch.setattr(Engine, "once", cancelled)
    with pytest.raises(asyncio.CancelledError):
        async with span_context(label=job, key="29", if_exists="resume"):
            pass
    read = await read_span(run.node_id)
    assert (read.status, read.exception_type) == ("ERROR", "asyncio.exceptions.CancelledError")
    async with span_context(label=job, key="29", if_exists="resume") as again:
        assert again == run


async def test_a_new_attempt_keeps_the_former_ones(job: str) -> None:
    first = await failed_run(job)
    second = await failed_run(job, if_exists="new")
    async with span_context(label=job, key="29", if_exists="new") as third:
        pass
    found = await find_spans(of_span.label == job).order_by(of_span.opened_at).read()
    assert found == [first, second, third]
    assert [(s.run_key, s.run_attempt, s.status) for s in found] == [
        ("29", 1, "ERROR"), ("29", 2, "ERROR"), ("29", 3, "OK"),
    ]  # fmt: skip
    await delete_span(third)
    async with span_context(label=job, key="29", if_exists="resume") as begun:
        assert begun.run_attempt == 1  # only the newest attempt had the key


async def test_a_run_of_a_process_that_is_alive_is_refused(
    job: str, graph_service: Any, session: Any
) -> None:
    options = {"username": graph_service.username, "password": graph_service.password}

    async def another_program(run: Span) -> Span:
        async with engine_context(graph_service.uri, **options):
            for how in ("error", "resume"):
                with pytest.raises(RunExistsError, match=r"is open in .* \(process \d+ of .* ago"):
                    async with span_context(label=job, key="29", if_exists=how):  # type: ignore[arg-type]
                        pass
            await lost(session, run)
            async with span_context(label=job, key="29", if_exists="resume") as resumed:
                return resumed

    async with span_context(label=job, key="29") as run:
        task = asyncio.create_task(another_program(run), context=Context())
        assert await task == run
    assert (await read_span(run.node_id)).status == "OK"


async def test_one_of_many_programs_begins_it(job: str) -> None:
    async def program(number: int) -> int:
        try:
            async with span_context(label=job, key="29") as span:
                await create_span_artifact(span, label=str(number), data=Row(number))
                await asyncio.sleep(0.1)
        except RunExistsError:
            return 0
        return 1

    assert sum(await asyncio.gather(*(program(n) for n in range(8)))) == 1
    assert len(await find_spans(of_span.label == job).read()) == 1


async def test_keys_are_unique_below_a_parent(job: str) -> None:
    for day in ("29", "30"):
        async with span_context(label=job, key=day) as run:
            for region in ("eu", "us"):
                async with span_context(label="load", key=region) as step:
                    assert await read_parent_span("current") == run
                    assert (step.root_id, step.depth) == (run.node_id, 1)
        assert len(await read_child_spans(run)) == 2
    skipped = []
    async with span_context(label=job, key="30", if_exists="resume"):
        for region in ("eu", "us", "asia"):
            async with span_context(label="load", key=region, if_exists="resume") as step:
                if step.status == "OK":
                    skipped.append(region)
    assert skipped == ["eu", "us"]
    assert len(await read_child_spans(run)) == 3


async def test_spans_of_classes(job: str) -> None:
    with pytest.raises(BrokenError):
        async with span_context(Nightly(label=job, day="Sunday", rows=5), key="29") as first:
            first.device = "gpu"
            raise BrokenError
    again = Nightly(label=job, day="Monday")
    async with span_context(again, key="29", if_exists="resume") as span:
        assert span is again
        assert (span.node_id, span.rows, span.day, span.device) == (
            first.node_id, 5, "Monday", "gpu",
        )  # fmt: skip
        span.rows = 6
    read = await read_span(first.node_id)
    assert isinstance(read, Nightly)
    assert (read.rows, read.day, read.device, read.extra) == (6, "Monday", "gpu", {})
    with pytest.raises(SpanError, match="was recorded as a Nightly, not as a Weekly"):
        async with span_context(Weekly(label=job), key="29", if_exists="resume"):
            pass
    async with span_context(label=job, key="29", if_exists="resume") as plain:
        assert isinstance(plain, Nightly)


async def test_in_a_batch(job: str) -> None:
    run = await failed_run(job)
    async with batch(), span_context(label="outer") as outer:
        async with span_context(label="step", key="1") as step:
            await create_span_artifact("current", label="x", data=Row(1))
    assert (await read_child_spans(outer))[0] == step
    async with batch(), span_context(label=job, key="29", if_exists="resume"):
        await create_span_artifact("current", label="b", data=Row(2))
    assert (await read_span(run.node_id)).status == "OK"
    assert list(await read_span_artifacts(run)) == ["a", "b"]
    async with batch(atomic=True):
        with pytest.raises(SpanError, match="open the run around the batch"):
            async with span_context(label=job, key="30"):
                pass


def test_blocking(job: str) -> None:
    with sync.span_context(label=job, key="29"):
        pass
    with sync.span_context(label=job, key="29", if_exists="resume") as run:
        assert run.status == "OK"
        assert sync.read_span("current") == run


@pytest.mark.statements
async def test_a_retry_after_a_lost_answer_finds_its_own_run(
    job: str, graph_service: Any, engine: Engine
) -> None:
    async def opened(how: Any) -> Span:
        context = span_context(label=job, key="29", if_exists=how)
        async with context as span:
            assert context._opened
            await create_span_artifact("current", label=how, data=Row(1))
        return span

    async with far_away(graph_service) as (proxy, far):
        run = await lost_then(proxy, far, lambda: opened("error"), lambda: None)
        with engine_context(engine):
            assert ((await read_span(run.node_id)).status, run.run_attempt) == ("OK", 1)
            failed = span_context(label=job, key="29", if_exists="resume")
            with pytest.raises(BrokenError):
                async with failed:
                    raise BrokenError
        assert await lost_then(proxy, far, lambda: opened("resume"), lambda: None) == run
        new = await lost_then(proxy, far, lambda: opened("new"), lambda: None)
        assert (new.run_attempt, new != run) == (2, True)
    with engine_context(engine):
        assert await find_spans(of_span.label == job).count() == 2
        assert list(await read_span_artifacts(run)) == ["error", "resume"]


async def test_archives_take_the_key_along_where_it_is_free(job: str, tmp_path: Path) -> None:
    run = await failed_run(job)
    await export_graph(run, tmp_path / "run.jsonl")
    await delete_span(run)
    await import_graph(tmp_path / "run.jsonl")
    async with span_context(label=job, key="29", if_exists="resume") as again:
        assert again == run
    await delete_span(run)
    async with span_context(label=job, key="29") as other:
        pass
    await import_graph(tmp_path / "run.jsonl")
    async with span_context(label=job, key="29", if_exists="resume") as again:
        assert again == other


async def test_wrong_arguments() -> None:
    for arguments, message in (
        ({"key": ""}, "key takes a text that is not empty"),
        ({"key": 29}, "key takes a text .*, not 29"),
        ({"key": "a", "if_exists": "retry"}, "if_exists takes one of 'error', 'resume', 'new'"),
        ({"if_exists": "resume"}, r"if_exists is for a run with a key"),
        ({"key": "a", "resume": True}, "has no argument 'resume'; write: if_exists="),
    ):
        with pytest.raises(ArgumentError, match=message):
            span_context(label="x", **arguments)  # type: ignore[arg-type]
    async with span_context(label="x") as span:
        pass
    with pytest.raises(ArgumentError, match="is in the graph already"):
        span_context(span, key="29")
    with pytest.raises(NotFoundError, match="was deleted before it was closed"):
        async with span_context(label="gone") as gone:
            await delete_span(gone)
            with pytest.raises(NotFoundError, match="the parent of the run to open"):
                async with span_context(label="x", key="29"):
                    pass


async def test_a_span_is_not_opened_twice(job: str) -> None:
    async with span_context(label=job) as first:
        pass
    for inside in (False, True):
        with pytest.raises(Exception, match=f"there is a span {first.node_id} already"):
            async with span_context(label="other"):
                if inside:
                    async with batch(), span_context(Span(label="x", node_id=first.node_id)):
                        pass
                else:
                    async with span_context(Span(label="x", node_id=first.node_id)):
                        pass
    read = await read_span(first.node_id)
    assert (read.label, read.status, await read_parent_span(first)) == (job, "OK", None)
