"""XGBoost and LightGBM: ``train``, which their estimators call too, with metrics of each round."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from artigraph_neo4j.frameworks.patching import Patches
from artigraph_neo4j.frameworks.training import Record, record

__all__ = ["patch_lightgbm", "patch_xgboost"]

_OURS = ("params", "dtrain", "train_set", "evals", "valid_sets", "evals_result", "callbacks",
         "xgb_model", "init_model", "obj", "custom_metric", "feval")  # fmt: skip
"""Arguments of ``train`` that are not parameters."""


def patch_xgboost(patches: Patches, *, models: bool, metrics: bool) -> None:
    """Record ``xgboost.train``."""
    del metrics  # those of each round are there anyway
    training: Any = importlib.import_module("xgboost.training")
    package: Any = importlib.import_module("xgboost")

    def wrapped(original: Any) -> Any:
        def train(*args: Any, **kwargs: Any) -> Any:
            def begin() -> Record:
                given = _arguments(original, args, kwargs)
                data: Any = given["dtrain"]
                size = {"rows": data.num_row(), "columns": data.num_col()}
                params = {**_params(given), **size}
                return Record("xgboost", "xgboost.train", params, models=models)

            def work(made: Record | None) -> Any:
                if made is None:
                    return original(*args, **kwargs)
                own = made.attempt(
                    lambda: _with(original, args, kwargs, _rounds_of_xgboost(package, made))
                )
                positional, named = own or (args, kwargs)
                booster = original(*positional, **named)
                made.metrics(lambda: _best_of_xgboost(booster))
                made.model(lambda: booster, "xgboost.Booster")
                return booster

            return record(work, begin)

        return train

    for owner in (package, training, importlib.import_module("xgboost.sklearn")):
        if "train" in vars(owner):
            patches.replace(owner, "train", wrapped)


def _rounds_of_xgboost(package: Any, made: Record) -> Any:
    class Rounds(package.callback.TrainingCallback):  # type: ignore[misc]
        """Logs the metrics of each round."""

        def after_iteration(self, model: Any, epoch: int, evals_log: Mapping[str, Any]) -> bool:
            """See XGBoost; False goes on."""
            made.step(lambda: _metrics_of_xgboost(evals_log), epoch)
            return False

    return Rounds()


def _metrics_of_xgboost(log: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"{data}-{name}": _last(values)
        for data, found in log.items()
        for name, values in found.items()
    }


def _last(values: Any) -> Any:
    last: Any = values[-1]
    return last[0] if hasattr(last, "__len__") else last


def _best_of_xgboost(booster: Any) -> dict[str, Any]:
    try:
        return {"best_iteration": booster.best_iteration, "best_score": booster.best_score}
    except AttributeError:  # it did not stop early
        return {}


def patch_lightgbm(patches: Patches, *, models: bool, metrics: bool) -> None:
    """Record ``lightgbm.train``."""
    del metrics
    package: Any = importlib.import_module("lightgbm")

    def wrapped(original: Any) -> Any:
        def train(*args: Any, **kwargs: Any) -> Any:
            def begin() -> Record:
                given = _arguments(original, args, kwargs)
                return Record("lightgbm", "lightgbm.train", _params(given), models=models)

            def work(made: Record | None) -> Any:
                if made is None:
                    return original(*args, **kwargs)

                def after_round(state: Any) -> None:
                    made.step(lambda: _metrics_of_lightgbm(state), state.iteration)

                own = made.attempt(lambda: _with(original, args, kwargs, after_round))
                positional, named = own or (args, kwargs)
                booster = original(*positional, **named)
                made.metrics(lambda: {"best_iteration": booster.best_iteration})
                made.model(lambda: booster, "lightgbm.Booster")
                return booster

            return record(work, begin)

        return train

    for owner in ("lightgbm", "lightgbm.engine", "lightgbm.sklearn"):
        module = importlib.import_module(owner) if owner != "lightgbm" else package
        if "train" in vars(module):
            patches.replace(module, "train", wrapped)


def _metrics_of_lightgbm(state: Any) -> dict[str, Any]:
    return {f"{item[0]}-{item[1]}": item[2] for item in state.evaluation_result_list or ()}


def _with(
    original: Any, args: tuple[Any, ...], kwargs: dict[str, Any], callback: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments with a callback more, the first: one that stops hides later ones."""
    bound = inspect.signature(original).bind_partial(*args, **kwargs)
    bound.arguments["callbacks"] = [callback, *(bound.arguments.get("callbacks") or ())]
    return bound.args, bound.kwargs


def _arguments(original: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    bound = inspect.signature(original).bind_partial(*args, **kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)


def _params(given: Mapping[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in given.items() if name not in _OURS}
    return {**own, **dict(given.get("params") or {})}
