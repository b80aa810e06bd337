"""``autolog``: what a training leaves in the graph, and that it never breaks the training."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from joblib import parallel_backend
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from artigraph_neo4j import autolog, carry_span, engine_context, set_engine, stop_autolog, sync
from artigraph_neo4j.errors import ArgumentError
from artigraph_neo4j.find import under
from artigraph_neo4j.frameworks import DataFingerprint, FittedModel, Training, boosting
from artigraph_neo4j.frameworks.fingerprint import fingerprint
from artigraph_neo4j.frameworks.training import AutologWarning, plain_value
from artigraph_neo4j.graph.failures import TooLargeError
from tests.unit.serializer.type_differences import any_difference

X = np.random.default_rng(0).random((60, 3))
Y = (X[:, 0] > 0.5).astype(int)
KEYS = Path(__file__).parents[2] / "data" / "autolog" / "mlflow.json"


@pytest.fixture(autouse=True)
def logging() -> Iterator[None]:
    autolog()
    yield
    stop_autolog()


@pytest.fixture
def run() -> Iterator[Any]:
    with sync.span_context(label="run") as span:
        yield span


def trainings(span: Any) -> list[Training]:
    found: Any = sync.find_spans(Training, under(span)).order_by("opened_at").read()
    return list(found)


def artifacts(training: Any) -> dict[str, Any]:
    from artigraph_neo4j import artifact_info

    found = sync.read_child_artifacts(training)
    return {artifact_info(item).label: item for item in found}  # type: ignore[union-attr,misc]


def test_a_fit(run: Any) -> None:
    model = LogisticRegression(C=0.5).fit(X, Y)
    [training] = trainings(run)
    assert (training.framework, training.estimator) == ("sklearn", "LogisticRegression")
    assert training.params["C"] == 0.5
    assert training.params["max_iter"] == 100
    assert training.metrics["training_score"] == model.score(X, Y)
    found = artifacts(training)
    assert found.keys() == {"model", "data/X", "data/y"}
    assert type(found["model"]) is FittedModel
    assert any_difference(found["model"].model, model) is None
    data = found["data/X"]
    assert (data.kind, data.shape) == ("numpy.ndarray", [60, 3])
    LogisticRegression().fit(np.asfortranarray(X), Y)
    assert artifacts(trainings(run)[1])["data/X"] == data  # the same content


def test_a_frame_and_its_columns(run: Any) -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    LogisticRegression().fit(frame, pd.Series(Y))
    frame.iloc[0, 0] += 1
    LogisticRegression().fit(frame, pd.Series(Y))
    first, second = (artifacts(each)["data/X"] for each in trainings(run))
    assert type(first) is DataFingerprint
    assert first.columns == ["a", "b", "c"]
    assert first.sha256 != second.sha256


@pytest.mark.parametrize(
    "make",
    [
        lambda: make_pipeline(StandardScaler(), LogisticRegression()),
        lambda: GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2),
        lambda: BaggingClassifier(LogisticRegression(), 2, n_jobs=2),
    ],
)
def test_only_the_outermost_fit_is_recorded(run: Any, make: Any) -> None:
    model = make().fit(X, Y)
    [training] = trainings(run)
    assert training.estimator == type(model).__name__


@pytest.mark.parametrize(
    ("ranks", "recorded"),
    [
        ({"RANK": "1", "LOCAL_RANK": "0"}, False),
        ({"LOCAL_RANK": "1"}, False),
        ({"NODE_RANK": "1", "LOCAL_RANK": "0"}, False),
        ({"RANK": "0", "LOCAL_RANK": "0"}, True),
        ({}, True),
    ],
)
def test_of_processes_that_a_launcher_started_the_first_records(
    run: Any, ranks: dict[str, str], recorded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"WORLD_SIZE": "2", **ranks}.items():
        monkeypatch.setenv(name, value)
    LogisticRegression().fit(X, Y)
    assert len(trainings(run)) == recorded


def test_a_fit_by_itself_is_a_run_of_its_own() -> None:
    before = {span.node_id for span in sync.read_root_spans()}
    LogisticRegression().fit(X, Y)
    [new] = [span for span in sync.read_root_spans() if span.node_id not in before]
    assert type(new) is Training
    assert new.status == "OK"


def test_the_first_fit_in_a_training_of_ones_own_is_recorded_in_it(run: Any) -> None:
    with sync.span_context(Training(label="trial", params={"split": 3, "C": 9})) as trial:
        model = LogisticRegression(C=0.5).fit(X, Y)
        trial.metrics["test_auc"] = 0.9
        LogisticRegression(C=0.1).fit(X, Y)
    found, second = trainings(run)
    assert found.node_id == trial.node_id
    assert (found.label, found.framework, found.estimator) == (
        "trial", "sklearn", "LogisticRegression",
    )  # fmt: skip
    assert (found.params["C"], found.params["split"]) == (0.5, 3)
    assert found.metrics["test_auc"] == 0.9
    assert found.metrics["training_score"] == model.score(X, Y)
    assert artifacts(found).keys() == {"model", "data/X", "data/y"}
    assert second.params["C"] == 0.1
    assert sync.read_parent_span(second) == found


def test_a_fit_that_fails_in_a_training_of_ones_own_leaves_it_open(run: Any) -> None:
    with sync.span_context(Training(label="trial")) as trial:
        with pytest.raises(ValueError, match="NaN"):
            LogisticRegression().fit(X * np.nan, Y)
        trial.metrics["tried"] = 1.0
    [found] = trainings(run)
    assert (found.status, found.estimator) == ("OK", "LogisticRegression")
    assert found.metrics == {"tried": 1.0}


def test_one_of_several_threads_trains_in_the_span(run: Any) -> None:
    with sync.span_context(Training(label="trial")) as trial, ThreadPoolExecutor(4) as pool:
        fits = [LogisticRegression(C=c) for c in (0.1, 0.2, 0.3, 0.4)]
        list(pool.map(carry_span(lambda model: model.fit(X, Y)), fits))
    assert len(trainings(run)) == 4
    assert len(sync.read_child_spans(trial)) == 3


def test_a_fit_that_fails_fails_as_it_does_without(run: Any) -> None:
    with pytest.raises(ValueError, match="NaN"):
        LogisticRegression().fit(X * np.nan, Y)
    [training] = trainings(run)
    assert training.status == "ERROR"


def test_metrics_of_each_round_of_xgboost(run: Any) -> None:
    data = xgboost.DMatrix(X, Y)
    settings = {"objective": "binary:logistic", "max_depth": 2, "nthread": 1}
    seen: dict[str, Any] = {}
    booster = xgboost.train(settings, data, 3, evals=[(data, "train")], evals_result=seen,
                            verbose_eval=False)  # fmt: skip
    [training] = trainings(run)
    assert training.params["max_depth"] == 2
    assert training.params["num_boost_round"] == 3
    assert training.metrics["train-logloss"] == pytest.approx(seen["train"]["logloss"][-1])
    assert any_difference(artifacts(training)["model"].model, booster) is None
    series = sync.read_series(training)["train-logloss"]
    assert list(series.steps) == [0, 1, 2]
    assert list(series.values) == pytest.approx(seen["train"]["logloss"])


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_the_round_after_which_a_training_stops_early_is_there(run: Any, library: str) -> None:
    bad = (np.random.default_rng(1).random(60) > 0.5).astype(int)
    if library == "xgboost":
        data, other = xgboost.DMatrix(X, Y), xgboost.DMatrix(X, bad)
        stop = xgboost.callback.EarlyStopping(rounds=1)
        xgboost.train({"objective": "binary:logistic"}, data, 20, evals=[(other, "v")],
                      callbacks=[stop], verbose_eval=False)  # fmt: skip
        rounds = stop.stopping_history["v"]["logloss"]
        name = "v-logloss"
    else:
        train, valid = lightgbm.Dataset(X, Y), lightgbm.Dataset(X, bad)
        seen: dict[str, Any] = {}
        stops = [lightgbm.record_evaluation(seen), lightgbm.early_stopping(1, verbose=False)]
        settings = {"objective": "binary", "verbose": -1}
        # By position, as it may be given.
        lightgbm.train(settings, train, 20, [valid], ["v"], None, None, False, stops)
        rounds = seen["v"]["binary_logloss"]
        name = "v-binary_logloss"
    [training] = trainings(run)
    assert list(sync.read_series(training)[name].values) == pytest.approx(rounds)
    assert len(rounds) < 20


def test_metrics_that_cannot_be_read_are_a_warning(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boosting, "_last", lambda values: values["none"])
    data = xgboost.DMatrix(X, Y)
    with pytest.warns(AutologWarning, match="TypeError"):
        booster = xgboost.train({}, data, 1, evals=[(data, "v")], verbose_eval=False)
    monkeypatch.setattr(boosting, "_rounds_of_xgboost", None)
    with pytest.warns(AutologWarning, match="TypeError"):
        xgboost.train({}, data, 1)
    assert booster.num_boosted_rounds() == 1
    assert [each.status for each in trainings(run)] == ["OK", "OK"]


def test_a_training_that_cannot_be_described_leaves_no_span_open(run: Any) -> None:
    with pytest.warns(AutologWarning, match="dtrain"), pytest.raises(TypeError, match="dtrain"):
        xgboost.train({})
    with sync.span_context(label="next") as later:
        pass
    assert [span.node_id for span in sync.find_spans(under(run)).read()] == [later.node_id]


def test_an_estimator_of_xgboost(run: Any) -> None:
    xgboost.XGBClassifier(n_estimators=2, max_depth=2).fit(X, Y)
    assert [each.framework for each in trainings(run)] == ["xgboost"]


def test_lightgbm(run: Any) -> None:
    data = lightgbm.Dataset(X, Y)
    booster = lightgbm.train({"objective": "binary", "verbose": -1}, data, 2, valid_sets=[data])
    lightgbm.LGBMClassifier(n_estimators=1, verbose=-1).fit(X, Y)
    first, second = trainings(run)
    assert "training-binary_logloss" in first.metrics
    assert first.params["objective"] == "binary"
    assert second.framework == "lightgbm"
    found = artifacts(first)["model"].model
    assert type(found) is lightgbm.Booster
    assert (found.predict(X) == booster.predict(X)).all()


class Unstorable(LogisticRegression):
    """Its module is not trusted, so skops does not store it."""


class Odd(LogisticRegression):
    """What it says of itself after the training fails."""

    @property
    def best_score_(self) -> float:
        raise RuntimeError("no score")

    @property
    def best_params_(self) -> Any:
        raise RuntimeError("no parameters")


class OddNumber:
    shape = ()

    def item(self) -> float:
        raise RuntimeError("no item")


def test_an_estimator_that_cannot_tell_its_results_is_a_warning(run: Any) -> None:
    with pytest.warns(AutologWarning) as seen:
        assert hasattr(Odd(verbose=0).fit(X, Y), "coef_")
    assert {"no score", "no parameters"} <= {str(w.message).rpartition(": ")[2] for w in seen}
    [training] = trainings(run)
    assert training.status == "OK"
    assert "training_score" in training.metrics


def test_odd_parameters() -> None:
    assert plain_value(OddNumber()) == "(a OddNumber)"
    assert plain_value(np.float32(0.5)) == 0.5
    assert plain_value(np.longdouble(0.5)) == repr(np.longdouble(0.5))


def test_parts_of_a_search_in_threads_are_not_runs(run: Any) -> None:
    before = sync.find_spans(Training).count()
    with parallel_backend("threading"):
        GridSearchCV(xgboost.XGBClassifier(n_estimators=1, nthread=1), {"max_depth": [1, 2]},
                     cv=2, n_jobs=2).fit(X, Y)  # fmt: skip
    [training] = trainings(run)
    assert training.estimator == "GridSearchCV"
    assert sync.find_spans(Training).count() == before + 1


def test_the_digest_knows_every_column() -> None:
    frame = pd.DataFrame(np.zeros((1, 200)))
    digests = {fingerprint(frame.rename(columns={100: name}))[2] for name in ("a", "b")} | {
        fingerprint(frame[0].rename(name))[2] for name in ("a", "b")
    }
    assert len(digests) == 4
    with pd.option_context("display.max_seq_items", 3):
        assert fingerprint(frame.rename(columns={100: "a"}))[2] in digests


def test_a_column_may_have_any_name() -> None:
    frame = pd.DataFrame({"dataset": [1], "tensors": [2], "indices": [3]})
    shape, columns, digest = fingerprint(frame)
    assert (shape, columns) == ([1, 3], ["dataset", "tensors", "indices"])
    assert digest is not None


def test_a_model_that_the_database_refuses_does_not_end_it(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise TooLargeError("it needs more memory")

    with monkeypatch.context() as patch:
        patch.setattr(sync, "create_span_artifact", refuse)
        with pytest.warns(AutologWarning, match="more memory"):
            LogisticRegression().fit(X, Y)
    LogisticRegression().fit(X, Y)
    assert "model" in artifacts(trainings(run)[1])


def test_a_model_that_cannot_be_stored_is_a_warning(run: Any) -> None:
    with pytest.warns(AutologWarning, match="trust_modules"):
        Unstorable().fit(X, Y)
    [training] = trainings(run)
    assert training.status == "OK"
    assert artifacts(training).keys() == {"data/X", "data/y"}


@pytest.mark.long
def test_a_database_out_of_reach_costs_its_time_once() -> None:
    away = set_engine("bolt://127.0.0.1:1", retry_seconds=0.1, create_schema=False)
    with engine_context(away):
        with pytest.warns(AutologWarning, match="autolog"):
            assert hasattr(LogisticRegression().fit(X, Y), "coef_")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            LogisticRegression().fit(X, Y)  # not tried again
    away.close()


def test_it_can_be_stopped(run: Any) -> None:
    assert hasattr(vars(LogisticRegression)["fit"], "__artigraph__")
    stop_autolog()
    assert not hasattr(vars(LogisticRegression)["fit"], "__artigraph__")
    assert not hasattr(xgboost.train, "__artigraph__")
    LogisticRegression().fit(X, Y)
    assert trainings(run) == []
    with pytest.raises(ArgumentError, match="it knows sklearn, xgboost, lightgbm, lightning"):
        autolog("sckit")
    clone(LogisticRegression())


MODELS = {
    "classifier": lambda: LogisticRegression(C=0.5),
    "regressor": lambda: RandomForestRegressor(3),
    "pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "search": lambda: GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2),
}


@pytest.mark.parametrize("name", MODELS)
def test_at_least_95_percent_of_the_keys_of_mlflow(run: Any, name: str) -> None:
    """The file was written by ``tests/data/autolog/mlflow_keys.py``."""
    MODELS[name]().fit(X, Y)
    [training] = trainings(run)
    ours = {*training.params, *training.metrics}
    theirs = json.loads(KEYS.read_text())[name]
    wanted = {*theirs["params"], *theirs["metrics"]}
    assert len(wanted & ours) >= 0.95 * len(wanted), sorted(wanted - ours)
