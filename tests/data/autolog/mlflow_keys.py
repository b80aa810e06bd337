"""Writes the keys that MLflow's autolog records: ``python mlflow_keys.py`` beside an MLflow.

pip install mlflow scikit-learn
"""

import json
import os
import tempfile
from pathlib import Path

import mlflow
import mlflow.sklearn
import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

X = np.random.default_rng(0).random((60, 3))
Y = (X[:, 0] > 0.5).astype(int)
MODELS = {
    "classifier": LogisticRegression(C=0.5),
    "regressor": RandomForestRegressor(3),
    "pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
    "search": GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2),
}


def main() -> None:
    target = Path(__file__).with_name("mlflow.json")
    os.chdir(tempfile.mkdtemp())
    mlflow.set_tracking_uri("sqlite:///runs.db")
    mlflow.sklearn.autolog(silent=True, log_models=False)
    found = {"mlflow": mlflow.__version__}
    for name, model in MODELS.items():
        with mlflow.start_run() as run:
            model.fit(X, Y)
        data = mlflow.MlflowClient().get_run(run.info.run_id).data
        found[name] = {"params": sorted(data.params), "metrics": sorted(data.metrics)}
    target.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
