// Latest runs
// How did the last 25 runs end, how long did they take, from which commit? Copy an id from here.
MATCH (run:Span) USING INDEX run:Span(depth, opened_at, node_id)
WHERE run.depth = 0 AND run.opened_at IS NOT NULL AND run.node_id IS NOT NULL
  AND NOT "ArtigraphDeleting" IN labels(run)
WITH run ORDER BY run.depth DESC, run.opened_at DESC, run.node_id DESC LIMIT 25
RETURN run.label AS run, run.status AS status, run.opened_at AS opened, run.duration_ AS seconds,
  run.exception_message AS error, left(run.git_commit, 12) AS commit, run.program AS program,
  run.node_id AS id
