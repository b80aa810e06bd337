// How an artifact came from another
// By which spans and artifacts, on a shortest way? Say which:  :params {id: "later", origin: "earlier"}
MATCH (later:ArtigraphNode {node_id: $id}) USING INDEX SEEK later:ArtigraphNode(node_id)
MATCH (later)<-[:HAS_FIELD*0..]-(a:Artifact) WHERE NOT EXISTS { (a)<-[:HAS_FIELD]-() }
MATCH (b:ArtigraphNode {node_id: $origin}) USING INDEX SEEK b:ArtigraphNode(node_id)
MATCH way = ANY SHORTEST (a)-[:MADE_BY|USED]->+(b)
RETURN way LIMIT 1
