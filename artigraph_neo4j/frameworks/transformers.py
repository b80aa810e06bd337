"""Transformers of Hugging Face: ``Trainer.train``, with all that the trainer logs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from numbers import Real
from typing import Any

from artigraph_neo4j.frameworks.patching import Patches
from artigraph_neo4j.frameworks.torch_state import state_of
from artigraph_neo4j.frameworks.training import Record, record

__all__ = ["patch"]


def patch(patches: Patches, *, models: bool, metrics: bool) -> None:
    """Record ``Trainer.train``, which those of other packages call too."""
    del metrics  # those that the trainer logs are there anyway
    module: Any = importlib.import_module("transformers.trainer")

    def wrapped(original: Any) -> Any:
        def train(self: Any, *args: Any, **kwargs: Any) -> Any:
            def begin() -> Record:
                made = Record("transformers", _named(self.model), _params(self), models=models)
                made.data("train", self.train_dataset)
                return made

            def work(made: Record | None) -> Any:
                if made is None:
                    return original(self, *args, **kwargs)
                watch = made.attempt(lambda: _attach(module, self, made))
                try:
                    result = original(self, *args, **kwargs)
                finally:
                    if watch is not None:
                        self.remove_callback(watch)
                # Of a model in parts, all processes have to ask for the whole.
                if not (self.is_fsdp_enabled or self.is_deepspeed_enabled):
                    made.model(lambda: state_of(self.model), _named(self.model))
                return result

            return record(work, begin, first=self.is_world_process_zero())

        return train

    patches.replace(module.Trainer, "train", wrapped)


def _attach(module: Any, trainer: Any, made: Record) -> Any:
    """Return a callback that is now among those of a trainer."""

    class Watch(module.TrainerCallback):  # type: ignore[misc]
        """Notes what the trainer logs."""

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            """See Transformers."""
            del args, control
            made.step(lambda: _metrics(logs or {}), state.global_step)

    watch = Watch()
    trainer.add_callback(watch)
    return watch


def _named(model: Any) -> str:
    return "Trainer" if model is None else type(model).__name__  # model_init makes it later


def _params(trainer: Any) -> dict[str, Any]:
    """Return the configuration of the model and of the training; tokens are left out by both."""
    config: Any = getattr(trainer.model, "config", None)
    of_model: Mapping[str, Any] = config.to_dict() if config is not None else {}
    return {**of_model, **trainer.args.to_dict()}


def _metrics(logs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is one number; a trainer logs texts and lists too."""
    return {
        name: value
        for name, value in logs.items()
        if isinstance(value, Real) or getattr(value, "numel", lambda: 0)() == 1
    }
