// Newer versions of what an artifact came from
// Which are there, 20 steps back, and which spans would run again? Say which:  :param id => "its node_id"
MATCH (it:ArtigraphNode {node_id: $id}) USING INDEX SEEK it:ArtigraphNode(node_id)
MATCH (it)<-[:HAS_FIELD*0..]-(whole:Artifact) WHERE NOT EXISTS { (whole)<-[:HAS_FIELD]-() }
MATCH way = (whole)-[:MADE_BY|USED*0..20]->(node)
WITH node, min(length(way)) AS hops ORDER BY hops, node.node_id LIMIT 200
// Those that come from an old version, and the old versions; distinct, as there may be many ways.
CALL (node, hops) {
  MATCH (node)-[:MADE_BY|USED*0..20]->(old)
  WITH DISTINCT node, hops, old
  WHERE EXISTS { (old)<-[:SUPERSEDES]-() } AND (old <> node OR hops > 0)
  RETURN count(*) AS causes
}
WITH node WHERE causes > 0
WITH collect(node) AS found
UNWIND found AS node
OPTIONAL MATCH (node)-[link:MADE_BY|USED]->(other) WHERE other IN found
OPTIONAL MATCH (node)<-[newer:SUPERSEDES]-(version)
RETURN node, link, other, newer, version LIMIT 300
