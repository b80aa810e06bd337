"""The statement that writes any number of spans and artifacts, of one call or of a batch.

It has only the parts that are needed: the first time, planning all of them together takes much
longer, and few combinations occur. It is applied once, however often it is sent, so new nodes are
created; only imports merge, since they may find nodes of an earlier import by id.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from artigraph_neo4j.graph.cypher.heartbeat import ANNOUNCE
from artigraph_neo4j.graph.cypher.links import used_artifacts
from artigraph_neo4j.graph.cypher.once import ONCE, TURN, applied_if
from artigraph_neo4j.graph.cypher.parts import (
    DELETES,
    STORE_BLOB,
    artifact_stays,
    blobs_stay,
    lock,
    mark_closed_as,
    span_stays,
)
from artigraph_neo4j.graph.names import UNINDEXED_LABEL

__all__ = ["ELEMENT_IDS", "PARTS", "is_write", "statement"]

ELEMENT_IDS = """
UNWIND $ids AS id
MATCH (n:ArtigraphNode {node_id: id})
RETURN collect([id, elementId(n)])
"""

_NAME = "// artigraph-neo4j: write"

_CHECKS = {
    "owners": f"""
CALL (deletes) {{
  UNWIND $owners AS id
  OPTIONAL MATCH (s:ArtigraphNode {{node_id: id}}) WHERE s:Span
  {lock("s", "Span")}
  WITH deletes, id
  OPTIONAL MATCH (s:ArtigraphNode {{node_id: id}}) WHERE s:Span AND {span_stays("s")}
  WITH id, s WHERE s IS NULL
  RETURN collect(id) AS missing
}}""",
    "parents": f"""
CALL (deletes) {{
  UNWIND $parents AS g
  OPTIONAL MATCH (s:ArtigraphNode {{node_id: g[0]}}) WHERE s:Span AND {span_stays("s")}
  RETURN collect(CASE WHEN s IS NULL THEN g[0] END) AS orphaned, collect(s) AS parents
}}""",
    "revises": f"""
CALL (deletes) {{
  UNWIND $revises AS r
  OPTIONAL MATCH (a:ArtigraphNode {{node_id: r.old}}) WHERE a:Artifact
  {lock("a", "Artifact")}
  WITH deletes, r, a
  OPTIONAL MATCH (s:Span)-[:HAS_ARTIFACT]->(a)
  {lock("s", "Span")}
  WITH DISTINCT deletes, r
  OPTIONAL MATCH (o:ArtigraphNode {{node_id: r.old}}) WHERE o:Artifact AND {artifact_stays("o")}
  WITH r, CASE
      WHEN o IS NULL THEN 'missing'
      WHEN EXISTS {{ (o)<-[:HAS_FIELD]-() }} THEN 'nested'
      WHEN EXISTS {{ MATCH (o)<-[:SUPERSEDES]-(x) WHERE x.node_id <> r.new }} THEN 'revised'
    END AS problem
  WHERE problem IS NOT NULL
  RETURN collect([r.old, problem]) AS problems
}}""",
    "leaned_on": f"""
CALL () {{
{blobs_stay("$leaned_on")}
}}""",
    "keys": f"""
CALL (deletes) {{
  UNWIND $keys AS key
  MATCH ()-[h:HAS_ARTIFACT {{key: key}}]->(a)
  CALL (deletes, a) {{
    WITH deletes, a WHERE NOT {artifact_stays("a")}
    RETURN count(*) > 0 AS doomed
  }}
  RETURN collect(
    [key, a.node_id, toStringOrNull(a.recorded_at), a.model, a.model_version, doomed]
  ) AS taken
}}""",
    "graph": """
CALL () {
  OPTIONAL MATCH (g:ArtigraphGraph {name: 'artigraph'}) WHERE g.graph_id <> $graph
  RETURN g.graph_id AS other
}""",
}
"""Parts that check the nodes that a write depends on. Each node is locked, then matched again,
since a node that was deleted while the statement waited for the lock is still matched by the first
look. Setting a label that a span already has locks it, so that it cannot be deleted between the
check and the links to it, which would leave artifacts without a span. A revised artifact is locked
in the same way, with the spans that have it, so that of two revisions one sees the other; and so
are Blob nodes whose locations are reused.

