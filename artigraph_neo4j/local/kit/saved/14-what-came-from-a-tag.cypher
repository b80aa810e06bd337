// What with a tag came from what with another
// Is anything in production from withdrawn data? Say which:  :params {tag: "in production", source: "withdrawn"}
MATCH (tag:ArtigraphTag {name: $tag}) USING INDEX SEEK tag:ArtigraphTag(name)
MATCH (tag)<-[:TAGGED]-(made:Artifact)
WITH made ORDER BY made.node_id LIMIT 1000
CALL (made) {
  MATCH (made)-[:MADE_BY|USED*1..20]->(origin)
  WITH DISTINCT origin
  WHERE origin:Artifact AND EXISTS { (origin)-[:TAGGED]->(:ArtigraphTag {name: $source}) }
  RETURN origin ORDER BY origin.node_id LIMIT 1
}
MATCH way = ANY SHORTEST (made)-[:MADE_BY|USED]->+(origin)
RETURN way LIMIT 50
