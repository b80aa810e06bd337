"""The models and span classes that the study records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from neomodel import FloatProperty, JSONProperty, StringProperty

from artigraph_neo4j import ArtifactModel, Span, artifact_field, migration

__all__ = [
    "Baseline",
    "Conclusion",
    "FlightTable",
    "FoldScore",
    "LateByHour",
    "Predictions",
    "TrainedModel",
    "Trial",
]


class Trial(Span):
    """One combination of a model and its parameters."""

    estimator = StringProperty()
    parameters = JSONProperty()
    mean_auc = FloatProperty()


@dataclass
class FlightTable(ArtifactModel, version=1):
    """A table of flights. The frame is large, so it is stored in S3 automatically."""

    source: str
    rows: int
    columns: list[str]
    frame: pd.DataFrame


@dataclass
class TrainedModel(ArtifactModel, version=1):
    """The model that a fold trained: the weight of each column, as an array."""

    estimator: str
    parameters: dict[str, Any]
    columns: list[str]
    weights: np.ndarray[Any, Any]


@dataclass
class FoldScore(ArtifactModel, version=1):
    """The score of a fold: numbers that Cypher can compare."""

    auc: float
    accuracy: float
    train_rows: int
    test_rows: int
    seconds: float


@dataclass
class LateByHour(ArtifactModel, version=1):
    """The share of late flights in each hour of the day, as a series."""

    share: pd.Series[float]


@dataclass
class Conclusion(ArtifactModel, version=1):
    """The conclusion of the study; full-text search finds its words."""

    text: str = artifact_field(searchable=True)


@dataclass
class Predictions(ArtifactModel, version=1):
    """The predictions of a fold, with the true values."""

    score: FoldScore
    frame: pd.DataFrame


def first_baseline() -> Any:
    """Return ``Baseline`` as the first release of this program defined it."""

    @dataclass
    class Baseline(ArtifactModel, version=1):
        percent_on_time: float

    return Baseline


@dataclass
class Baseline(ArtifactModel, version=2):
    """The accuracy of always guessing the more frequent answer; a percentage in version 1."""

    share_late: float
    accuracy: float

    @migration(1)
    @staticmethod
    def to_shares(data: dict[str, Any]) -> dict[str, Any]:
        """Convert the percentage to a share between 0 and 1, and compute the accuracy."""
        late = 1 - data["percent_on_time"] / 100
        return {"share_late": late, "accuracy": max(late, 1 - late)}
