"""A program that trains in two processes, each of which reads the graph meanwhile.

``python distributed.py lightning`` starts the other process itself; for ``transformers`` torchrun
starts both.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from artigraph_neo4j import autolog, set_engine, sync
from tests.data.autolog import trainings


def read(seen: list[int]) -> None:
    """Read the graph, as a training does that takes its data from artifacts, and fit a model."""
    seen.append(sync.find_spans().limit(5).count())
    importlib.import_module("sklearn.linear_model").LinearRegression().fit(trainings.X, trainings.Y)


def lightning() -> int:
    """Train with Lightning; return the rank."""
    package: Any = importlib.import_module("lightning.pytorch")
    seen: list[int] = []

    class Reads(package.Callback):  # type: ignore[misc]
        def on_train_epoch_start(self, *_: Any) -> None:
            read(seen)

    _, trainer = trainings.train_lightning(package, strategy="ddp", devices=2, callbacks=[Reads()])
    assert trainer.world_size == 2
    assert trainer.current_epoch == len(seen) == 2
    return int(trainer.global_rank)


def transformers() -> int:
    """Train with Transformers; return the rank."""
    module: Any = importlib.import_module("transformers")
    seen: list[int] = []

    class Reads(module.TrainerCallback):  # type: ignore[misc]
        def on_epoch_begin(self, *_: Any, **__: Any) -> None:
            read(seen)

    trainer = trainings.train_transformers(ddp_backend="gloo", callbacks=[Reads()])
    assert trainer.args.world_size == 2
    assert len(seen) == 2
    return int(trainer.args.process_index)


if __name__ == "__main__":
    set_engine()
    autolog()
    rank = {"lightning": lightning, "transformers": transformers}[sys.argv[1]]()
    print(f"rank {rank} is done", flush=True)
