"""Statements that read spans and artifacts for tables, in order of time, of the whole graph.

Each page starts from an index where the page before ended, so that it costs the same wherever it
is. Types of columns are read first, from the codecs: one of each kind, not one of each artifact.
"""

from __future__ import annotations

from artigraph_neo4j.graph.cypher.archive import NODE_ROWS, PAGE, SPAN_PROPERTIES, said
from artigraph_neo4j.graph.cypher.parts import (
    DELETES,
    artifact_stays,
    span_stays,
)

__all__ = [
    "TABLE_ARTIFACTS",
    "TABLE_ARTIFACT_IDS",
    "TABLE_KINDS",
    "TABLE_KINDS_BELOW",
    "TABLE_SPANS",
]

_ROOT_FITS = """EXISTS {{
    MATCH (root:ArtigraphNode {{node_id: {0}.root_id}}) WHERE root.label STARTS WITH $label
  }}"""


def _next(name: str, label: str, time: str, condition: str) -> str:
    """Return the part that matches the nodes after a cursor, of all that began in a period."""
    return f"""
MATCH ({name}:{label}) USING INDEX SEEK {name}:{label}({time}, node_id)
WHERE {name}.{time} >= datetime($at) AND {name}.{time} < datetime($before)
  AND {name}.node_id IS NOT NULL
  AND ({name}.{time} > datetime($at) OR {name}.node_id > $after){condition}
WITH {name} ORDER BY {name}.{time}, {name}.node_id LIMIT $size
"""


TABLE_SPANS = f"""
{DELETES}
{
    _next(
        "n",
        "Span",
        "opened_at",
        f" AND {span_stays('n')} AND ($label IS NULL OR {_ROOT_FITS.format('n')})",
    )
}
RETURN collect([
  toString(n.opened_at),
  [
    labels(n), {SPAN_PROPERTIES}, [(p:Span)-[:PARENT_OF]->(n) | p.node_id], {said("n")}
  ],
  [(n)-[u:USED]->(a:Artifact) | [n.node_id, a.node_id, toString(u.at)]]
])
"""

TABLE_ARTIFACT_IDS = f"""
{DELETES}
{
    _next(
        "a",
        "Artifact",
        "recorded_at",
        f''' AND NOT EXISTS {{ ()-[:HAS_FIELD]->(a) }} AND {artifact_stays("a")}
  AND ($label IS NULL OR EXISTS {{
    MATCH (a)-[:MADE_BY]->(s) WHERE {_ROOT_FITS.format("s")}
  }})''',
    )
}
RETURN collect([toString(a.recorded_at), a.node_id, COUNT {{ (a)-[:HAS_FIELD*0..]->() }}])
"""

TABLE_ARTIFACTS = f"""
UNWIND $ids AS id
MATCH (a:ArtigraphNode {{node_id: id}}) USING INDEX SEEK a:ArtigraphNode(node_id)
{NODE_ROWS}
RETURN collect([
  nodes,
  [(s:Span)-[h:HAS_ARTIFACT]->(a) | [s.node_id, h.label, h.key, toString(h.linked_at)]],
  [(a)-[u:SUPERSEDES]->(o) | [o.node_id, toString(u.at)]], [], []
])
"""

_KIND = """x.model AS model, x.codec AS codec,
  CASE WHEN x.codec CONTAINS '"list"'
    THEN [k IN keys(x) WHERE x[k] IS :: LIST<ANY> | [k, valueType(x[k])]] ELSE [] END AS lists"""

TABLE_KINDS = f"""
{_next("x", "Artifact", "recorded_at", "")}
WITH {_KIND}, max([x.recorded_at, x.node_id]) AS last, count(*) AS seen
WITH collect([model, codec, lists]) AS kinds, max(last) AS last, sum(seen) AS seen
RETURN kinds, toString(last[0]), last[1], seen
"""
"""A statement that reads how the next artifacts and nested models are stored, each way once."""

TABLE_KINDS_BELOW = f"""
{PAGE}
WITH collect(s) AS spans, max(s.node_id) AS last
CALL (spans) {{
  UNWIND spans AS s
  MATCH (s)-[:HAS_ARTIFACT]->()-[:HAS_FIELD*0..]->(x)
  WITH DISTINCT {_KIND}
  RETURN collect([model, codec, lists]) AS kinds
}}
RETURN kinds, last, size(spans)
"""