Parents are not locked: otherwise all calls that open spans below one parent would wait for each
other's commit. The matched node is linked as it is; if it was deleted in between, the link is an
error, after which the statement is sent again. A delete that marked the parent in between finds the
new span below."""

_RESULTS = {
    "owners": ("missing", "[]"),
    "parents": ("orphaned", "[]"),
    "revises": ("problems", "[]"),
    "leaned_on": ("gone", "[]"),
    "graph": ("other", "null"),
    "keys": ("taken", "[]"),
}
"""The result of each check, and its replacement if there is nothing to check."""


def _time(name: str) -> str:
    return f"datetime.fromepoch({name}[0], {name}[1])"


# A new node gets its properties by ``+=``, since ``=`` removes what it had before, which is a hit.
_SPAN_SET = f"""n += r[0], n.opened_at = {_time("r[1]")},
      n.closed_at = CASE WHEN r[2] IS NOT NULL THEN {_time("r[2]")} END"""
_ARTIFACT_SET = f"""a += r[0], a.recorded_at = {_time("r[1]")}, a.artifact_label = r[2],
      a.label_ = coalesce(r[0].label_, r[2]), a.model = g.model,
      a.model_version = g.model_version, a.codec = g.codec"""

# All labels in the pattern: to set one on a node is a hit more, even if it has it.
_CREATE = {
    "span": f"CREATE (n:ArtigraphNode:$(g.labels))\n  SET {_SPAN_SET}",
    "owned": "CREATE (s)-[:HAS_ARTIFACT {label: r[2], key: r[3]}]->(a:ArtigraphNode:$(g.labels))"
    f"-[:MADE_BY]->(s)\n  SET {_ARTIFACT_SET}",
    "other": f"CREATE (a:ArtigraphNode:$(g.labels))\n  SET {_ARTIFACT_SET}",
    "link": "CREATE",
}
_MERGE = {
    "span": "MERGE (n:ArtigraphNode {node_id: r[0].node_id})\n"
    f"    ON CREATE SET {_SPAN_SET}, n:$(g.labels)",
    "owned": "MERGE (a:ArtigraphNode {node_id: r[0].node_id})\n"
    f"    ON CREATE SET {_ARTIFACT_SET}, a:$(g.labels)\n  MERGE (s)-[h:HAS_ARTIFACT]->(a)\n"
    "    ON CREATE SET h.label = r[2], h.key = r[3]\n  MERGE (a)-[:MADE_BY]->(s)",
    "other": "MERGE (a:ArtigraphNode {node_id: r[0].node_id})\n"
    f"    ON CREATE SET {_ARTIFACT_SET}, a:$(g.labels)",
    "link": "MERGE",
}


def _parts(do: Mapping[str, str]) -> dict[str, str]:
    return {
        "opened": f"""
CALL (fine) {{
  UNWIND CASE WHEN fine THEN $opened ELSE [] END AS g
  UNWIND g.rows AS r
  {do["span"]}
  RETURN collect([n.node_id, elementId(n)]) AS opened
}}""",
        "parents": f"""
CALL (fine, parents) {{
  UNWIND CASE WHEN fine THEN range(0, size(parents) - 1) ELSE [] END AS i
  WITH parents[i] AS p, $parents[i][1] AS ids
  UNWIND ids AS id
  MATCH (c:ArtigraphNode {{node_id: id}})
  {do["link"]} (p)-[:PARENT_OF]->(c)
}}""",
        "children": f"""
CALL (fine) {{
  UNWIND CASE WHEN fine THEN $children ELSE [] END AS g
  MATCH (p:ArtigraphNode {{node_id: g[0]}})
  UNWIND g[1] AS id
  MATCH (c:ArtigraphNode {{node_id: id}})
  {do["link"]} (p)-[:PARENT_OF]->(c)
}}""",
        "owned": f"""
CALL (fine) {{
  UNWIND CASE WHEN fine THEN $owned ELSE [] END AS g
  UNWIND g.spans AS o
  MATCH (s:ArtigraphNode {{node_id: o[0]}})
  UNWIND o[1] AS r
  {do["owned"]}
}}""",
        "others": f"""
CALL (fine) {{
  UNWIND CASE WHEN fine THEN $others ELSE [] END AS g
  UNWIND g.spans AS o
  UNWIND o[1] AS r
  {do["other"]}
}}""",
        "fields": f"""
CALL (fine) {{
  UNWIND CASE WHEN fine THEN $fields ELSE [] END AS r
  MATCH (a:ArtigraphNode {{node_id: r[0]}})
  MATCH (b:ArtigraphNode {{node_id: r[1]}})
  {do["link"]} (a)-[f:HAS_FIELD]->(b)
  SET f.path = r[2]
}}""",
        "blobs": f"""
CALL (fine) {{
  UNWIND CASE WHEN fine THEN $blobs ELSE [] END AS r
{STORE_BLOB}
}}""",
        "revises": f"""
CALL (fine) {{
  UNWIND CASE WHEN fine THEN $revises ELSE [] END AS r
  MATCH (o:ArtigraphNode {{node_id: r.old}})
  MATCH (n:ArtigraphNode {{node_id: r.new}})
  MERGE (n)-[u:SUPERSEDES]->(o)
    ON CREATE SET u.at = n.recorded_at
  SET n.artifact_label = o.artifact_label, n.label_ = o.label_, n:{UNINDEXED_LABEL}
  WITH o, n
  MATCH (s:Span)-[h:HAS_ARTIFACT]->(o)
  WITH s, n, h, h.label AS label, h.key AS key, h.linked_at AS linked_at
  REMOVE h.key
  MERGE (s)-[g:HAS_ARTIFACT]->(n)
    ON CREATE SET g.label = label, g.key = key, g.linked_at = linked_at
  FOREACH (_ IN CASE WHEN linked_at IS NULL THEN [1] ELSE [] END | MERGE (n)-[:MADE_BY]->(s))
}}""",
        "closed": f"""
