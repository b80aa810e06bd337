"""Statements that keep what a span logs, and that read it again."""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.once import ONCE, TURN, applied_if
from artigraph_neo4j.graph.cypher.parts import DELETES, ROOTS_TO_ROWS, lock, span_stays
from artigraph_neo4j.graph.names import LOG_FIELD

__all__ = ["LOG", "SERIES"]


def _better(statistic: str, sign: str) -> str:
    return f"""n[m.{statistic}[0]] = CASE
        WHEN m.{statistic}[1] IS NULL THEN n[m.{statistic}[0]]
        WHEN n[m.{statistic}[0]] {sign} m.{statistic}[1] THEN n[m.{statistic}[0]]
        ELSE m.{statistic}[1] END"""


LOG = f"""
{DELETES}
{ONCE}
OPTIONAL MATCH (n:ArtigraphNode {{node_id: $span}}) USING INDEX SEEK n:ArtigraphNode(node_id)
WHERE n:Span AND {span_stays("n")}
WITH lane, turn, n, n IS NOT NULL AND turn = 'now' AS fine
CALL (n, fine) {{
  WITH n WHERE fine
  {lock("n", "Span")}
  WITH n, $claim OR coalesce(n.log_of_, $session) = $session AS mine
  WITH n, mine, CASE WHEN NOT mine THEN n.log_ END AS others
  FOREACH (_ IN CASE WHEN mine THEN [1] ELSE [] END |
    SET n.log_ = $rest, n.log_of_ = CASE WHEN $rest IS NOT NULL THEN $session END)
  FOREACH (m IN $metrics |
    SET n[m.last[0]] = m.last[1],
      {_better("min", "<=")},
      {_better("max", ">=")},
      n[m.mean[0]] = CASE
        WHEN m.count[1] = 0 THEN n[m.mean[0]]
        WHEN coalesce(n[m.count[0]], 0) = 0 THEN m.mean[1]
        ELSE (n[m.mean[0]] * n[m.count[0]] + m.mean[1] * m.count[1])
          / (n[m.count[0]] + m.count[1]) END
    SET n[m.count[0]] = coalesce(n[m.count[0]], 0) + m.count[1])
  RETURN collect(mine) AS owned, collect(others) AS others
}}
{applied_if("fine")}
RETURN {TURN}, n.node_id AS found, owned, others
"""
"""A statement that adds rows to what a span logged, once. ``$rest`` are the bytes of rows that are
in no artifact yet, or null; one session at a time has such bytes on the span. ``owned`` is
``[true]`` if it is this one, or ``$claim`` makes it so; otherwise ``others`` are the bytes there.
``$metrics`` has a map for each metric: for each statistic the property and the value of the new
rows."""

SERIES = f"""
{DELETES}
MATCH (n:ArtigraphNode {{node_id: $span}}) USING INDEX SEEK n:ArtigraphNode(node_id)
WHERE n:Span AND {span_stays("n")}
CALL (n) {{
  MATCH (n)-[:HAS_FIELD {{path: '{LOG_FIELD}'}}]->(a)
  {ROOTS_TO_ROWS}
  RETURN collect([n.node_id, null, nodes]) AS chunks
}}
RETURN n.log_, chunks
"""
"""A statement that reads what a span logged: the bytes on the span, and its artifacts of chunks."""
