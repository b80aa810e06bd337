"""The statements that open a keyed run: begun, resumed or refused, in one round trip."""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.heartbeat import ANNOUNCE
from artigraph_neo4j.graph.cypher.once import ONCE, TURN, applied_if
from artigraph_neo4j.graph.cypher.parts import DELETES, SPAN_MAP, lock, span_stays
from artigraph_neo4j.graph.names import FAILED_LABEL, OPEN_LABEL

__all__ = ["OPENED_RUN", "OPEN_RUN"]

OPEN_RUN = f"""\
// artigraph-neo4j: open run
{DELETES}
{ONCE}
CALL (deletes) {{
  OPTIONAL MATCH (p:ArtigraphNode {{node_id: $parent}}) WHERE p:Span AND {span_stays("p")}
  RETURN p
}}
CALL () {{
  OPTIONAL MATCH (s:Span {{key_: $key}})
  {lock("s", "Span")}
  RETURN count(*) AS locked
}}
CALL (deletes, locked) {{
  OPTIONAL MATCH (s:Span {{key_: $key}})
  OPTIONAL MATCH (w:ArtigraphWriter {{writer_id: s.writer_id}})
  WITH s, w, {span_stays("s")} AS stays, duration.inSeconds(
    coalesce(w.seen_at, s.opened_at), datetime({{timezone: 'Z'}})).seconds AS silent
  RETURN s AS old, stays, w{{.host, .user, .pid, .program, silent: silent}} AS writer,
    s.closed_at IS NULL AND s.writer_id IS NOT NULL AND w.ended_at IS NULL
      AND NOT s.node_id IN coalesce(w.left, []) AND silent <= $silence AS running
}}
WITH lane, turn, p, old, writer, CASE
    WHEN $parent IS NOT NULL AND p IS NULL THEN 'orphan'
    WHEN old IS NULL OR NOT stays OR $if_exists = 'new' THEN 'new'
    WHEN $class IS NOT NULL AND NOT $class IN labels(old) THEN 'other'
    WHEN $if_exists = 'error' OR running THEN 'refused'
    WHEN old.status = 'OK' THEN 'done'
    ELSE 'resumed'
  END AS fate
WITH *, turn = 'now' AND fate = 'new' AS new, turn = 'now' AND fate = 'resumed' AS resumed
CALL (p, old, new) {{
  UNWIND CASE WHEN new THEN [1] ELSE [] END AS _
  WITH p, old, coalesce(old.run_attempt, 0) + 1 AS attempt
  REMOVE old.key_
  CREATE (n:ArtigraphNode:$($labels))
  SET n += $properties, n.opened_at = datetime.fromepoch($epoch[0], $epoch[1]),
    n.run_attempt = attempt, n.key_ = $key
  FOREACH (q IN CASE WHEN p IS NULL THEN [] ELSE [p] END | CREATE (q)-[:PARENT_OF]->(n))
  RETURN collect(n) AS made
}}
CALL (old, resumed) {{
  UNWIND CASE WHEN resumed THEN [old] ELSE [] END AS n
  SET n += $facts, n.status = 'UNSET', n.closed_at = null, n.duration_ = null,
    n.exception_type = null, n.exception_message = null, n.exception_stacktrace = null,
    n.writer_id = $writer, n:{OPEN_LABEL}
  REMOVE n:{FAILED_LABEL}
}}
CALL (new, resumed) {{
  WITH new, resumed WHERE new OR resumed
  {ANNOUNCE}
}}
{applied_if("new OR resumed")}
WITH turn, fate, coalesce(head(made), old) AS s, writer
RETURN {TURN}, fate, CASE WHEN s IS NOT NULL THEN {SPAN_MAP.format("s")} END, writer
"""
"""A statement that opens a run, applied once.

``$key`` is unique among spans. The span that has it is the newest attempt; it is locked before it
is looked at, so that two programs cannot both resume it. Of two that begin one at the same time,
one gets a constraint's error, and finds the run of the other when it tries again. A run is running
if its process was seen in the last ``$silence`` seconds and has not said that it will not end it.

Returns ``TURN``, and the fate: ``new``, ``resumed``, ``done``, ``refused``, ``other`` (of another
class) or ``orphan`` (without its parent); the span; and its former writer. Only the first two
write.
"""

OPENED_RUN = f"""
MATCH (s:Span {{writer_id: $writer}}) USING INDEX SEEK s:Span(writer_id)
WHERE s.node_id = $id OR s.key_ = $key
WITH s ORDER BY s.node_id = $id DESC LIMIT 1
RETURN {SPAN_MAP.format("s")}
"""
"""A statement that reads the run that this process opened, after its answer was lost."""
