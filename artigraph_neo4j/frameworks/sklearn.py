"""scikit-learn: every ``fit`` of an estimator, a pipeline or a search."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from artigraph_neo4j.frameworks.patching import Patches
from artigraph_neo4j.frameworks.training import Record, record

__all__ = ["patch"]

_LEFT_OUT = ("sklearn.preprocessing.", "sklearn.feature_", "sklearn.impute.", "sklearn.decomp")
"""Modules of transformers, which are fitted as parts of something else."""


def patch(patches: Patches, *, models: bool, metrics: bool) -> None:
    """Record the ``fit`` of every estimator of scikit-learn."""

    def wrapped(original: Any) -> Any:
        def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
            data = _data(args, kwargs)

            def begin() -> Record:
                made = Record(
                    "sklearn", type(self).__name__, self.get_params(deep=True), models=models
                )
                for name, value in data.items():
                    made.data(name, value)
                return made

            def work(made: Record | None) -> Any:
                result = original(self, *args, **kwargs)
                if made is not None:
                    _finish(made, self, data, metrics=metrics)
                return result

            return record(work, begin)

        return fit

    for owner in _owners():
        patches.replace(owner, "fit", wrapped)


def _owners() -> list[type[Any]]:
    """Return the classes of scikit-learn that define the ``fit`` of an estimator."""
    utils: Any = importlib.import_module("sklearn.utils")
    found: dict[type[Any], None] = {}
    for _, cls in utils.all_estimators():
        ours = [b for b in cls.__mro__ if b.__module__.startswith("sklearn.") and "fit" in vars(b)]
        if ours and not cls.__module__.startswith(_LEFT_OUT):
            found[ours[0]] = None
    return list(found)


def _data(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    return {**dict(zip(("X", "y"), args, strict=False)),
            **{name: kwargs[name] for name in ("X", "y") if name in kwargs}}  # fmt: skip


def _finish(made: Record, estimator: Any, data: dict[str, Any], *, metrics: bool) -> None:
    """Note what the fitted estimator says of itself, each part by itself."""
    made.params(lambda: _best_params(estimator))
    made.metrics(lambda: _best_score(estimator))
    x, y = data.get("X"), data.get("y")
    if metrics and x is not None:
        for compute in made.attempt(lambda: _scores(estimator, x, y)) or ():
            made.metrics(compute)
    made.model(lambda: estimator, type(estimator).__name__)


def _best_params(estimator: Any) -> dict[str, Any]:
    found: dict[str, Any] = getattr(estimator, "best_params_", {})
    return {f"best_{name}": value for name, value in found.items()}


def _best_score(estimator: Any) -> dict[str, Any]:
    return {"best_cv_score": estimator.best_score_} if hasattr(estimator, "best_score_") else {}


def _scores(estimator: Any, x: Any, y: Any) -> list[Callable[[], dict[str, Any]]]:
    """Return functions that each compute metrics on the data of the training."""
    base: Any = importlib.import_module("sklearn.base")
    of: Any = importlib.import_module("sklearn.metrics")
    found: list[Callable[[], dict[str, Any]]] = []
    if hasattr(estimator, "score"):
        found.append(lambda: {"training_score": estimator.score(x, y)})
    if y is None or not hasattr(estimator, "predict"):
        return found
    if base.is_classifier(estimator):
        found.append(lambda: _of_classes(of, estimator, x, y))
        if hasattr(estimator, "predict_proba"):
            found.append(lambda: _of_chances(of, estimator, x, y))
    elif base.is_regressor(estimator):
        found.append(lambda: _of_numbers(of, estimator, x, y))
    return found


def _of_classes(of: Any, estimator: Any, x: Any, y: Any) -> dict[str, Any]:
    said = estimator.predict(x)
    how = {"average": "weighted", "zero_division": 0}
    return {
        "training_accuracy_score": of.accuracy_score(y, said),
        "training_precision_score": of.precision_score(y, said, **how),
        "training_recall_score": of.recall_score(y, said, **how),
        "training_f1_score": of.f1_score(y, said, **how),
    }


def _of_chances(of: Any, estimator: Any, x: Any, y: Any) -> dict[str, Any]:
    chances = estimator.predict_proba(x)
    several = chances.shape[1] > 2
    area = of.roc_auc_score(y, chances if several else chances[:, 1], multi_class="ovo",
                            average="weighted")  # fmt: skip
    return {"training_log_loss": of.log_loss(y, chances), "training_roc_auc": area}


def _of_numbers(of: Any, estimator: Any, x: Any, y: Any) -> dict[str, Any]:
    said = estimator.predict(x)
    squared = of.mean_squared_error(y, said)
    return {
        "training_mean_squared_error": squared,
        "training_root_mean_squared_error": squared**0.5,
        "training_mean_absolute_error": of.mean_absolute_error(y, said),
        "training_r2_score": of.r2_score(y, said),
    }
