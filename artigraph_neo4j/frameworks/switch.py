"""``autolog``: one line, and each training is recorded."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from artigraph_neo4j.errors import ArgumentError
from artigraph_neo4j.frameworks.boosting import patch_lightgbm, patch_xgboost
from artigraph_neo4j.frameworks.keras import patch as patch_keras
from artigraph_neo4j.frameworks.lightning import patch as patch_lightning
from artigraph_neo4j.frameworks.patching import Patches, when_imported
from artigraph_neo4j.frameworks.sklearn import patch as patch_sklearn
from artigraph_neo4j.frameworks.training import begin_again, warn
from artigraph_neo4j.frameworks.transformers import patch as patch_transformers

__all__ = ["autolog", "stop_autolog"]

_FRAMEWORKS: dict[str, dict[str, Callable[..., None]]] = {
    "sklearn": {"sklearn": patch_sklearn},
    "xgboost": {"xgboost": patch_xgboost},
    "lightgbm": {"lightgbm": patch_lightgbm},
    "lightning": {
        "lightning": partial(patch_lightning, package="lightning.pytorch"),
        "pytorch_lightning": partial(patch_lightning, package="pytorch_lightning"),
    },
    # Its other modules come without its trainer, and are imported with less.
    "transformers": {"transformers.trainer": patch_transformers},
    "keras": {"keras": patch_keras},
}
"""Functions that patch, by the module that has to be imported."""
_patches = Patches()
_waiting: list[Callable[[], None]] = []


def autolog(*frameworks: str, models: bool = True, metrics: bool = True) -> None:
    """Record each training of the frameworks below from now on.

    Each becomes a ``Training`` span below the current span, or a run by itself: with parameters,
    metrics, fingerprints of the data, and the fitted model. Frameworks that are imported later are
    recorded too. Nothing of it raises: what cannot be recorded is an ``AutologWarning``, and once
    the database is out of reach nothing more is tried.

    Args:
        *frameworks: ``"sklearn"``, ``"xgboost"``, ``"lightgbm"``, ``"lightning"``,
            ``"transformers"``, ``"keras"``; all of them by default.
        models: Whether fitted models are recorded.
        metrics: Whether metrics of scikit-learn on the data of the training are computed, which
            costs a prediction.

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
        when_imported(module, _starter(patch, models=models, metrics=metrics))
        for name in frameworks or _FRAMEWORKS
        for module, patch in _FRAMEWORKS[name].items()
    )


def _starter(patch: Callable[..., None], **settings: Any) -> Callable[[], None]:
    def start() -> None:
        try:
            patch(_patches, **settings)
        except Exception as error:  # a version of the framework that is not known
            warn(error)

    return start


def stop_autolog() -> None:
    """Record trainings no more; every function of a framework is what it was."""
    while _waiting:
        _waiting.pop()()
    _patches.undo()
    begin_again()
