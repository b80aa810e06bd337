"""What users write, and what type checkers have to make of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, assert_type

import pandas as pd
from neomodel import IntegerProperty, StringProperty

from artigraph_neo4j import (
    ArtifactModel,
    Batch,
    DeleteReport,
    F,
    File,
    Lazy,
    ResultList,
    Span,
    artifact_field,
    batch,
    create_span_artifact,
    create_span_artifacts,
    find_artifacts,
    find_spans,
    lazy_field,
    read_span_artifact,
    read_span_tree,
    revise_artifact,
    span_context,
    spanned,
    sync,
)
from artigraph_neo4j.find import (
    Explanation,
    Page,
)
from artigraph_neo4j.find.terms import (
    artifact,
    contains,
    has_artifact,
    is_null,
    not_,
    one_of,
    span,
    under,
)
from artigraph_neo4j.serializer.pandas import dataframe_serializer


@dataclass
class Score(ArtifactModel, version=1):
    accuracy: float
    name: str | None = None
    dataset: str = artifact_field(default="", indexed=True)


class FitSpan(Span):
    epochs = IntegerProperty()
    user = StringProperty()  # a name of provenance, which a class may have for itself


class Trial(Span):
    lr: float
    notes: dict[str, Any] = field(default_factory=dict[str, Any])
    epochs = IntegerProperty()


async def fields_of_spans() -> None:
    async with span_context(Trial(lr=0.1), properties={"seed": 1}) as trial:
        assert_type(trial, Trial)
        trial.lr = 0.2
        trial.extra["auc"] = 0.9
    assert_type(trial.lr, float)
    assert_type(trial.notes, dict[str, Any])
    assert_type(trial.epochs, int)
    assert_type(await find_spans(Trial, lambda t: t.lr > 0.1).read(), list[Trial])
    query = find_artifacts(Score).lenient(on_error="skip", missing="dict")
    assert_type(await query.count_incomparable(), int)
    assert_type(await query.read(), list[Score])
    await Score(0.5).create(label=Path("data/x.csv"))


async def spans() -> None:
    async with span_context(FitSpan(epochs=3)) as fit:
        assert_type(fit, FitSpan)
    async with span_context(label="whole") as whole:
        assert_type(whole, Span)
    assert_type(await find_spans(FitSpan).read(), list[FitSpan])
    assert_type(await find_spans(span.status == "OK").read_first(), Span | None)
    assert_type(await find_spans(FitSpan, lambda s: s.epochs > 3).read_one(), FitSpan)
    assert_type(await find_spans(has_artifact(Score), under(fit)).count(), int)
    narrow = find_spans(FitSpan).where(lambda s: s.epochs > 3, span.depth == 0)
    assert_type(await narrow.order_by("epochs", span.opened_at.desc()).read(), list[FitSpan])
    assert_type(await narrow.delete(dry_run=True), DeleteReport)


@dataclass
class Kept:
    span: FitSpan
    outer: Span | None = None


class Watcher:
    def __init__(self, span: FitSpan) -> None:
        self.span = span
        self.last: FitSpan | None = None

    def see(self, span: FitSpan) -> None:
        self.last = span


async def spans_as_attributes(kept: Kept, watcher: Watcher) -> None:
    assert_type(kept.span.epochs, int)
    assert_type(kept.outer, Span | None)
    if kept.outer is not None:
        assert_type(kept.outer.label, str | None)
        kept.outer = None
    assert_type(watcher.span, FitSpan)
    assert_type(watcher.last, FitSpan | None)
    tree = await read_span_tree(kept.span.node_id)
    assert_type(tree.span, Span)
    assert_type(tree.children[0].span.status, str)


def attributes_of_spans(fit: FitSpan) -> None:
    assert_type(fit.node_id, str)
    assert_type(fit.epochs, int)
    assert_type(fit.user, str)
    assert_type(fit.label, str | None)
    assert_type(fit.status, str)
    assert_type(fit.opened_at, datetime)
    assert_type(fit.closed_at, datetime | None)
    assert_type(fit.duration, timedelta | None)
    assert_type(fit.exception_message, str | None)
    assert_type(fit.extra, dict[str, Any])


async def artifacts() -> None:
    assert_type(await read_span_artifact("current", label="x", model=Score), Score)
    assert_type(await Score.read("x"), Score)
    assert_type(await revise_artifact(Score(0.5), Score(0.6)), str)
    query = find_artifacts(Score, lambda s: (s.accuracy > 0.5) & (s.name == "x"))
    assert_type(await query.read(), list[Score])
    assert_type(await query.read_one_or_none(), Score | None)
    assert_type(await query.where(F("accuracy") > 1).limit(3).read_page(), Page[Score])
    find_artifacts(Score, lambda s: s.dataset.startswith("x"))
    find_artifacts(Score, lambda s: (s.accuracy > 1) & contains(s.name, "x") | is_null(s.name))
    find_artifacts(Score, lambda s: not_(s.accuracy > 1) & one_of(s.name, ["a", "b"]))
    find_artifacts(F("anything") == 3)
    async for score in query:
        assert_type(score, Score)
    assert_type(await query.where(lambda s: s.accuracy > 1).read(), list[Score])
    assert_type(await query.order_by(lambda s: s.accuracy, F("name").desc()).read(), list[Score])
    assert_type(await find_artifacts(artifact.label == "x").read(), list[ArtifactModel])
    assert_type(await query.with_history().with_nested().read_ids(), list[str])
    assert_type(await query.search("words").exists(), bool)
    assert_type(query.explain(), Explanation)
    page = await query.read_page(10)
    assert_type(page.items, list[Score])
    assert_type((await query.read_page(10, after=page.cursor)).cursor, str | None)


async def streams() -> None:
    async for found in find_spans(FitSpan, under("x")).stream():
        assert_type(found, FitSpan)
    async for score in find_artifacts(Score, lambda s: s.accuracy > 1).stream():
        assert_type(score, Score)


async def batches() -> None:
    async with batch(atomic=True, rows=100) as unit:
        assert_type(unit, Batch)
        assert_type(await create_span_artifact("current", label="x", data=Score(0.5)), str)
        assert_type(await create_span_artifacts("current", {"y": Score(0.5)}), dict[str, str])
        await unit.flush()
    assert_type(unit.recorded, int)


def waiting() -> None:
    with sync.span_context(FitSpan()) as fit, sync.batch() as unit:
        assert_type(fit, FitSpan)
        assert_type(unit, Batch)
        assert_type(sync.create_span_artifact("current", label="x", data=Score(0.5)), str)
    assert_type(sync.read_span_artifact("current", label="x", model=Score), Score)
    assert_type(sync.read_artifact(Score, "x"), Score)
    assert_type(sync.create_artifact(Score(0.5)), str)
    assert_type(sync.run(Score(0.5).create()), str)
    assert_type(sync.find_spans(FitSpan, lambda s: s.epochs > 3).read(), list[FitSpan])
    results = sync.find_artifacts(Score, lambda s: s.accuracy > 1).order_by("accuracy")
    assert_type(results.where(F("name") == "x").read_first(), Score | None)
    assert_type(results.read_page().items, list[Score])
    assert_type(results.count(), int)
    for score in results:
        assert_type(score, Score)
    for score in results.stream():
        assert_type(score, Score)


@spanned
def train(epochs: int, *, seed: int = 0) -> Score:
    return Score(epochs * 0.1, str(seed))


@spanned(label="fit {epochs}", span=FitSpan, arguments=["epochs"], result="score")
async def fit_model(epochs: int) -> Score:
    return Score(epochs * 0.1)


@spanned(arguments=True)
def batches_of(size: int) -> Iterator[list[int]]:
    yield [size]


@spanned(result=None)
async def lines(name: str) -> AsyncIterator[str]:
    yield name


class Trainer:
    @spanned(label="step")
    def step(self, count: int) -> dict[str, Score]:
        return {"score": Score(count * 0.1)}


async def functions() -> None:
    assert_type(train(3, seed=1), Score)
    assert_type(await fit_model(3), Score)
    assert_type(Trainer().step(1), dict[str, Score])
    assert_type(next(batches_of(3)), list[int])
    async for line in lines("x"):
        assert_type(line, str)


def lists() -> None:
    found = ResultList([Score(0.5), Score(0.6)])
    assert_type(found, ResultList[Score])
    assert_type(found[0], Score)
    assert_type(found[:1], ResultList[Score])
    assert_type([s.accuracy for s in found], list[float])
    plain: list[Score] = found
    plain.append(Score(0.7))


@dataclass
class Run(ArtifactModel, version=1):
    score: float
    frame: Lazy[pd.DataFrame]
    data: Lazy[bytes]
    file: Lazy[File] | None = lazy_field(default=None)
    other: Lazy[pd.DataFrame] = lazy_field(serializer=dataframe_serializer)


async def lazy_fields(frame: pd.DataFrame) -> None:
    made = Run(0.5, Lazy(frame), Lazy(b""), None, Lazy(frame))
    run = await Run.read(await made.create())
    assert_type(await run.frame.load(), pd.DataFrame)
    assert_type(await run.frame.load(columns=["a"], row_groups=[0]), pd.DataFrame)
    assert_type(await run.data.load_range(0, 1), bytes)
    if run.file is not None:
        assert_type(await run.file.load(), File)
        assert_type(await run.file.load_range(0, 1), bytes)
