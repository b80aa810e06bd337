"""``autolog`` of PyTorch Lightning, Transformers and Keras, each where it is installed."""

from __future__ import annotations

import importlib
import json
import os
import pickle
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from artigraph_neo4j import autolog, stop_autolog, sync
from artigraph_neo4j.frameworks import Training, lightning, training
from artigraph_neo4j.frameworks.fingerprint import fingerprint
from artigraph_neo4j.frameworks.training import AutologWarning
from tests.data.autolog import trainings
from tests.graph.frameworks.test_autolog import KEYS, artifacts
from tests.graph.frameworks.test_autolog import trainings as recorded

os.environ.setdefault("KERAS_BACKEND", "torch")

pytestmark = pytest.mark.filterwarnings("ignore")  # of what the frameworks use of one another

ROOT = Path(__file__).parents[3]
FRAMEWORKS = ("lightning", "transformers", "keras")


@pytest.fixture
def run() -> Iterator[Any]:
    autolog()
    with sync.span_context(label="run") as span:
        yield span
    stop_autolog()


def need(name: str) -> Any:
    """Skip unless a framework is there; import it with ``autolog`` on, as a program does."""
    pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    return pytest.importorskip({"lightning": "lightning.pytorch"}.get(name, name))


def train(name: str) -> Any:
    """Train, and see that nothing was left out."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = train_anyhow(name)
    assert [str(each.message) for each in said if each.category is AutologWarning] == []
    return found


def train_anyhow(name: str) -> Any:
    package = need(name)
    if name == "lightning":
        return trainings.train_lightning(package)
    return trainings.train_transformers() if name == "transformers" else trainings.train_keras()


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_at_least_95_percent_of_the_keys_of_mlflow(run: Any, name: str) -> None:
    """The file was written by ``tests/data/autolog/mlflow_keys.py``."""
    train(name)
    [training] = recorded(run)
    assert (training.framework, training.status) == (name, "OK")
    ours = {*training.params, *training.metrics}
    theirs = json.loads(KEYS.read_text())[name]
    wanted = {*theirs["params"], *theirs["metrics"]}
    assert len(wanted & ours) >= 0.95 * len(wanted), sorted(wanted - ours)
    missing = {*theirs["metrics"]} - training.metrics.keys()
    assert not missing


def test_a_fit_of_lightning(run: Any) -> None:
    module, trainer = train("lightning")
    torch: Any = importlib.import_module("torch")
    [training] = recorded(run)
    assert training.estimator == "Net"
    assert (training.params["hidden"], training.params["epochs"]) == (4, 2)
    assert training.params["optimizer_name"] == "Adam"
    assert training.metrics["val_loss"] == pytest.approx(
        float(trainer.callback_metrics["val_loss"])
    )
    series = sync.read_series(training)
    assert list(series["loss_step"].steps) == [1, 2, 3, 4, 5, 6]
    assert list(series["loss_epoch"].steps) == [0, 1]
    found = artifacts(training)
    assert found.keys() == {"model", "data/train"}
    state = module.state_dict()
    assert list(found["model"].model) == list(state)
    assert all(torch.equal(found["model"].model[name], state[name]) for name in state)
    again = type(module)()
    again.load_state_dict(found["model"].model)
    assert found["data/train"].shape == [60]
    assert found["data/train"].sha256 is not None
    assert trainer.callbacks == [c for c in trainer.callbacks if "artigraph" not in repr(type(c))]


def test_a_training_of_transformers(run: Any) -> None:
    trainer = train("transformers")
    torch: Any = importlib.import_module("torch")
    [training] = recorded(run)
    assert training.estimator == "BertForSequenceClassification"
    assert training.params["hidden_size"] == 8
    assert training.params["num_train_epochs"] == 2
    steps = sync.read_series(training)["loss"]
    assert list(steps.steps) == [1, 2, 3, 4]
    found = artifacts(training)
    state = trainer.model.state_dict()
    assert all(torch.equal(found["model"].model[name], state[name]) for name in state)
    assert found["data/train"].shape == [16]
    assert not [c for c in trainer.callback_handler.callbacks if "artigraph" in repr(type(c))]


def test_a_fit_of_keras(run: Any, tmp_path: Path) -> None:
    model = train("keras")
    keras: Any = importlib.import_module("keras")
    [training] = recorded(run)
    assert training.estimator == "Sequential"
    assert (training.params["epochs"], training.params["batch_size"]) == (2, 20)
    assert training.params["optimizer_name"].startswith("adam")
    series = sync.read_series(training)["val_mae"]
    assert list(series.steps) == [0, 1]
    assert training.metrics["validation_mae"] == pytest.approx(series.values[-1])
    found = artifacts(training)
    assert found.keys() == {"model", "data/x", "data/y"}
    again = keras.saving.load_model(found["model"].model.save(tmp_path / "model.keras"))
    for left, right in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("kind", ["none", "one", "list", "tuple", "CallbackList"])
def test_callbacks_of_the_user_are_as_they_were(run: Any, kind: str) -> None:
    keras = need("keras")
    model = trainings.keras_model()

    class Mine(keras.callbacks.Callback):  # type: ignore[misc,name-defined]
        epochs = 0

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.epochs += 1

    mine = Mine()
    items = [mine]
    several = keras.callbacks.CallbackList(items, add_history=True, model=model, epochs=1)
    given = {
        "none": None,
        "one": mine,
        "list": items,
        "tuple": (mine,),
        "CallbackList": several,
    }[kind]
    model.fit(trainings.X, trainings.Y, 20, 1, 0, given)  # by position, as they may be given
    assert items == [mine]
    assert mine.epochs == (kind != "none")
    if kind == "CallbackList":
        assert mine in several.callbacks
        assert not [c for c in several.callbacks if "artigraph" in repr(type(c))]
    [training] = recorded(run)
    assert list(sync.read_series(training)["loss"].steps) == [0]


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_training_goes_on_whatever_fails(
    run: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(name)
    module = importlib.import_module(f"artigraph_neo4j.frameworks.{name}")
    for owner, part in ((training, "_numbers"), (module, "_params"), (module, "_attach")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, part, _broken)
            with pytest.warns(AutologWarning, match="broken"):
                train_anyhow(name)
    assert all(each.status == "OK" for each in recorded(run))


def _broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("broken")


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_training_that_fails_fails_as_it_does_without(run: Any, name: str) -> None:
    package = need(name)
    if name == "keras":
        with pytest.raises(ValueError, match="shape|dim|compatible"):
            trainings.keras_model().fit(trainings.X[:, :2], trainings.Y, verbose=0)
    elif name == "transformers":
        with pytest.raises(ValueError, match="eval_strategy|no such"):
            trainings.train_transformers(lr_scheduler_type="no such")
        return  # before the training
    else:
        with pytest.raises(TypeError):
            package.Trainer(logger=False, enable_checkpointing=False).fit()
        with pytest.raises(TypeError, match="LightningModule"):
            package.Trainer(logger=False, enable_checkpointing=False).fit(object())
    [training] = recorded(run)
    assert training.status == "ERROR"


def test_another_process_of_a_training_records_nothing(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = need("lightning")
    trainer = package.Trainer(logger=False, enable_checkpointing=False)
    made: Any = None  # a copy would fail if it used it
    watch = lightning._attach(package, trainer, made)
    copied = pickle.loads(pickle.dumps(watch))
    assert type(copied) is package.Callback
    monkeypatch.setattr(os, "getpid", lambda: -1)  # as after a fork
    watch.on_train_start(trainer, None)
    watch.on_train_batch_start(trainer)
    watch.on_train_epoch_end(trainer)


TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


@pytest.mark.timeout(600)  # it imports the framework in two more processes
@pytest.mark.parametrize("name", ["lightning", "transformers"])
def test_of_two_processes_that_train_together_the_first_records(
    name: str, graph_service: Any
) -> None:
    need(name)
    before = {span.node_id for span in sync.read_root_spans()}
    start = TORCHRUN if name == "transformers" else ()
    done = subprocess.run(
        [sys.executable, *start, str(Path(__file__).with_name("distributed.py")), name],
        env=os.environ | graph_service.environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(line for line in done.stdout.splitlines() if line.startswith("rank")) == [
        "rank 0 is done",
        "rank 1 is done",
    ]
    assert "AutologWarning" not in done.stderr
    [training] = [span for span in sync.read_root_spans() if span.node_id not in before]
    assert isinstance(training, Training)
    assert (training.framework, training.status) == (name, "OK")
    assert artifacts(training).keys() == {"model", "data/train"}
    steps = sync.read_series(training)["loss" if name == "transformers" else "loss_step"].steps
    assert steps == sorted(set(steps))
    assert len(steps) == {"lightning": 4, "transformers": 2}[name]


def test_patches_are_undone(run: Any) -> None:
    for name in FRAMEWORKS:
        need(name)
    owners = [
        (importlib.import_module("lightning.pytorch").Trainer, "fit"),
        (importlib.import_module("transformers.trainer").Trainer, "train"),
        (importlib.import_module("keras").Model, "fit"),
    ]
    assert all(hasattr(getattr(owner, name), "__artigraph__") for owner, name in owners)
    stop_autolog()
    assert not any(hasattr(getattr(owner, name), "__artigraph__") for owner, name in owners)


def test_frameworks_that_are_imported_later_are_patched_and_none_is_imported() -> None:
    heavy = ["torch", "lightning", "pytorch_lightning", "transformers", "keras"]
    script = (
        "import sys, importlib.util, artigraph_neo4j\nartigraph_neo4j.autolog()\n"
        f"print([name for name in {heavy!r} if name in sys.modules])\n"
        "if importlib.util.find_spec('torch') and importlib.util.find_spec('transformers'):\n"
        "    import transformers\n"
        "    print('transformers.trainer' in sys.modules)\n"
        "    print(hasattr(transformers.Trainer.train, '__artigraph__'))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout in ("[]\n", "[]\nFalse\nTrue\n"), done.stderr


def test_fingerprints_of_tensors() -> None:
    torch = pytest.importorskip("torch")
    data = importlib.import_module("torch.utils.data")
    x, y = torch.arange(6.0).reshape(3, 2), torch.ones(3, dtype=torch.bfloat16)
    both = data.TensorDataset(x, y)
    digests = [
        fingerprint(value)[2]
        for value in (x, x.T.contiguous().T, both, data.DataLoader(both, 2), x + 1, x[:, :1])
    ]
    assert digests[0] == digests[1]
    assert digests[2] == digests[3]
    assert len(set(digests)) == 4
    assert None not in digests
    assert fingerprint(x)[0] == [3, 2]
    assert fingerprint(both) == ([3], [], digests[2])
    for unknown in (x.to_sparse(), data.Subset(both, [0]), data.DataLoader(data.Subset(both, [0]))):
        assert fingerprint(unknown)[2] is None

    class Endless(data.IterableDataset):  # type: ignore[misc,name-defined]
        def __iter__(self) -> Iterator[Any]:
            yield x

    assert fingerprint(data.DataLoader(Endless())) == ([], [], None)
