"""Trainings of frameworks that bring a backend of their own, as users write them.

The program that writes MLflow's keys calls them, and so do the tests of ``autolog``.
"""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np

X = np.random.default_rng(0).random((60, 3)).astype("float32")
Y = (X[:, :1] > 0.5).astype("float32")


def train_lightning(package: Any, **settings: Any) -> Any:
    """Return the module that a trainer of ``lightning.pytorch`` has fitted, and the trainer."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    class Net(package.LightningModule):  # type: ignore[misc]
        def __init__(self, hidden: int = 4) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.layers = torch.nn.Sequential(
                torch.nn.Linear(3, hidden), torch.nn.BatchNorm1d(hidden), torch.nn.Linear(hidden, 1)
            )

        def forward(self, x: Any) -> Any:
            return self.layers(x)

        def training_step(self, batch: Any, _: int) -> Any:
            loss = torch.nn.functional.mse_loss(self(batch[0]), batch[1])
            self.log("loss", loss, on_step=True, on_epoch=True)
            return loss

        def validation_step(self, batch: Any, _: int) -> None:
            self.log("val_loss", torch.nn.functional.mse_loss(self(batch[0]), batch[1]))

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=0.01)

    data = TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    module = Net()
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False}
    with tempfile.TemporaryDirectory() as folder:
        given = {"max_epochs": 2, "log_every_n_steps": 1, "accelerator": "cpu", **quiet, **settings}
        trainer = package.Trainer(default_root_dir=folder, **given)
        trainer.fit(module, DataLoader(data, batch_size=20), DataLoader(data, batch_size=60))
    return module, trainer


def train_transformers(*, callbacks: Any = (), **settings: Any) -> Any:
    """Return a trainer of Transformers that has trained a tiny model."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

    torch.manual_seed(0)
    size = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    config = BertConfig(vocab_size=16, intermediate_size=8, max_position_embeddings=8, **size)
    rows = [
        {"input_ids": torch.tensor([n % 16, 1, 2]), "labels": torch.tensor(n % 2)}
        for n in range(16)
    ]
    with tempfile.TemporaryDirectory() as folder:
        given = {"num_train_epochs": 2, "logging_steps": 1, "per_device_train_batch_size": 8}
        quiet = {"use_cpu": True, "save_strategy": "no", "disable_tqdm": True}
        more = {"eval_strategy": "epoch", **given, **quiet, **settings}
        arguments = TrainingArguments(folder, **more)
        model = BertForSequenceClassification(config)
        trainer = Trainer(
            model, arguments, train_dataset=rows, eval_dataset=rows, callbacks=list(callbacks)
        )
        trainer.train()
    return trainer


def keras_model() -> Any:
    """Return a small model of Keras, compiled."""
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1)])
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    return model


def train_keras() -> Any:
    """Return a model of Keras that was fitted."""
    model = keras_model()
    model.fit(X, Y, epochs=2, batch_size=20, validation_data=(X, Y), verbose=0)
    return model
