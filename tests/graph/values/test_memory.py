"""Large values take little memory beside themselves; ``make bench-memory`` measures larger ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.memory import KINDS, MIB, measure

SIZE_MIB = 96
ALLOWED_MIB = 64
"""A copy would be 96; the buffers of S3's uploads, which come on top, are not in these."""


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=() if kind == "ndarray" else pytest.mark.long)
        for kind in KINDS
        if kind != "frame"
    ],
)
def test_no_copy_of_a_large_value(kind: str, graph_service: Any, tmp_path: Path) -> None:
    environment = graph_service.environment | {"ARTIGRAPH_BENCH_FILES": str(tmp_path)}
    found = measure(kind, SIZE_MIB * MIB, environment)
    assert found["up MiB"] < ALLOWED_MIB
    assert found["down MiB"] < ALLOWED_MIB
