"""Every workload runs, at a tiny size, by all sides that need no other environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from artigraph_neo4j.local import StackInfo
from tests.benchmarks import report, table
from tests.benchmarks.__main__ import WORKLOADS, main
from tests.benchmarks.harness import bench_on, measure
from tests.benchmarks.limits import Verdict, verdicts

SIZE = 30
LARGE = {"growth", "questions", "read", "upkeep", "write"}
"""Groups that take half a minute and more."""


@pytest.fixture(scope="module")
def run() -> dict[str, Any]:
    return {"machine": {"cpu": "a", "cores": 1}, "peers": {}, "options": {"quick": True},
        "took": 1.0, "workloads": {}}  # fmt: skip


@pytest.mark.timeout(900)  # about a minute, but on a machine that does much else
@pytest.mark.parametrize(
    "group",
    [
        pytest.param(group, marks=pytest.mark.long if group in LARGE else ())
        for group in sorted({workload.group for workload in WORKLOADS})
    ],
)
async def test_workloads(group: str, stack_info: StackInfo, run: dict[str, Any]) -> None:
    async with bench_on(stack_info, True, {}, most=SIZE) as bench:
        for workload in WORKLOADS:
            if workload.group != group or workload.name.endswith("_large"):
                continue
            found = await measure(bench, workload, 1, (), lambda _: None)
            assert not found["failed"]
            for name, side in found["sides"].items():
                assert side["median"]["seconds"] > 0, (workload.name, name)
                assert len(side["samples"]) == 1
            run["workloads"][workload.name] = found


async def test_what_is_told_of_a_run(run: dict[str, Any], tmp_path: Path) -> None:
    run = json.loads(json.dumps(run))
    if "write_2000" not in run["workloads"]:  # which takes long
        run = json.loads((report.PAGE.parent / "performance.json").read_text())
    told = Console(width=200, record=True, quiet=True)
    table.print_run(run, told)
    measured = [verdict for verdict in verdicts(run) if verdict.value is not None]
    assert any("floor" in verdict.text for verdict in measured)
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- bench -->\nformer text\n<!-- /bench -->\nafter\n")
    report.write_page(run, page)
    text = page.read_text()
    assert "write_2000" in text
    assert "former text" not in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    report.write_page(run, page)
    assert page.read_text() == text


def test_limits() -> None:
    assert Verdict("a", 1.4, 1.5).met
    assert Verdict("a", 1.6, 1.5).word == "MISSED"
    assert Verdict("a", 80, 70, at_least=True).met
    assert Verdict("a", None, 70).met is None
    assert all(verdict.met is None for verdict in verdicts({"workloads": {}}))


def test_the_list_of_workloads() -> None:
    lines: list[str] = []
    assert main(["--list"], lines.append) == 0
    assert len(lines) == len(WORKLOADS)
    assert main(["--only", "no such workload"], lines.append) == 2
