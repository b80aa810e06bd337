// Largest and shared stored values
// Which contents take most room, which fields refer to them, what does storing them once save?
MATCH (blob:Blob)
WITH blob.location AS location, blob.storage AS storage, max(blob.size) AS bytes,
  count(*) AS references, collect(blob)[..5] AS some
ORDER BY bytes DESC LIMIT 25
UNWIND some AS blob
OPTIONAL MATCH (a:Artifact)-[stored:STORED_IN]->(blob)
RETURN collect(DISTINCT a.model + "." + stored.field) AS fields, bytes, references,
  (references - 1) * bytes AS saved, storage, location
ORDER BY bytes DESC
