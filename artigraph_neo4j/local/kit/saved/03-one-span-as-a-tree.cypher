// One span, as a tree
// What did this span do, and what came out of it? Say which:  :param id => "its node_id"
MATCH (top:ArtigraphNode {node_id: $id}) USING INDEX SEEK top:ArtigraphNode(node_id)
MATCH tree = (top)-[:PARENT_OF*0..]->(span:Span)
OPTIONAL MATCH made = (span)-[:HAS_ARTIFACT]->(:Artifact)
RETURN tree, made LIMIT 300
