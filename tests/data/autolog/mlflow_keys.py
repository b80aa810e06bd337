"""Writes the keys that MLflow's autolog records: ``python mlflow_keys.py`` beside an MLflow.

pip install mlflow scikit-learn torch pytorch-lightning "transformers[torch]" keras
"""

import json
import os
import tempfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import mlflow
import mlflow.keras
import mlflow.pytorch
import mlflow.sklearn
import mlflow.transformers
import numpy as np
import pytorch_lightning
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from trainings import train_keras, train_lightning, train_transformers

X = np.random.default_rng(0).random((60, 3))
Y = (X[:, 0] > 0.5).astype(int)
MODELS = {
    "classifier": LogisticRegression(C=0.5),
    "regressor": RandomForestRegressor(3),
    "pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
    "search": GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2),
}
TRAININGS = {
    **{name: lambda model=model: model.fit(X, Y) for name, model in MODELS.items()},
    "lightning": lambda: train_lightning(pytorch_lightning),
    "transformers": train_transformers,
    "keras": train_keras,
}


def main() -> None:
    target = Path(__file__).with_name("mlflow.json")
    os.chdir(tempfile.mkdtemp())
    mlflow.set_tracking_uri("sqlite:///runs.db")
    for flavor in (mlflow.sklearn, mlflow.pytorch, mlflow.transformers, mlflow.keras):
        flavor.autolog(silent=True, log_models=False)
    found = {"mlflow": mlflow.__version__}
    for name, train in TRAININGS.items():
        with mlflow.start_run() as run:
            train()
        mlflow.flush_async_logging()
        data = mlflow.MlflowClient().get_run(run.info.run_id).data
        found[name] = {"params": sorted(data.params), "metrics": sorted(data.metrics)}
    target.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
