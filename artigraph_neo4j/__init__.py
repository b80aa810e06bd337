"""Typed, versioned artifacts and nested spans, kept as a graph in Neo4j."""
