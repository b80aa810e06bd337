"""The files that graphs of any size are loaded from have the library's layout."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from artigraph_neo4j.local import StackInfo
from tests.benchmarks import growth, loading
from tests.benchmarks.harness import Bench, bench_on

RUNS = 3 * loading.PROJECTS

NODES = "UNWIND $rows AS r CREATE (n:$(r[0])) SET n = r[1]"
LINKS = """
UNWIND $rows AS r
MATCH (a:ArtigraphNode {node_id: r[0]})
MATCH (b:ArtigraphNode {node_id: r[1]})
CREATE (a)-[x:$(r[2])]->(b) SET x = r[3]
"""
TYPES: dict[str, Any] = {
    "long": int, "double": float, "datetime": datetime.fromisoformat, "": str, "ID": str,
}  # fmt: skip


async def _send(bench: Bench, path: Path, kind: str) -> None:
    """Write a file's rows as the importer would."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    sent: list[list[Any]] = []
    for row in rows:
        own = [(n.partition(":"), v) for n, v in row.items() if not n.startswith(":")]
        values = {name: TYPES[of](value) for (name, _, of), value in own}
        if kind:
            sent.append([row[":START_ID"], row[":END_ID"], kind, values])
        else:
            sent.append([row[":LABEL"].split(";"), values])
    await bench.cypher(LINKS if kind else NODES, rows=sent)


@pytest.mark.long
async def test_each_question_finds_something(stack_info: StackInfo, tmp_path: Path) -> None:
    async with bench_on(stack_info, True, {}) as bench:
        for argument in loading.write_files(tmp_path, RUNS):
            option, _, rest = argument.partition("=")
            *kind, path = rest.split("=")
            assert option == ("--relationships" if kind else "--nodes")
            await _send(bench, Path(path), "".join(kind))
        try:
            for name, ask in growth.questions(RUNS).items():
                assert await ask(), name
                found = await growth.measured(bench, ask)
                assert found["hits"] > 0, name
        finally:
            await bench.cypher("MATCH (n) WHERE n.node_id STARTS WITH 'r0000' DETACH DELETE n")


def test_files_of_a_graph(tmp_path: Path) -> None:
    loading.write_files(tmp_path, RUNS)
    lines = {p.stem: len(p.read_text().splitlines()) - 1 for p in tmp_path.iterdir()}
    assert lines["spans"] + lines["artifacts"] == RUNS * loading.NODES_EACH
    assert lines["has"] == lines["made"] == lines["artifacts"]
    assert growth.table([]) == ""
