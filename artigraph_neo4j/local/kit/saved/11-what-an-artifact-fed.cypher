// What an artifact fed
// Which spans used it, and what came out of them, 20 steps on? Say which:  :param id => "its node_id"
MATCH (it:ArtigraphNode {node_id: $id}) USING INDEX SEEK it:ArtigraphNode(node_id)
MATCH (it)<-[:HAS_FIELD*0..]-(whole:Artifact) WHERE NOT EXISTS { (whole)<-[:HAS_FIELD]-() }
// Distinct nodes, nearest first: there may be more ways than anyone can follow.
MATCH way = (whole)<-[:MADE_BY|USED*0..20]-(node)
WITH node, min(length(way)) AS hops ORDER BY hops, node.node_id LIMIT 200
WITH collect(node) AS found
UNWIND found AS node
OPTIONAL MATCH (node)-[link:MADE_BY|USED]->(other) WHERE other IN found
RETURN node, link, other LIMIT 300
