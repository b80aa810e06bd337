"""MLflow on a SQLite file: a run with two parameters is what comes nearest to a span with an
artifact. Runs in its own environment; see ``outside.py``."""

import json
import os
import sys
import time

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # whatever else is printed goes to the log

import mlflow  # noqa: E402
from mlflow.entities import Param  # noqa: E402

client = mlflow.MlflowClient(f"sqlite:///{sys.argv[1]}/mlflow.db")
experiment = client.create_experiment("bench")


def one_by_one(count: int) -> float:
    begin = time.perf_counter()
    for i in range(count):
        run = client.create_run(experiment).info.run_id
        client.log_batch(run, params=[Param("step", str(i)), Param("loss", str(i / 7))])
        client.set_terminated(run)
    return time.perf_counter() - begin


def read(count: int) -> float:
    """Reads what ``one_by_one`` wrote; more of it first, if that was less."""
    there = client.search_runs([experiment], max_results=count)
    one_by_one(count - len(there))
    begin = time.perf_counter()
    found = client.search_runs([experiment], max_results=count)
    seconds = time.perf_counter() - begin
    assert len(found) == count
    return seconds


def answer(told: object) -> None:
    print(json.dumps(told), file=ANSWERS, flush=True)


answer({"mlflow": mlflow.__version__, "database": "SQLite, one file"})
for line in sys.stdin:
    what, count = json.loads(line)
    answer({"seconds": {"one_by_one": one_by_one, "read": read}[what](count)})
