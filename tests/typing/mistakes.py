"""Mistakes that type checkers have to find; each line that is one says so."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from neomodel import IntegerProperty

from artigraph_neo4j import (
    ArtifactModel,
    Lazy,
    ResultList,
    Span,
    artifact_field,
    batch,
    create_span_artifact,
    create_span_artifacts,
    find_artifacts,
    find_spans,
    read_span_tree,
    span_context,
    spanned,
    sync,
)
from artigraph_neo4j.serializer.json import json_serializer


@dataclass
class Score(ArtifactModel, version=1):
    accuracy: float
    name: str = ""
    wrong: int = artifact_field(default="x")  # mistake
    given: int = artifact_field(serializer=json_serializer, indexed="yes", default=3)  # mistake


class FitSpan(Span):
    epochs = IntegerProperty()


class Trial(Span):
    lr: float


def fields_of_spans(trial: Trial) -> None:
    trial.lr = "x"  # mistake
    find_artifacts(Score).lenient(on_error="ignore")  # mistake


async def mistakes() -> None:
    find_artifacts(Score, lambda s: s.acuracy > 0.5)  # mistake
    find_artifacts(Score, lambda s: s.accuracy > "x")  # mistake
    find_artifacts(Score, lambda s: s.name)  # mistake
    find_artifacts(Score, 3)  # mistake
    find_spans(Score)  # mistake
    await find_spans(limit=3).read()  # mistake
    await create_span_artifact("current", label="x", data=3)  # mistake
    await Score(0.5).create(3)  # mistake
    span_context(3)  # mistake
    print((await find_artifacts(Score).read()).accuracy)  # mistake


async def queries() -> None:
    find_artifacts(Score).where(3)  # mistake
    find_artifacts(Score).order_by(3)  # mistake
    find_artifacts(Score).limit("3")  # mistake
    print(find_artifacts(Score).count() + 1)  # mistake
    print((await find_artifacts(Score).read_page(3))[0])  # mistake
    print((await find_artifacts(Score).read_first()).accuracy)  # mistake
    for _ in find_spans(FitSpan):  # mistake
        pass
    for _ in find_spans(FitSpan).stream():  # mistake
        pass
    async for score in find_artifacts(Score).stream():
        print(score.acuracy)  # mistake


def attributes_of_spans(fit: FitSpan) -> None:
    print(fit.label.upper())  # mistake
    print(fit.closed_at.year)  # mistake
    print(fit.epochs.upper())  # mistake
    fit.duration = None  # mistake


async def spans_as_attributes() -> None:
    tree = await read_span_tree("x")
    print(tree.span.label.upper())  # mistake
    print(tree.children.span)  # mistake
    print(tree.spans)  # mistake


async def batches() -> None:
    batch(atomic="yes")  # mistake
    batch(True)  # mistake
    async with batch() as unit:
        unit.write()  # mistake
    with batch():  # mistake
        pass
    with span_context(label="x"):  # mistake
        pass
    await create_span_artifacts("current", [Score(0.5)])  # mistake


async def waiting() -> None:
    sync.find_artifacts(Score, lambda s: s.acuracy > 1)  # mistake
    sync.find_artifacts(Score).where(3)  # mistake
    sync.read_span_artifact("current", model=Score)  # mistake
    sync.create_span_artifact("current", label="x", data=3)  # mistake
    sync.run(3)  # mistake
    await sync.find_spans(FitSpan).read()  # mistake
    async for _ in sync.find_spans(FitSpan):  # mistake
        pass


@spanned(span=Score)  # mistake
def train(epochs: int) -> Score:
    return Score(epochs * 0.1)


@spanned(arguments=3)  # mistake
def other() -> None: ...


@spanned(lable="x")  # mistake
def misspelt() -> None: ...


@spanned
async def fit_model(epochs: int) -> Score:
    return Score(epochs * 0.1)


async def functions() -> None:
    await fit_model("3")  # mistake
    print((await fit_model(3)).acuracy)  # mistake
    print(fit_model(3).accuracy)  # mistake


def lists() -> None:
    found = ResultList([Score(0.5)])
    print(found[0].acuracy)  # mistake
    print(found[:1].accuracy)  # mistake
    found.append(3)  # mistake


@dataclass
class Run(ArtifactModel, version=1):
    score: float
    frame: Lazy[pd.DataFrame]
    data: Lazy[bytes]


async def lazy_fields(run: Run, frame: pd.DataFrame) -> None:
    Run(0.5, frame, Lazy(b""))  # mistake
    print(run.frame.columns)  # mistake
    await run.frame.load_range(0, 1)  # mistake
