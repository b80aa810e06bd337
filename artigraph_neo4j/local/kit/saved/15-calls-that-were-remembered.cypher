// Calls that were remembered
// Which cached functions ran, how often were they answered from the cache, and when?
MATCH (key:Artifact) USING INDEX key:Artifact(model, model_version, recorded_at, node_id)
WHERE key.model = "CallKey" AND key.model_version IS NOT NULL AND key.recorded_at IS NOT NULL
  AND key.node_id IS NOT NULL
RETURN key.function AS function, count(CASE WHEN key.cached_from IS NULL THEN 1 END) AS ran,
  count(key.cached_from) AS from_the_cache, max(key.recorded_at) AS latest
ORDER BY latest DESC LIMIT 100
