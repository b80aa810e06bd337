// Models by version
// What is stored, and written by which version of its model?
MATCH (a:Artifact) USING INDEX a:Artifact(model, model_version, recorded_at, node_id)
WHERE a.model IS NOT NULL AND a.model_version IS NOT NULL AND a.recorded_at IS NOT NULL
  AND a.node_id IS NOT NULL
RETURN a.model AS model, a.model_version AS version, count(*) AS artifacts,
  min(a.recorded_at) AS first, max(a.recorded_at) AS last
ORDER BY model, version LIMIT 500
