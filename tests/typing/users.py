"""What users write, and what type checkers have to make of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_type

from artigraph_neo4j import (
    ArtifactModel,
    F,
    Span,
    artifact_field,
    find_artifacts,
    find_spans,
    read_span_artifact,
    revise_artifact,
    span_context,
)
from artigraph_neo4j.find import Page, contains, has_artifact, is_null, not_, one_of, span, under


@dataclass
class Score(ArtifactModel, version=1):
    accuracy: float
    name: str | None = None
    dataset: str = artifact_field(default="", indexed=True)


class FitSpan(Span):
    pass


async def spans() -> None:
    async with span_context(FitSpan()) as fit:
        assert_type(fit, FitSpan)
    assert_type(await find_spans(FitSpan).read(), list[FitSpan])
    assert_type(await find_spans(span.status == "OK").read_first(), Span | None)
    assert_type(await find_spans(FitSpan, lambda s: s.epochs > 3).read_one(), FitSpan)
    assert_type(await find_spans(has_artifact(Score), under(fit)).count(), int)


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
