"""Statements that read the spans and artifacts that derive from some artifacts.

The walk goes backwards over ``USED`` to a span, and from there backwards over ``MADE_BY`` to the
artifacts that the span made. With ``PARENT_OF`` in the same pattern, a child's use counts for its
parents, too.
"""

from __future__ import annotations

from dataclasses import dataclass

from artigraph_neo4j.graph.cypher.lineage import DERIVES
from artigraph_neo4j.graph.cypher.parts import DELETES, SPAN_MAP, artifact_stays, node_stays

__all__ = ["TAGGED_AT_MOST", "Walk", "count", "runs", "stream", "tagged"]

TAGGED_AT_MOST = 1000
"""Maximum number of nodes with a tag for which the ancestry of each node is searched."""


@dataclass(frozen=True, slots=True)
class Walk:
    """Variants of the walk that are part of the text.

    Attributes:
        several: Whether there may be several starts.
        versions: Whether all versions of the artifacts are starts.
        tree: Whether a child's use counts for its parents.
        until: Whether the walk only passes nodes that existed at ``$until``.
        where: A condition on the artifacts ``n`` that are returned, or the empty string for all
            spans and artifacts.
    """

    several: bool = False
    versions: bool = False
    tree: bool = False
    until: bool = False
    where: str = ""

    @property
    def types(self) -> str:
        """The relationship types that are followed."""
        return f"{DERIVES}|PARENT_OF" if self.tree else DERIVES


def _starts(walk: Walk) -> str:
    versions = "\n  OPTIONAL MATCH (whole)-[:SUPERSEDES*0..]-(start)" if walk.versions else ""
    return f"""{DELETES}
CALL (deletes) {{
  UNWIND $ids AS id
  OPTIONAL MATCH (s:ArtigraphNode {{node_id: id}}) USING INDEX SEEK s:ArtigraphNode(node_id)
  WHERE s:Artifact AND {artifact_stays("s")}
  OPTIONAL MATCH (s)<-[:HAS_FIELD*0..]-(whole) WHERE NOT EXISTS {{ (whole)<-[:HAS_FIELD]-() }}
  {versions}
  RETURN collect(DISTINCT {"start" if walk.versions else "whole"}) AS starts,
    collect(CASE WHEN whole IS NULL THEN id END) AS missing
}}"""


def _reached(walk: Walk, test: str = "true") -> str:
    """Return the part that finds nodes ``n``, once each, at their least distance from any start.

    The walk keeps only its end and the distance: then Neo4j holds just a set of ids, while a list
    beside them would take memory for each node. Only several starts need more.
    """
    # A look into the list takes a tenth of the time of a walk to a million nodes.
    other = "NOT n IN starts" if walk.several else "n <> a"
    tests = [other, node_stays("n"), test]
    if walk.where:
        tests.append(f"n:Artifact AND ({walk.where})")
    united = "\n  WITH n, min(distance) AS distance" if walk.several else ""
    return f"""UNWIND starts AS a
  CALL (a) {{
    MATCH p = (a)<-[:{walk.types}*1..]-(n)
    {_existed(walk)}
    RETURN n, min(length(p)) AS distance
  }}
  WITH deletes, starts, a, n, distance WHERE {" AND ".join(tests)}{united}"""


def _existed(walk: Walk) -> str:
    if not walk.until:
        return ""
    return "WHERE all(x IN nodes(p) WHERE coalesce(x.opened_at, x.recorded_at) <= datetime($until))"


def count(walk: Walk) -> str:
    """Return the statement that counts the nodes reached, by labels and by distance.

    Returns:
        A text whose one row is ``[missing ids, [[labels, model, [[distance, count]]]]]``. The
        labels tell the classes, so that a node costs no look at its properties; the model is read
        from one node for each set of labels.
    """
    return f"""
{_starts(walk)}
CALL (deletes, starts) {{
  {_reached(walk)}
  WITH labels(n) AS labels, distance, count(*) AS number, min(n) AS example
  WITH labels, collect([distance, number]) AS numbers, min(example) AS example
  RETURN collect([labels, example.model, numbers]) AS groups
}}
RETURN missing, groups
"""


def stream(walk: Walk) -> str:
    """Return the statement whose rows are the nodes reached, one each, nearest first."""
    return f"""
{_starts(walk)}
CALL (deletes, starts) {{
  {_reached(walk)}
  RETURN n, distance{" ORDER BY distance" if walk.several else ""}
}}
RETURN [[n.node_id, distance, n:Span, labels(n), coalesce(n.label, n.artifact_label), n.model,
  toStringOrNull(coalesce(n.opened_at, n.recorded_at)), n.status]]
"""


def runs(walk: Walk) -> str:
    """Return the statement that reads the root spans of the spans reached, the latest first.

    Returns:
        A text whose rows are chunks of ``[span, number of spans in its tree that are reached]``.
    """
    return f"""
{_starts(walk)}
CALL (deletes, starts) {{
  {_reached(walk)}
  WITH n WHERE n:Span
  WITH n.root_id AS root, count(*) AS spans
  MATCH (r:ArtigraphNode {{node_id: root}}) USING INDEX SEEK r:ArtigraphNode(node_id)
  WHERE r:Span
  WITH r, spans ORDER BY r.opened_at DESC, r.node_id DESC
  RETURN collect([{SPAN_MAP.format("r")}, spans]) AS found
}}
UNWIND range(0, size(found), 1000) AS i
RETURN found[i..i + 1000]
"""


def tagged(walk: Walk, at_most: int = TAGGED_AT_MOST) -> str:
    """Return the statement that reads the ids of the artifacts reached that have a tag.

    It starts from the smaller end: up to ``at_most`` tagged artifacts are found by searching the
    ancestry of each; more are looked for in the walk from the starts.
    """
    up = f"[:{walk.types}*1..]"
    has_tag = "n:Artifact AND EXISTS { (n)-[:TAGGED]->(t) }"
    existed = _existed(walk)
    return f"""
{_starts(walk)}
CALL () {{
  OPTIONAL MATCH (t:ArtigraphTag {{name: $tag}})
  RETURN t, COUNT {{ (t)<-[:TAGGED]-() }} AS tags
}}
CALL (deletes, starts, t, tags) {{
  WITH deletes, starts, t, tags WHERE tags <= {at_most}
  MATCH (t)<-[:TAGGED]-(n:Artifact) WHERE NOT n IN starts AND {artifact_stays("n")}
  CALL (n, starts) {{
    MATCH p = (n)-{up}->(x)
    {existed}
    WITH DISTINCT starts, x WHERE x IN starts
    RETURN count(*) AS ways
  }}
  WITH n WHERE ways > 0
  RETURN n
UNION
  WITH deletes, starts, t, tags WHERE tags > {at_most}
  {_reached(walk, has_tag)}
  RETURN n
}}
WITH n.node_id AS id ORDER BY id
WITH collect(id) AS found
UNWIND range(0, size(found), 1000) AS i
RETURN found[i..i + 1000]
"""
