"""Parts that several statements share."""

from __future__ import annotations

from artigraph_neo4j.graph.names import FAILED_LABEL, OPEN_LABEL

__all__ = [
    "DELETES",
    "KINDS",
    "OWNER",
    "ROOTS_TO_ROWS",
    "SPAN_MAP",
    "STORE_BLOB",
    "artifact_rows",
    "artifact_stays",
    "blobs_stay",
    "is_newest",
    "lock",
    "mark_closed_as",
    "node_stays",
    "span_stays",
]


def artifact_rows(
    *more: str,
    properties: str = "x{.*, recorded_at: toStringOrNull(x.recorded_at)}",
    blob_ids: bool = False,
) -> str:
    """Return the part of a statement that reads the artifact ``a`` with all its nested models.

    The row of each node ``x`` is ``[properties, [[parent id, path]], [[field, storage, location,
    digest, size]]]``, which ``model.stored`` reads, followed by ``more``.

    Args:
        *more: Further expressions over ``x``.
        properties: The expression for the properties.
        blob_ids: Whether the id of its ``Blob`` follows each size.
    """
    columns = ["k.field", "b.storage", "b.location", "b.digest", "b.size"]
    columns += ["b.blob_id"] if blob_ids else []
    row = [
        properties,
        "CASE WHEN x = a THEN [] ELSE [(y)-[f:HAS_FIELD]->(x) | [y.node_id, f.path]] END",
        f"[(x)-[k:STORED_IN]->(b:Blob) | [{', '.join(columns)}]]",
        *more,
    ]
    expressions = ",\n    ".join(row)
    return f"""
CALL (a) {{
  MATCH (a)-[:HAS_FIELD*0..]->(x)
  RETURN collect([
    {expressions}
  ]) AS nodes
}}
"""


ROOTS_TO_ROWS = artifact_rows()
"""Part that reads the artifact ``a`` with all its nested models, the artifact itself first (a
breadth or depth first walk starts there); ``HAS_FIELD`` is a tree, so no node comes twice."""

OWNER = """
CALL (a) {
  OPTIONAL MATCH (s:Span)-[h:HAS_ARTIFACT]->(a)
  WITH s, h ORDER BY h.linked_at IS NOT NULL, s.opened_at, s.node_id LIMIT 1
  RETURN s.node_id AS owner, coalesce(h.label, a.artifact_label) AS label
}
"""
"""Part that reads the span that made the artifact ``a``, and its label there."""


STORE_BLOB = """\
  MATCH (a:ArtigraphNode {node_id: r.owner})
  MERGE (b:Blob {blob_id: r.properties.blob_id})
    ON CREATE SET b = r.properties
  MERGE (a)-[k:STORED_IN]->(b)
    ON CREATE SET k.field = r.field"""
"""Part that stores one value in a storage: ``r`` is ``{owner, field, properties}``; each reference
has a separate Blob node."""


def is_newest(name: str) -> str:
    """Return the condition that an artifact does not have a newer version."""
    return f"NOT EXISTS {{ ({name})<-[:SUPERSEDES]-() }}"


DELETES = "CALL () { MATCH (d:ArtigraphDeleting) RETURN count(d) AS deletes }"
"""Part that counts the deletes under way: one look at the count store. ``span_stays`` and
``artifact_stays`` need it before them; while the count is 0 they cost nothing."""


# With ``labels()``, since for a pattern with the label the planner may start at the marked root and
# walk down its whole tree.
_DOOMED_SPAN = (
    "EXISTS {{ ({0})<-[:PARENT_OF*0..]-(top{1}) WHERE 'ArtigraphDeleting' IN labels(top{1}) }}"
)


def span_stays(name: str) -> str:
    """Return the condition that the span with this name in a statement is not being deleted."""
    return f"(deletes = 0 OR NOT {_DOOMED_SPAN.format(name, '')})"


def artifact_stays(name: str) -> str:
    """Return the condition that an artifact, or a model nested in one, is not being deleted.

    It is being deleted if it is marked itself, if it is a part of a span that is being deleted, or
    if all spans that have it are being deleted.
    """
    return f"(deletes = 0 OR NOT {_doomed_artifact(name)})"


def node_stays(name: str) -> str:
    """Return the condition that a span or an artifact is not being deleted.

    All of it is in one subquery: the planner makes a step of each, and each row would pass the
    steps even while the count of deletes is 0, which doubled the time of a walk.
    """
    return f"""(deletes = 0 OR EXISTS {{
  MATCH ({name}) WHERE {name}:Span AND NOT {_DOOMED_SPAN.format(name, "")}
    OR {name}:Artifact AND NOT {_doomed_artifact(name)}
}})"""


def _doomed_artifact(name: str) -> str:
    return f"""EXISTS {{
  MATCH ({name})<-[:HAS_FIELD*0..]-(whole)
  WHERE NOT EXISTS {{ (whole)<-[:HAS_FIELD]-() }} AND (
    {_DOOMED_SPAN.format("whole", "")}
    OR EXISTS {{ (whole)<-[:HAS_ARTIFACT]-() }} AND NOT EXISTS {{
      MATCH (whole)<-[:HAS_ARTIFACT]-(holder) WHERE NOT {_DOOMED_SPAN.format("holder", "")}
    }}
  )
}}"""


def lock(name: str, label: str) -> str:
    """Lock a node until the end of the transaction, by setting a label that it already has.

    Setting an existing label writes nothing. A node that another transaction deletes while this one
    waits for the lock still counts as matched afterwards: all that depends on the node has to be
    matched again after the lock.
    """
    return f"SET {name}:{label}"


def blobs_stay(ids: str) -> str:
    """Return the part that locks Blob nodes and collects ``gone``: the ids of those not there.

    Garbage collection may take the object of a Blob node as soon as that node is deleted.

    Args:
        ids: An expression, sorted so that callers cannot deadlock.
    """
    return f"""\
  UNWIND {ids} AS id
  OPTIONAL MATCH (b:Blob {{blob_id: id}})
  {lock("b", "Blob")}
  WITH collect(id) AS ids
  UNWIND ids AS id
  OPTIONAL MATCH (b:Blob {{blob_id: id}})
  WITH id, b WHERE b IS NULL
  RETURN collect(id) AS gone"""


KINDS = """
UNWIND $ids AS id
OPTIONAL MATCH (n:ArtigraphNode {node_id: id}) USING INDEX SEEK n:ArtigraphNode(node_id)
RETURN id, coalesce(n:Span, false), coalesce(n:Artifact, false)
"""
"""A statement that reads the kinds of nodes with some ids, including nodes being deleted."""


SPAN_MAP = (
    "[elementId({0}), labels({0}), "
    "{0}{{.*, opened_at: toStringOrNull({0}.opened_at), closed_at: toStringOrNull({0}.closed_at), "
    "log_: null}}]"
)
"""The map that statements return for a span: times are text, a tenth of the cost of temporals; the
rows that it logged are left out."""


def mark_closed_as(name: str) -> str:
    """Return the part of a statement that sets the labels of a closed span's status.

    It first removes the label of failed spans, which the span has if it was wrongly marked as lost.
    """
    return f"""\
REMOVE {name}:{OPEN_LABEL}:{FAILED_LABEL}
SET {name}:$(CASE {name}.status WHEN 'ERROR' THEN ['{FAILED_LABEL}'] ELSE [] END)"""
