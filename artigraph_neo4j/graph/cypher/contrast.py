"""The statement that counts features of two groups of runs: inputs, parameters, provenance.

Counting happens in the database. Each run has a random weight, and each candidate the sum of the
weights of its runs, so that candidates with the same set of runs can be recognized without sending
the runs.

Runs are told by their place in a list, which is cheap to compare. Artifacts are counted as nodes,
and only those that enough runs have are looked at closely.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from artigraph_neo4j.graph.cypher.lineage import DERIVES
from artigraph_neo4j.graph.cypher.parts import DELETES, span_stays

__all__ = ["KINDS", "contrast"]

_COUNTS = "sum(runs[i][1]) AS failed, sum(1 - runs[i][1]) AS good, sum(runs[i][2]) AS weight"
_EACH_RUN = "UNWIND range(0, size(runs) - 1) AS i"
_ENOUGH = "failed + good >= $least"
_MAKERS = "COLLECT { MATCH (x)-[:MADE_BY]->()<-[:PARENT_OF*0..]-(above) RETURN above }"
"""The span that made the artifact ``x``, and all spans above it. The compared runs may be parts of
one run, and use what another part of it made."""


def _artifacts(kind: str, name: str) -> str:
    return f"""WITH {name}, {_COUNTS}
    WITH {name}, failed, good, weight WHERE {_ENOUGH}
    RETURN '{kind}' AS kind, {name}.node_id AS key,
      coalesce({name}.artifact_label, {name}.model) AS value,
      toStringOrNull({name}.recorded_at) AS at,
      failed, good, weight"""


def _values(kind: str) -> str:
    return f"""WITH key, value, {_COUNTS}
    WITH key, value, failed, good, weight WHERE {_ENOUGH}
    RETURN '{kind}' AS kind, key, value, null AS at, failed, good, weight"""


_RUNS = f"""{_EACH_RUN}
    WITH {_COUNTS}
    RETURN 'run' AS kind, '' AS key, '' AS value, null AS at, failed, good, weight"""

_PARTS = {
    "inputs": f"""{_EACH_RUN}
    CALL (i, runs) {{
      WITH runs[i][0] AS r
      MATCH (r)-[:PARENT_OF*0..]->()-[:USED]->(x)
      RETURN DISTINCT x
    }}
    WITH x, collect(i) AS users WHERE size(users) >= $least
    WITH x, users, COLLECT {{ MATCH (x)-[:MADE_BY]->(m) RETURN m.root_id }} AS makers
    UNWIND users AS i
    WITH x, makers, i WHERE NOT runs[i][1] IN makers
    {_artifacts("input", "x")}""",
    "ancestors": f"""{_EACH_RUN}
    CALL (i, runs) {{
      WITH runs[i][0] AS r
      MATCH (r)-[:PARENT_OF*0..]->()-[:USED]->(x)
      WITH DISTINCT r, x
      WITH r, x, {_MAKERS} AS makers WHERE NOT r IN makers
      MATCH (x)-[:{DERIVES}*1..]->(y) WHERE y:Artifact
      RETURN DISTINCT y
    }}
    {_artifacts("ancestor", "y")}""",
    "parameters": f"""{_EACH_RUN}
    CALL (i, runs) {{
      WITH runs[i][0] AS r
      MATCH (r)-[:PARENT_OF*0..]->()<-[:MADE_BY]-(x)
      WHERE x.model IN $models
      UNWIND [k IN keys(x) WHERE NOT k IN $ours] AS k
      WITH x.model + '.' + k AS key, toStringOrNull(x[k]) AS value
      WHERE value IS NOT NULL
      RETURN DISTINCT key, value
    }}
    {_values("parameter")}""",
    "properties": f"""{_EACH_RUN}
    CALL (i, runs) {{
      WITH runs[i][0] AS r
      MATCH (r)-[:PARENT_OF*0..]->(s)
      UNWIND [k IN keys(s) WHERE NOT k IN $known] AS k
      WITH coalesce(s.label, 'span') + '.' + k AS key, toStringOrNull(s[k]) AS value
      WHERE value IS NOT NULL
      RETURN DISTINCT key, value
    }}
    {_values("property")}""",
    "provenance": f"""{_EACH_RUN}
    WITH i, runs[i][0] AS r
    UNWIND $provenance AS key
    WITH i, key, toStringOrNull(r[key]) AS value WHERE value IS NOT NULL
    {_values("provenance")}""",
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
    parts = "\n  UNION ALL\n    ".join([_RUNS, *(_PARTS[kind] for kind in kinds)])
    return f"""
{DELETES}
CALL (deletes) {{
  UNWIND $runs AS run
  MATCH (r:ArtigraphNode {{node_id: run[0]}}) USING INDEX SEEK r:ArtigraphNode(node_id)
  WHERE r:Span AND {span_stays("r")}
  RETURN collect([r, run[1], run[2]]) AS runs
}}
CALL (runs) {{
    {parts}
}}
WITH collect([kind, key, value, at, failed, good, weight]) AS found
UNWIND range(0, size(found), 1000) AS i
RETURN found[i..i + 1000]
"""
