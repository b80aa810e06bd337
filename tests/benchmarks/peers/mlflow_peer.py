"""MLflow on a SQLite file: a run with two parameters is what comes nearest to a span with an
artifact. Runs with more of them are read as one table, and one logs series. Runs in its own
environment; see ``outside.py``."""

import json
import os
import sys
import time

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # whatever else is printed goes to the log

import mlflow  # noqa: E402
from mlflow.entities import Metric, Param  # noqa: E402

client = mlflow.MlflowClient(f"sqlite:///{sys.argv[1]}/mlflow.db")
experiment = client.create_experiment("bench")
sweep = client.create_experiment("sweep")
METRICS = 20
BATCH = 1000  # it takes no more values in a call
logged = {}


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


def table(count: int) -> float:
    """Reads parameters and metrics of runs as rows; makes the runs before, if there are fewer."""
    there = len(client.search_runs([sweep], max_results=count))
    for i in range(there, count):
        run = client.create_run(sweep).info.run_id
        params = [Param(f"p{k}", str((i * 31 + k * 7) % 1000 / 7)) for k in range(10)]
        metrics = [Metric(f"m{k}", (i * 31 + k * 7) % 1000 / 7, 0, 0) for k in range(5)]
        client.log_batch(run, metrics, params)
        client.set_terminated(run)
    begin = time.perf_counter()
    found = client.search_runs([sweep], max_results=count)
    rows = [{**run.data.params, **run.data.metrics} for run in found]
    seconds = time.perf_counter() - begin
    assert len(rows) == count
    assert len(rows[0]) == 15
    return seconds


def log(count: int) -> float:
    """Logs values of 20 metrics, as many in a call as it takes."""
    begin = time.perf_counter()
    run = client.create_run(experiment).info.run_id
    at = int(time.time() * 1000)
    for start in range(0, count, BATCH):
        values = [
            Metric(f"metric {i % METRICS}", i / 7, at, i // METRICS)
            for i in range(start, min(start + BATCH, count))
        ]
        client.log_batch(run, values)
    client.set_terminated(run)
    seconds = time.perf_counter() - begin
    logged[count] = run
    return seconds


def history(count: int) -> float:
    """Reads all values that a run logged."""
    if count not in logged:
        log(count)
    begin = time.perf_counter()
    found = [client.get_metric_history(logged[count], f"metric {k}") for k in range(METRICS)]
    seconds = time.perf_counter() - begin
    assert sum(map(len, found)) == count
    return seconds


WORK = {
    "one_by_one": one_by_one,
    "read": read,
    "table": table,
    "log": log,
    "history": history,
}


def answer(told: object) -> None:
    print(json.dumps(told), file=ANSWERS, flush=True)


answer({"mlflow": mlflow.__version__, "database": "SQLite, one file"})
for line in sys.stdin:
    what, count = json.loads(line)
    answer({"seconds": WORK[what](count)})
