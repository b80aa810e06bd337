"""Values of every type go through the graph itself; tests/unit has more of them, without it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from artigraph_neo4j import Lazy, artifact_info, find_artifacts
from artigraph_neo4j.find.terms import artifact
from artigraph_neo4j.recording import artifacts
from tests.examples import few
from tests.unit.serializer.test_every_type import EveryType
from tests.unit.serializer.type_differences import any_difference
from tests.unit.serializer.type_strategies import STRATEGIES

EXAMPLES = 15


def examples(kind: type[Any]) -> list[Any]:
    """The same ones in each run."""
    found: list[Any] = []

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(STRATEGIES[kind])
    def draw(value: Any) -> None:
        found.append(value)

    draw()
    return found


@pytest.mark.parametrize("kind", list(STRATEGIES), ids=lambda kind: kind.__qualname__)
async def test_comes_back(kind: type[Any]) -> None:
    values = examples(kind)
    models = [
        EveryType(made)
        for value in values
        for made in (value, Lazy(value), {"in": [value, (value,)]})
    ]
    ids = await artifacts.create(models, [None] * len(models), None)
    query = find_artifacts(EveryType, artifact.node_id.one_of(ids))
    by_id = {artifact_info(item).node_id: item for item in await query.read()}
    found = [by_id[node_id] for node_id in ids]
    for value, plain, lazy, inside in zip(
        values, found[::3], found[1::3], found[2::3], strict=True
    ):
        assert any_difference(value, plain.value) is None
        loaded = None if value is None and lazy.value is None else await lazy.value.load()
        assert any_difference(value, loaded) is None
        assert any_difference(value, inside.value["in"][0]) is None
        assert any_difference(value, inside.value["in"][1][0]) is None


ZONES_PROGRAM = """
import asyncio
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from artigraph_neo4j import ArtifactModel, set_engine

KEYS = ["UTC", "Europe/Paris", "America/St_Johns", "Asia/Kathmandu", "Africa/Casablanca",
        "Pacific/Apia", "America/New_York", "Europe/Dublin", "Australia/Lord_Howe", "Asia/Tokyo"]
CLOCKS = [datetime(1, 1, 1), datetime(1883, 11, 18, 12), datetime(2024, 3, 31, 2, 30),
          datetime(2024, 10, 27, 2, 30), datetime(2024, 10, 27, 2, 30, fold=1),
          datetime(2024, 7, 2, 3, 4, 5, 6), datetime(9999, 12, 31, 23, 59, 59, 999999)]


@dataclass
class Zoned(ArtifactModel, version=1):
    when: Any
    inside: Any


async def main():
    set_engine(create_schema=True)
    for key in KEYS:
        for clock in CLOCKS:
            when = clock.replace(tzinfo=ZoneInfo(key))
            of_day = when.timetz()
            found = await Zoned.read(await Zoned(when, {"at": (when, of_day)}).create())
            for back in (found.when, found.inside["at"][0]):
                assert back.replace(tzinfo=None) == clock and back.fold == clock.fold, (back, when)
                assert back.tzinfo is when.tzinfo, (back, when)
            assert found.inside["at"][1].tzinfo is when.tzinfo


asyncio.run(main())
"""


@pytest.mark.parametrize("run", range(few(10)))
def test_zones_crash_no_process(run: int, graph_service: Any) -> None:
    """Sending a ``ZoneInfo`` to the driver ended 5 of 20 processes; a crash is seen as one here."""
    environment = os.environ | graph_service.environment
    command = [sys.executable, "-X", "faulthandler", "-c", ZONES_PROGRAM]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
