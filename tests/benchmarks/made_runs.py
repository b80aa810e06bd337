"""Runs of many spans and artifacts, made by the server itself, as the library would have written
them: for workloads about what an operator does."""

from __future__ import annotations

from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.recording.work import artifact_key
from tests.benchmarks.floor import codec
from tests.benchmarks.harness import Bench

ROWS = 2_000
"""Spans in a transaction."""

EACH = 3
"""Artifacts of each span; with the span these are four nodes."""

FAN = 100
"""Spans below each group of the run."""

_ROOT = """
CREATE (r:ArtigraphNode:Span:ArtigraphIndexed {node_id: $root, root_id: $root, depth: 0,
  label: 'run', label_: 'run', status: 'OK', opened_at: datetime($at), closed_at: datetime($at),
  duration_: 0.0})
WITH r UNWIND range(0, $groups - 1) AS g
CREATE (r)-[:PARENT_OF]->(:ArtigraphNode:Span:ArtigraphIndexed {node_id: $prefix + 'g' + g,
  root_id: $root, depth: 1, label: 'group', label_: 'group', status: 'OK',
  opened_at: r.opened_at, closed_at: r.opened_at, duration_: 0.0})
"""

_SPANS = """
UNWIND $rows AS r
MATCH (g:ArtigraphNode {node_id: $prefix + 'g' + (r[0] / $fan)})
  USING INDEX SEEK g:ArtigraphNode(node_id)
WITH r, g, datetime($at) + duration({milliseconds: r[0]}) AS at,
  $prefix + right('000000' + toString(r[0]), 7) AS id
CREATE (g)-[:PARENT_OF]->(s:ArtigraphNode:Span:ArtigraphIndexed {node_id: id, root_id: $root,
  depth: 2, label: 'step', label_: 'step', status: 'OK', opened_at: at,
  closed_at: at + duration({milliseconds: 1}), duration_: 0.001})
FOREACH (k IN range(0, size(r[1]) - 1) |
  CREATE (s)-[:HAS_ARTIFACT {label: 'pair ' + k, key: r[1][k]}]->
    (:ArtigraphNode:Artifact:BenchPair:ArtigraphIndexed {
      node_id: id + 'a' + k, artifact_label: 'pair ' + k, label_: 'pair ' + k,
      model: 'BenchPair', model_version: 1, codec: $codec, recorded_at: at, step: r[0],
      loss: r[0] / 7.0})-[:MADE_BY]->(s))
"""

_USED = """
UNWIND $rows AS r
WITH r[0] AS i WHERE i % 50 > 0
MATCH (s:ArtigraphNode {node_id: $prefix + right('000000' + toString(i), 7)})
MATCH (a:ArtigraphNode {node_id: $prefix + right('000000' + toString(i - 1), 7) + 'a0'})
CREATE (s)-[:USED]->(a)
"""


def spans_of(nodes: int) -> int:
    """How many spans with artifacts a run of so many nodes has."""
    return max(1, nodes // (1 + EACH))


async def run_of(bench: Bench, nodes: int) -> str:
    """The id of a new run of about so many nodes; each span used an artifact of the one before."""
    prefix = new_id()[:-7]
    root = f"{prefix}0000run"
    spans = spans_of(nodes)
    of_all = {"prefix": prefix, "root": root, "at": "2026-01-01T00:00:00Z", "codec": codec()}
    await bench.cypher(_ROOT, groups=-(-spans // FAN), **of_all)
    for first in range(0, spans, ROWS):
        rows = [
            [i, [artifact_key(f"{prefix}{i:07d}", f"pair {k}") for k in range(EACH)]]
            for i in range(first, min(first + ROWS, spans))
        ]
        await bench.cypher(_SPANS, rows=rows, fan=FAN, **of_all)
        await bench.cypher(_USED, rows=rows, **of_all)
    # The planner goes by statistics, which else lag behind by some seconds.
    await bench.cypher("CALL db.resampleOutdatedIndexes()")
    return root


async def forget(bench: Bench, root: str) -> None:
    """Delete a run in the quickest way."""
    await bench.cypher(
        "MATCH (s:Span) USING INDEX SEEK s:Span(root_id, node_id) "
        "WHERE s.root_id = $root AND s.node_id > '' "
        "CALL (s) { OPTIONAL MATCH (s)-[:HAS_ARTIFACT]->(a) DETACH DELETE a, s } "
        "IN TRANSACTIONS OF 2500 ROWS",
        root=root,
    )