CALL (fine) {{
  UNWIND CASE WHEN fine THEN $closed ELSE [] END AS r
  MATCH (n:ArtigraphNode {{node_id: r[0]}})
  SET n += r[1], n.closed_at = {_time("r[2]")}, n.writer_id = null
  {mark_closed_as("n")}
}}""",
        "changed": """
CALL (fine) {
  UNWIND CASE WHEN fine THEN $changed ELSE [] END AS r
  MATCH (n:ArtigraphNode {node_id: r[0]})
  SET n += r[1]
}""",
        "used": f"""
CALL (fine) {{
  UNWIND CASE WHEN fine THEN $used ELSE [] END AS g
  MATCH (n:ArtigraphNode {{node_id: g[0]}})
  {used_artifacts("g[1]", "n, g")}
  RETURN count(*) AS users
}}""",
        "writers": f"""
CALL () {{
  {ANNOUNCE}
}}""",
    }


_TEXTS = {False: _parts(_CREATE), True: _parts(_MERGE)}


PARTS = frozenset({*_CHECKS, *_TEXTS[False]})
"""Names of the parameters that each add a part to the statement."""


def statement(parameters: Mapping[str, Any], *, merge: bool = False) -> str:
    """Return the statement with the parts that the parameters need.

    Args:
        parameters: Lists; empty ones may be absent:

            - ``owners``: ids of spans that get artifacts or an end, sorted;
            - ``parents``: ``[parent id, ids of its children]`` of existing spans;
            - ``opened``: groups ``{labels, rows: [[properties, opened_at, closed_at]]}`` of new
              spans, times as ``zones.epoch`` makes them or None;
            - ``children``: the same of new spans;
            - ``owned``: groups ``{labels, model, model_version, codec, spans: [[span id, rows]]}``
              of artifacts, a row being ``[properties, recorded_at, label, key]``;
            - ``others``: the same, the span id being None, of artifacts without a span and of
              models nested in others;
            - ``fields``, ``blobs``, ``leaned_on``: nested models, and values in storages;
            - ``revises``: ``{old, new}``;
            - ``keys``: keys of labels that may be taken;
            - ``closed``: ``[id, properties, closed_at]`` of spans that are among the owners;
            - ``changed``: ``[id, properties]`` of spans that are among the owners;
            - ``used``: ``[span id, pairs]``; ``writers``: see ``ANNOUNCE``;

            and ``graph``: the graph's id, if values were stored under it.
        merge: Whether some of the nodes may already be in the graph, under the same ids.

    Returns:
        A text whose result is one row: ``TURN``, ``missing`` owners and parents, ``problems`` of
        revisions, ``gone`` Blob nodes, the ``other`` id of the graph, ``taken`` keys with their
        artifacts; if one of these five is not empty, nothing is written. Then ``[id, element id]``
        of the spans that were opened.
    """
    return _compose(frozenset(name for name, value in parameters.items() if value), merge)


def is_write(text: str) -> bool:
    """True if a statement is one that ``statement`` returned."""
    return text.startswith(_NAME)


@lru_cache(maxsize=1024)
def _compose(wanted: frozenset[str], merge: bool) -> str:
    # Nodes come before links, each in a separate CALL: a row cannot match nodes that its own UNWIND
    # creates.
    checks = [text for name, text in _CHECKS.items() if name in wanted]
    parts = [text for name, text in _TEXTS[merge].items() if name in wanted]
    results = ", ".join(
        name if check in wanted else f"{default} AS {name}"
        for check, (name, default) in _RESULTS.items()
    )
    names = ", ".join(name for name, _ in _RESULTS.values() if name != "orphaned")
    merged = names.replace("missing", "missing + orphaned AS missing", 1)
    found = ", parents" if "parents" in wanted else ""
    return "\n".join(
        [
            f"{_NAME}{', merging' if merge else ''}\n{DELETES}\n{ONCE}{''.join(checks)}",
            f"WITH lane, turn, {results}{found}",
            f"WITH lane, turn, {merged}{found}, "
            "turn = 'now' AND other IS NULL "
            "AND size(missing) + size(orphaned) + size(problems) + size(gone) + size(taken) = 0 "
            "AS fine"
            f"{''.join(parts)}",
            applied_if("fine"),
            f"RETURN {TURN}, {names}, {'opened' if 'opened' in wanted else '[] AS opened'}",
        ]
    )
