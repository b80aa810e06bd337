"""Statements about writers: the processes that have spans open, and those of them that are gone.

A span has the property ``writer_id`` as long as it is open, so the index on it holds open spans
only. All times here are those of the server's clock, so clients' clocks need not agree.
"""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.indexing import COUNT_UNINDEXED
from artigraph_neo4j.graph.cypher.once import FORGET_LANES
from artigraph_neo4j.graph.cypher.parts import DELETES, SPAN_MAP, lock, mark_closed_as, span_stays

__all__ = [
    "ANNOUNCE",
    "ANNOUNCE_WRITER",
    "CLOSE_LOST_SPANS",
    "END_WRITER",
    "OPEN_SPANS",
    "SPAN_LOST",
]

SPAN_LOST = "artigraph_neo4j.SpanLost"
"""The ``exception_type`` of a span whose process ended before it could close the span."""

LANE_MILLISECONDS = 24 * 3_600_000
"""Milliseconds until an unused lane is forgotten: none of its writes can still arrive then."""

ANNOUNCE = """\
FOREACH (w IN $writers |
  MERGE (x:ArtigraphWriter {writer_id: w.writer_id})
    ON CREATE SET x = w, x.started_at = datetime({timezone: 'Z'})
  SET x.seen_at = datetime({timezone: 'Z'}), x.ended_at = null, x.left = w.left
)"""
"""Part of opening a span that updates the writer's node; ``$writers`` is empty if not needed."""

_WAITING = f"CALL () {{ {COUNT_UNINDEXED} }}\nRETURN unindexed"

ANNOUNCE_WRITER = f"{ANNOUNCE}\nWITH 1 AS announced\n{_WAITING}"
"""A statement that announces a writer, and counts what full-text search does not know yet."""

END_WRITER = f"""
CALL () {{
  {FORGET_LANES}
  RETURN count(*) AS forgotten
}}
CALL () {{
  UNWIND $writers AS id
  MATCH (w:ArtigraphWriter {{writer_id: id}})
  CALL (w) {{
    OPTIONAL MATCH (s:Span {{writer_id: w.writer_id}})
    RETURN count(s) AS open
  }}
  SET w.ended_at = datetime({{timezone: 'Z'}}), w.seen_at = datetime({{timezone: 'Z'}})
  WITH w, open WHERE open = 0
  DELETE w
  RETURN count(*) AS ended
}}
WITH ended
{_WAITING}
"""
"""A statement that ends a writer, and counts what full-text search does not know yet. Without open
spans its node is deleted, with the lanes of which no write can still arrive."""

OPEN_SPANS = f"""
{DELETES}
MATCH (s:Span) USING INDEX s:Span(writer_id) WHERE s.writer_id IS NOT NULL AND {span_stays("s")}
OPTIONAL MATCH (w:ArtigraphWriter {{writer_id: s.writer_id}})
WITH s, w, duration.inSeconds(
  coalesce(w.seen_at, s.opened_at), datetime({{timezone: 'Z'}})).seconds AS silent
WITH s, w, silent, w.ended_at IS NOT NULL OR s.node_id IN coalesce(w.left, []) AS ended
WHERE $silence IS NULL OR ended OR silent > $silence
WITH s, w, silent, ended ORDER BY s.opened_at, s.node_id
WITH collect([
  {SPAN_MAP.format("s")}, silent, ended,
  w{{.host, .user, .pid, .program, seen_at: toStringOrNull(w.seen_at)}}
]) AS found
UNWIND range(0, size(found), 1000) AS i
RETURN found[i..i + 1000]
"""
"""A statement that reads open spans. A writer whose node is gone counts as last seen when it opened
the span."""

CLOSE_LOST_SPANS = f"""
CALL () {{
  UNWIND $lost AS l
  MATCH (s:ArtigraphNode {{node_id: l.node_id}})
  {lock("s", "Span")}
  WITH l
  MATCH (s:ArtigraphNode {{node_id: l.node_id}})
  WITH s, l WHERE s.closed_at IS NULL AND s.writer_id = l.writer_id
  OPTIONAL MATCH (w:ArtigraphWriter {{writer_id: l.writer_id}})
  WITH s, l, w, coalesce(w.seen_at, s.opened_at) AS seen
  WHERE w.ended_at IS NOT NULL OR l.node_id IN coalesce(w.left, [])
    OR duration.inSeconds(seen, datetime({{timezone: 'Z'}})).seconds > $silence
  SET s.closed_at = CASE WHEN seen > s.opened_at THEN seen ELSE s.opened_at END,
    s.status = 'ERROR', s.exception_type = $type, s.exception_message = l.message,
    s.writer_id = null
  {mark_closed_as("s")}
  RETURN count(*) AS closed
}}
CALL (closed) {{
  MATCH (w:ArtigraphWriter)
  WHERE duration.inSeconds(w.seen_at, datetime({{timezone: 'Z'}})).seconds > $silence
    OR w.ended_at IS NOT NULL
  OPTIONAL MATCH (s:Span {{writer_id: w.writer_id}})
  WITH w, count(s) AS open WHERE open = 0
  DELETE w
  RETURN count(*) AS forgotten
}}
CALL (forgotten) {{
  MATCH (lane:ArtigraphLane) WHERE lane.seen_at < timestamp() - {LANE_MILLISECONDS}
  DELETE lane
  RETURN count(*) AS lanes
}}
UNWIND $lost AS l
MATCH (s:ArtigraphNode {{node_id: l.node_id}}) WHERE s.exception_type = $type
RETURN collect(s.node_id)
"""
"""A statement that closes lost spans. It locks before it checks, so that a span that its process
closes at this moment is not changed.

It returns the spans that are closed as lost, including those that an earlier attempt closed."""
