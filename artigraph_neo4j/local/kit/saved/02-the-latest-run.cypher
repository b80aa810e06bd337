// The latest run, as a tree
// What did the latest run do, and what came out of it?
MATCH (run:Span) USING INDEX run:Span(depth, opened_at, node_id)
WHERE run.depth = 0 AND run.opened_at IS NOT NULL AND run.node_id IS NOT NULL
  AND NOT "ArtigraphDeleting" IN labels(run)
WITH run ORDER BY run.depth DESC, run.opened_at DESC, run.node_id DESC LIMIT 1
MATCH tree = (run)-[:PARENT_OF*0..]->(span:Span)
OPTIONAL MATCH made = (span)-[:HAS_ARTIFACT]->(:Artifact)
RETURN tree, made LIMIT 300
