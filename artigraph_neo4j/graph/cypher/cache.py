"""Statements that find calls of cached functions: by key with their results, and by function."""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.parts import DELETES, ROOTS_TO_ROWS, is_newest, span_stays

__all__ = ["CALLS_OF", "RESULTS_OF", "calls"]

RESULTS_OF = f"""
{DELETES}
MATCH (k:CallKey {{key: $key}})-[:MADE_BY]->(s:Span)
WHERE s.status = 'OK' AND {span_stays("s")}
WITH s, k ORDER BY s.closed_at DESC LIMIT 5
CALL (s) {{
  MATCH (s)-[h:HAS_ARTIFACT]->(a)
  WHERE NOT a:CallKey AND NOT a:CallArguments AND {is_newest("a")}
  {ROOTS_TO_ROWS}
  RETURN collect([s.node_id, h.label, nodes]) AS found
}}
RETURN k{{.*, recorded_at: null}}, s.node_id, found
"""
"""A statement that reads the newest five successful calls, each with all artifacts of its span; the
first one whose results all still exist is used."""

CALLS_OF = f"""
{DELETES}
MATCH (k:CallKey {{function: $function}})-[:MADE_BY]->(s:Span) WHERE {span_stays("s")}
WITH k, s ORDER BY k.recorded_at DESC LIMIT 100
RETURN s.node_id, s.status, k.key, k.parts
"""


def calls(*, of_function: bool) -> str:
    """Return the statement that reads the latest calls of cached functions.

    Args:
        of_function: Whether only those of ``$function``, by an index on the name; otherwise all,
            by the index on models and times.

    Returns:
        A text whose rows are chunks of ``[function, key, parts, id of the span whose results were
        shared or null, seconds that this one took, id of the span, its label, status, opening and
        duration]``, the latest first.
    """
    start = """MATCH (k:Artifact) USING INDEX k:Artifact(model, model_version, recorded_at, node_id)
WHERE k.model = 'CallKey' AND k.model_version = 1 AND k.recorded_at IS NOT NULL
  AND k.node_id IS NOT NULL"""
    order = "k.model DESC, k.model_version DESC, k.recorded_at DESC"
    if of_function:
        start, order = "MATCH (k:CallKey {function: $function})", "k.recorded_at DESC"
    return f"""
{DELETES}
{start}
WITH deletes, k ORDER BY {order} LIMIT $limit
MATCH (k)-[:MADE_BY]->(s) WHERE {span_stays("s")}
OPTIONAL MATCH (o:ArtigraphNode {{node_id: k.cached_from}})
WITH collect([k.function, k.key, k.parts, k.cached_from, o.duration_, s.node_id, s.label, s.status,
  toString(s.opened_at), s.duration_]) AS found
UNWIND range(0, size(found), 1000) AS i
RETURN found[i..i + 1000]
"""
