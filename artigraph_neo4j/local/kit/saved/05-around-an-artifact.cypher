// Everything under an artifact's span
// What else did the span make that made this artifact? Say which:  :param id => "its node_id"
MATCH (it:ArtigraphNode {node_id: $id}) USING INDEX SEEK it:ArtigraphNode(node_id)
MATCH (it)<-[:HAS_FIELD*0..]-(:Artifact)-[:MADE_BY]->(maker:Span)
MATCH tree = (maker)-[:PARENT_OF*0..]->(span:Span)
OPTIONAL MATCH made = (span)-[:HAS_ARTIFACT]->(:Artifact)-[:HAS_FIELD|STORED_IN*0..]->()
RETURN tree, made LIMIT 300
