"""The statement that counts features of two groups of runs: inputs, parameters, provenance.

Counting happens in the database. Each run has a random weight, and each candidate the sum of the
weights of its runs, so that candidates with the same set of runs can be recognized without sending
the runs.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from artigraph_neo4j.graph.cypher.lineage import DERIVES
from artigraph_neo4j.graph.cypher.parts import DELETES, span_stays

__all__ = ["KINDS", "contrast"]

_OUTSIDE = """MATCH (r)-[:PARENT_OF*0..]->(s)-[:USED]->(x)
    WHERE NOT EXISTS { (x)-[:MADE_BY]->(m) WHERE m.root_id = r.root_id }
    WITH DISTINCT x"""

_PARTS = {
    "inputs": f"""{_OUTSIDE}
    RETURN 'input' AS kind, x.node_id AS key, coalesce(x.artifact_label, x.model) AS value,
      toString(x.recorded_at) AS at""",
    "ancestors": f"""{_OUTSIDE}
    MATCH (x)-[:{DERIVES}*1..]->(y) WHERE y:Artifact
    WITH DISTINCT y
    RETURN 'ancestor' AS kind, y.node_id AS key, coalesce(y.artifact_label, y.model) AS value,
      toString(y.recorded_at) AS at""",
    "parameters": """MATCH (r)-[:PARENT_OF*0..]->(s)<-[:MADE_BY]-(x)
    WHERE x.model IN $models
    UNWIND keys(x) AS k
    WITH x.model + '.' + k AS key, toStringOrNull(x[k]) AS value, k
    WHERE value IS NOT NULL AND NOT k IN $ours
    RETURN DISTINCT 'parameter' AS kind, key, value, null AS at""",
    "properties": """MATCH (r)-[:PARENT_OF*0..]->(s)
    UNWIND keys(s) AS k
    WITH s, k WHERE NOT k IN $ours AND NOT k IN $provenance
    WITH coalesce(s.label, 'span') + '.' + k AS key, toStringOrNull(s[k]) AS value
    WHERE value IS NOT NULL
    RETURN DISTINCT 'property' AS kind, key, value, null AS at""",
    "provenance": """UNWIND $provenance AS k
    WITH k, toStringOrNull(r[k]) AS value WHERE value IS NOT NULL
    RETURN 'provenance' AS kind, k AS key, value, null AS at""",
}

KINDS = tuple(_PARTS)
"""Kinds of candidates that can be contrasted."""


@lru_cache(maxsize=32)
def contrast(kinds: Collection[str]) -> str:
    """Return the statement for some kinds of candidates.

    Args:
        kinds: Some of ``KINDS``.

    Returns:
        A text whose rows are chunks of ``[kind, key, value, at, failed, good, sum of weights]`` of
        candidates that ``$least`` runs have; that of kind ``run`` counts the runs that exist. Its
        parameter ``runs`` holds ``[id, 1 for failed or 0, weight]``.
    """
    parts = "\n  UNION\n    ".join(f"WITH r\n    {_PARTS[kind]}" for kind in kinds)
    return f"""
{DELETES}
UNWIND $runs AS run
MATCH (r:ArtigraphNode {{node_id: run[0]}}) USING INDEX SEEK r:ArtigraphNode(node_id)
WHERE r:Span AND {span_stays("r")}
CALL (r) {{
    RETURN 'run' AS kind, '' AS key, '' AS value, null AS at
  UNION
    {parts}
}}
WITH kind, key, value, at, sum(run[1]) AS failed, sum(1 - run[1]) AS good, sum(run[2]) AS weight
WHERE failed + good >= $least OR kind = 'run'
WITH collect([kind, key, value, at, failed, good, weight]) AS found
UNWIND range(0, size(found), 1000) AS i
RETURN found[i..i + 1000]
"""
