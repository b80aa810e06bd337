// What failed, and why
// The last 25 failures where they happened, not the spans above them; with error and run.
MATCH (span:Span) USING INDEX SEEK span:Span(status, opened_at, node_id)
WHERE span.status = "ERROR" AND span.opened_at IS NOT NULL AND span.node_id IS NOT NULL
  AND NOT EXISTS { (span)-[:PARENT_OF]->(:Span {status: "ERROR"}) }
WITH span ORDER BY span.status DESC, span.opened_at DESC, span.node_id DESC LIMIT 25
OPTIONAL MATCH (run:ArtigraphNode {node_id: span.root_id})
RETURN span.label AS span, run.label AS run, span.exception_type AS type,
  span.exception_message AS error, span.closed_at AS at, span.node_id AS id
