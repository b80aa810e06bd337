// What has a tag
// Spans and artifacts with a tag. Say which:  :param tag => "demo"
MATCH (tag:ArtigraphTag {name: $tag}) USING INDEX SEEK tag:ArtigraphTag(name)
MATCH (node)-[tagged:TAGGED]->(tag)
RETURN node, tagged, tag ORDER BY tagged.at DESC LIMIT 100
