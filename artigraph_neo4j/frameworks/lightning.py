"""PyTorch Lightning: ``Trainer.fit``, with metrics of steps and epochs."""

from __future__ import annotations

import importlib
import os
from typing import Any

from artigraph_neo4j.frameworks.patching import Patches
from artigraph_neo4j.frameworks.torch_state import state_of
from artigraph_neo4j.frameworks.training import Record, record

__all__ = ["patch"]

_WHOLE = ("SingleDeviceStrategy", "SingleDeviceXLAStrategy", "DDPStrategy")
"""Strategies under which each process has the whole model; to others all have to ask at once."""


def patch(patches: Patches, *, package: str, models: bool, metrics: bool) -> None:
    """Record ``Trainer.fit`` of ``lightning.pytorch``, or of ``pytorch_lightning``."""
    del metrics  # those that the module logs are there anyway
    lightning: Any = importlib.import_module(package)

    def wrapped(original: Any) -> Any:
        def fit(self: Any, model: Any = None, *args: Any, **kwargs: Any) -> Any:
            # Options may be by name; without a model the error is Lightning's.
            given = args if model is None else (model, *args)
            if model is None:
                return original(self, *given, **kwargs)

            def begin() -> Record:
                return Record("lightning", type(model).__name__, {}, models=models)

            def work(made: Record | None) -> Any:
                if made is None:
                    return original(self, *given, **kwargs)
                watch = made.attempt(lambda: _attach(lightning, self, made))
                try:
                    result = original(self, *given, **kwargs)
                finally:
                    if watch in self.callbacks:
                        self.callbacks.remove(watch)
                if type(self.strategy).__name__ in _WHOLE:
                    made.model(lambda: state_of(model), type(model).__name__)
                return result

            return record(work, begin, first=getattr(self, "is_global_zero", True))

        return fit

    patches.replace(lightning.Trainer, "fit", wrapped)


class _Notes:
    """Names and values that a trainer has logged; a copy in another process notes nothing."""

    def __init__(self, made: Record) -> None:
        self._made = made
        self._process = os.getpid()
        self._of_steps: dict[str, Any] = {}
        self._of_epochs: set[str] = set()

    def start(self, trainer: Any, module: Any) -> None:
        """Note how it is trained, and on what."""
        if self._is_here(trainer):
            self._made.params(lambda: _params(trainer, module))
            self._made.data("train", self._made.attempt(lambda: trainer.train_dataloader))

    def steps(self, trainer: Any) -> None:
        """Note what was logged since the last time."""
        if not self._is_here(trainer):
            return
        logged = self._made.attempt(lambda: dict(trainer.logged_metrics)) or {}
        found = {
            name: value
            for name, value in logged.items()
            if name not in self._of_epochs and self._of_steps.get(name) is not value
        }
        if found:  # as often as the trainer logs: to look at a number waits for the device
            self._of_steps.update(found)
            self._made.step(lambda: found, trainer.global_step)

    def epoch(self, trainer: Any) -> None:
        """Note the metrics of an epoch, which are not of steps; those of the validation too."""
        if self._is_here(trainer):
            known = self._of_steps
            found = self._made.attempt(lambda: _new(trainer.callback_metrics, known)) or {}
            self._of_epochs.update(found)
            self._made.step(lambda: found, trainer.current_epoch)
            self.steps(trainer)

    def _is_here(self, trainer: Any) -> bool:
        is_first: bool = trainer.is_global_zero and os.getpid() == self._process
        return is_first and not trainer.sanity_checking


def _attach(lightning: Any, trainer: Any, made: Record) -> Any:
    """Return a callback that is now among those of a trainer."""
    notes = _Notes(made)

    class Watch(lightning.Callback):  # type: ignore[misc]
        """Notes what the trainer logs; a pickled copy does nothing."""

        def __reduce__(self) -> Any:
            return lightning.Callback, ()

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            """See Lightning."""
            notes.start(trainer, pl_module)

        def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
            """See Lightning; metrics of a step are there once it is over."""
            notes.steps(trainer)

        def on_train_epoch_end(self, trainer: Any, *_: Any) -> None:
            """See Lightning."""
            notes.epoch(trainer)

    watch = Watch()
    trainer.callbacks.append(watch)
    return watch


def _new(metrics: Any, known: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metrics.items() if name not in known}


def _params(trainer: Any, module: Any) -> dict[str, Any]:
    found: dict[str, Any] = dict(getattr(module, "hparams", {}))
    found["epochs"] = trainer.max_epochs
    if trainer.optimizers:  # of several, the first, as the names of their options are the same
        optimizer: Any = trainer.optimizers[0]
        optimizer = getattr(optimizer, "optimizer", optimizer)
        found["optimizer_name"] = type(optimizer).__name__
        found.update(getattr(optimizer, "defaults", {}))
    return found
