"""Parts that several statements about artifacts have in common."""

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
    "is_newest",
    "lock",
    "mark_closed_as",
    "span_stays",
]


def artifact_rows(
    *more: str,
    properties: str = "x{.*, recorded_at: toString(x.recorded_at)}",
    blob_ids: bool = False,
) -> str:
    """The part of a statement that reads the artifact ``a`` with all that is nested in it.

    Its row of each node ``x`` is ``[properties, [[parent id, path]], [[field, storage, location,
    digest, size]]]``, which ``model.stored`` reads, and what a statement wants besides.

    Args:
        *more: Further expressions over ``x``.
        properties: The expression for the properties.
        blob_ids: Whether the id of its ``Blob`` follows on each size.
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
"""The artifact ``a`` with all that is nested in it, itself first (a breadth or depth first walk
starts there); ``HAS_FIELD`` is a tree, so no node comes twice."""

OWNER = """
CALL (a) {
  OPTIONAL MATCH (s:Span)-[h:HAS_ARTIFACT]->(a)
  WITH s, h ORDER BY h.linked_at IS NOT NULL, s.opened_at, s.node_id LIMIT 1
  RETURN s.node_id AS owner, coalesce(h.label, a.artifact_label) AS label
}
"""
"""The span that made the artifact ``a``, and its label there."""


STORE_BLOB = """\
  MATCH (a:ArtigraphNode {node_id: r.owner})
  MERGE (b:Blob {blob_id: r.properties.blob_id})
    ON CREATE SET b = r.properties
  MERGE (a)-[k:STORED_IN]->(b)
    ON CREATE SET k.field = r.field"""
"""One value in a storage: ``r`` is ``{owner, field, properties}``; each reference has a Blob node
of its own."""


def is_newest(name: str) -> str:
    """The condition that an artifact has no newer version."""
    return f"NOT EXISTS {{ ({name})<-[:SUPERSEDES]-() }}"


DELETES = "CALL () { MATCH (d:ArtigraphDeleting) RETURN count(d) AS deletes }"
"""How many deletes are under way: one look at the count store. ``span_stays`` and
``artifact_stays`` need it before them; while it is 0 they cost nothing."""


# By ``labels()``: from a pattern with the label, the planner may start at the marked root and walk
# down all of its tree.
_DOOMED_SPAN = (
    "EXISTS {{ ({0})<-[:PARENT_OF*0..]-(top{1}) WHERE 'ArtigraphDeleting' IN labels(top{1}) }}"
)


def span_stays(name: str) -> str:
    """The condition that the span of this name in a statement is not being deleted."""
    return f"(deletes = 0 OR NOT {_DOOMED_SPAN.format(name, '')})"


def artifact_stays(name: str) -> str:
    """The condition that an artifact, or a model nested in one, is not being deleted.

    It is when it is marked itself, or when spans have it and all of these are being deleted.
    """
    return f"""(deletes = 0 OR NOT EXISTS {{
  MATCH ({name})<-[:HAS_FIELD*0..]-(whole)
  WHERE NOT EXISTS {{ (whole)<-[:HAS_FIELD]-() }} AND (
    'ArtigraphDeleting' IN labels(whole)
    OR EXISTS {{ (whole)<-[:HAS_ARTIFACT]-() }} AND NOT EXISTS {{
      MATCH (whole)<-[:HAS_ARTIFACT]-(holder) WHERE NOT {_DOOMED_SPAN.format("holder", "")}
    }}
  )
}})"""


def lock(name: str, label: str) -> str:
    """Lock a node until the end of the transaction, by a label that it has already.

    To set a label that is there writes nothing. A node that another transaction deletes while this
    one waits for the lock still counts as matched afterwards: whatever hangs on the node has to be
    matched anew behind the lock.
    """
    return f"SET {name}:{label}"


KINDS = """
UNWIND $ids AS id
OPTIONAL MATCH (n:ArtigraphNode {node_id: id}) USING INDEX SEEK n:ArtigraphNode(node_id)
RETURN id, coalesce(n:Span, false), coalesce(n:Artifact, false)
"""
"""What is there under some ids, being deleted or not."""


SPAN_MAP = (
    "[elementId({0}), labels({0}), "
    "{0}{{.*, opened_at: toString({0}.opened_at), closed_at: toString({0}.closed_at)}}]"
)
"""What a statement returns of a span: times as text, which costs a tenth of a temporal value."""


def mark_closed_as(name: str) -> str:
    """Part of a statement that closes a span: which of the labels that show its status it has.

    A span that was taken for lost, and lives after all, is no failed one any more.
    """
    return f"""\
REMOVE {name}:{OPEN_LABEL}:{FAILED_LABEL}
SET {name}:$(CASE {name}.status WHEN 'ERROR' THEN ['{FAILED_LABEL}'] ELSE [] END)"""
