"""An engineer of nightly jobs: a job that fails, is started again, and starts other processes."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

from artigraph_neo4j import ArtifactModel, carry_span, parent_environment, set_engine, sync
from artigraph_neo4j.errors import ArgumentError, RunExistsError
from artigraph_neo4j.find import span as of_span

CHILD = """
from artigraph_neo4j import set_engine, sync
set_engine()
with sync.span_context(label="child process"):
    pass
"""


@dataclass
class WalkOrder(ArtifactModel, version=1):
    number: int


class OutOfMemory(Exception):
    pass


def job(name: str, day: str, fail_at: int | None = None) -> int:
    """Load orders in a batch; return how many steps were left to do."""
    done = 0
    with sync.span_context(label=name, key=day, if_exists="resume"):
        for region in range(3):
            with sync.span_context(label="load", key=str(region), if_exists="resume") as step:
                if step.status == "OK":
                    continue
                with sync.batch():
                    for number in range(20):
                        sync.create_span_artifact(
                            step, label=f"{number}", data=WalkOrder(number), if_exists="keep"
                        )
                if region == fail_at:
                    raise OutOfMemory
                done += 1
    return done


def test_a_night() -> None:
    name = f"nightly {uuid.uuid4()}"
    with pytest.raises(OutOfMemory):
        job(name, "29", fail_at=1)
    assert job(name, "29") == 2
    assert job(name, "29") == 0
    assert job(name, "30") == 3
    runs = sync.find_spans(of_span.label == name).read()
    assert sorted((run.run_key, run.status) for run in runs) == [("29", "OK"), ("30", "OK")]
    with pytest.raises(RunExistsError, match="is done since") as error:
        with sync.span_context(label=name, key="29"):
            pass
    steps = sync.read_child_spans(error.value.span)
    assert [len(sync.read_span_artifacts(step)) for step in steps] == [20, 20, 20]
    with sync.span_context(label=name, key="29", if_exists="new") as again:
        assert again.run_attempt == 2


def test_work_elsewhere_is_below_the_job() -> None:
    with sync.span_context(label="job") as span:
        environment = {**os.environ, **parent_environment()}
        root = Path(__file__).parents[2]
        subprocess.run([sys.executable, "-c", CHILD], env=environment, check=True, cwd=root)
        carry_span(lambda: sync.create_span_artifact("current", data=WalkOrder(1)))()
    assert [child.label for child in sync.read_child_spans(span)] == ["child process"]
    assert len(sync.read_child_artifacts(span)) == 1


def test_settings_are_checked_at_once() -> None:
    with pytest.raises(ArgumentError, match="is it 'storage'"):
        set_engine(storge="s3://bucket")  # type: ignore[call-arg]
    with pytest.raises(ArgumentError, match="if_exists takes one of"):
        sync.span_context(label="x", key="1", if_exists="skip")  # type: ignore[arg-type]
