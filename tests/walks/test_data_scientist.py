"""A data scientist in a notebook: trials with fields, the best of them, and mistakes."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest

from artigraph_neo4j import ArtifactModel, F, Span, sync
from artigraph_neo4j.errors import ArgumentError, ModelError, SerializationError, SpanError
from artigraph_neo4j.find import span as of_span


class WalkTrial(Span):
    lr: float
    auc: float
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass
class WalkScores(ArtifactModel, version=1):
    auc: float
    params: dict[str, Any]
    table: pd.DataFrame


def test_a_notebook() -> None:
    study = f"study {uuid.uuid4()}"
    table = pd.DataFrame({"x": np.arange(50_000)})
    with sync.span_context(label=study) as root:
        for depth in (2, 3, 4):
            with sync.span_context(WalkTrial(label="trial", lr=0.1 * depth)) as trial:
                trial.auc = depth / 8
                trial.notes["depth"] = depth
                scores = WalkScores(trial.auc, {"max_depth": depth}, table)
                sync.create_span_artifact(trial, label="scores", data=scores)
        with pytest.raises(SpanError, match="has no property 'auc'.*declare it"):
            root.auc = 0.9  # type: ignore[attr-defined]
    best = sync.find_spans(WalkTrial, F("lr") > 0.25, of_span.root_id == root.node_id)
    first = best.order_by(F("auc").desc()).read_first()
    assert first is not None
    assert (first.auc, first.notes) == (0.5, {"depth": 4})
    deep = sync.find_artifacts(WalkScores, F("params.max_depth") > 3).read()
    assert deep[-1].table.equals(table)
    assert sync.read_span_artifact(first, label="scores").auc == 0.5
    assert len(sync.read_child_spans(root)) == 3
    assert study in sync.read_span_tree(root)._repr_html_()


def test_mistakes_are_answered_with_the_line_to_write() -> None:
    with sync.span_context(label="mistakes") as span:
        with pytest.raises(SerializationError, match="auc takes float, not"):
            wrong: Any = WalkScores("0.95", {}, pd.DataFrame())  # type: ignore[arg-type]
            sync.create_span_artifact(span, label="scores", data=wrong)
        with pytest.raises(ArgumentError, match="span takes .*, not an int"):
            sync.read_child_spans(12)  # type: ignore[arg-type]
        with pytest.raises(ModelError, match="version"):
            type("NoVersion", (ArtifactModel,), {})
        with pytest.raises(SpanError, match=r"save\(\) of neomodel"):
            span.save()  # type: ignore[attr-defined]
