// Open spans, and lost ones
// What is running, since when, and which process was not heard of for a while?
MATCH (span:Span) USING INDEX span:Span(writer_id) WHERE span.writer_id IS NOT NULL
OPTIONAL MATCH (writer:ArtigraphWriter {writer_id: span.writer_id})
RETURN span.label AS span, span.opened_at AS opened,
  duration.inSeconds(coalesce(writer.seen_at, span.opened_at), datetime()).seconds AS silent_for,
  writer.ended_at IS NOT NULL AS process_ended, writer.host AS host, writer.user AS user,
  writer.pid AS pid, writer.program AS program, span.node_id AS id
ORDER BY silent_for DESC LIMIT 100
