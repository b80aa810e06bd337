// What an artifact came from
// By which spans, from which artifacts, 20 steps back? Say which:  :param id => "its node_id"
MATCH (it:ArtigraphNode {node_id: $id}) USING INDEX SEEK it:ArtigraphNode(node_id)
MATCH (it)<-[:HAS_FIELD*0..]-(whole:Artifact) WHERE NOT EXISTS { (whole)<-[:HAS_FIELD]-() }
// One layer after the other: a pattern with * would follow every one of the ways, which may be many.
WITH reduce(walk = {seen: [whole], last: [whole]}, _ IN range(1, 20) |
  head([layer IN [COLLECT {
    UNWIND walk.last AS x MATCH (x)<-[has:HAS_ARTIFACT]-(y:Span)
    WHERE has.linked_at IS NULL AND NOT y IN walk.seen RETURN DISTINCT y
    UNION
    UNWIND walk.last AS x MATCH (x)-[:USED]->(y:Artifact) WHERE NOT y IN walk.seen
    RETURN DISTINCT y
  }] | {seen: walk.seen + layer, last: layer}])
).seen[..200] AS found
UNWIND found AS node
OPTIONAL MATCH (node)-[link:HAS_ARTIFACT|USED]->(other) WHERE other IN found
RETURN node, link, other LIMIT 300
