"""Keras: ``Model.fit`` on any backend, with metrics of each epoch."""

from __future__ import annotations

import importlib
import inspect
from typing import Any, cast

from artigraph_neo4j.frameworks.patching import Patches
from artigraph_neo4j.frameworks.training import Record, record

__all__ = ["patch"]

_NO_PARAMETERS = ("x", "y", "callbacks", "validation_data", "verbose")


def patch(patches: Patches, *, models: bool, metrics: bool) -> None:
    """Record ``Model.fit``."""
    del metrics  # those of each epoch are there anyway
    keras: Any = importlib.import_module("keras")

    def wrapped(original: Any) -> Any:
        signature = inspect.signature(original)

        def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
            def begin() -> Record:
                bound = signature.bind(self, *args, **kwargs)
                bound.apply_defaults()
                given = bound.arguments
                made = Record("keras", type(self).__name__, _params(self, given), models=models)
                for name in ("x", "y"):
                    made.data(name, given.get(name))
                return made

            def work(made: Record | None) -> Any:
                if made is None:
                    return original(self, *args, **kwargs)
                bound = signature.bind(self, *args, **kwargs)
                watch = made.attempt(lambda: _attach(keras, bound.arguments, made))
                try:
                    result = original(*bound.args, **bound.kwargs)
                finally:
                    if watch is not None:
                        _detach(bound.arguments["callbacks"], watch)
                made.model(lambda: self, type(self).__name__)
                return result

            return record(work, begin)

        return fit

    owner = next(cls for cls in keras.Model.__mro__ if "fit" in vars(cls))
    patches.replace(owner, "fit", wrapped)


def _attach(keras: Any, given: dict[str, Any], made: Record) -> Any:
    """Return a callback that is now among those that ``fit`` is given."""

    class Watch(keras.callbacks.Callback):  # type: ignore[misc]
        """Notes what the model logs."""

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            """See Keras."""
            made.step(lambda: logs or {}, epoch)

        def on_test_end(self, logs: Any = None) -> None:
            """See Keras; the last of these that MLflow knows by this name."""
            found: dict[str, Any] = logs or {}
            made.metrics(lambda: {f"validation_{name}": value for name, value in found.items()})

    watch = Watch()
    callbacks: Any = given.get("callbacks")
    if isinstance(callbacks, keras.callbacks.CallbackList):
        watch.set_model(callbacks.model)
        watch.set_params(callbacks.params)
        callbacks.callbacks.append(watch)
    else:
        several = isinstance(callbacks, (list, tuple))
        own = cast("list[Any]", callbacks) if several else [callbacks] if callbacks else []
        given["callbacks"] = [*own, watch]
    return watch


def _detach(callbacks: Any, watch: Any) -> None:
    """Take the callback out of a list of the user's, who may train with it again."""
    items = getattr(callbacks, "callbacks", callbacks)
    if watch in items:
        items.remove(watch)


def _params(model: Any, given: dict[str, Any]) -> dict[str, Any]:
    options = {
        name: value for name, value in given.items() if name not in (*_NO_PARAMETERS, "self")
    }
    data: Any = given.get("x")
    if options.get("batch_size") is None:  # a loader has its own
        options["batch_size"] = getattr(data, "batch_size", getattr(data, "_batch_size", None))
    optimizer: Any = getattr(model, "optimizer", None)
    config: dict[str, Any] = optimizer.get_config() if optimizer is not None else {}
    return {**options, **{f"optimizer_{name}": value for name, value in config.items()}}
