"""``autolog``: one line, and each training is recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from artigraph_neo4j.errors import ArgumentError
from artigraph_neo4j.frameworks.boosting import patch_lightgbm, patch_xgboost
from artigraph_neo4j.frameworks.patching import Patches, when_imported
from artigraph_neo4j.frameworks.sklearn import patch as patch_sklearn
from artigraph_neo4j.frameworks.training import begin_again, warn

__all__ = ["autolog", "stop_autolog"]

_FRAMEWORKS: dict[str, Callable[..., None]] = {
    "sklearn": patch_sklearn,
    "xgboost": patch_xgboost,
    "lightgbm": patch_lightgbm,
}
_patches = Patches()
_waiting: list[Callable[[], None]] = []


def autolog(*frameworks: str, models: bool = True, metrics: bool = True) -> None:
    """Record each training of scikit-learn, XGBoost and LightGBM from now on.

    Each becomes a ``Training`` span below the current span, or a run by itself: with parameters,
    metrics, fingerprints of the data, and the fitted model. Frameworks that are imported later are
    recorded too. Nothing of it raises: what cannot be recorded is an ``AutologWarning``, and once
    the database is out of reach nothing more is tried.

    Args:
        *frameworks: ``"sklearn"``, ``"xgboost"``, ``"lightgbm"``; all of them by default.
        models: Whether fitted models are recorded.
        metrics: Whether metrics on the data of the training are computed, which costs a prediction.

    Raises:
        ArgumentError: There is no such framework.
    """
    unknown = [name for name in frameworks if name not in _FRAMEWORKS]
    if unknown:
        raise ArgumentError(
            f"autolog() does not know {unknown[0]!r}; it knows {', '.join(_FRAMEWORKS)}"
        )
    stop_autolog()
    _waiting.extend(
        when_imported(name, _starter(name, models=models, metrics=metrics))
        for name in frameworks or _FRAMEWORKS
    )


def _starter(name: str, **settings: Any) -> Callable[[], None]:
    def start() -> None:
        try:
            _FRAMEWORKS[name](_patches, **settings)
        except Exception as error:  # a version of the framework that is not known
            warn(error)

    return start


def stop_autolog() -> None:
    """Record trainings no more; every function of a framework is what it was."""
    while _waiting:
        _waiting.pop()()
    _patches.undo()
    begin_again()
