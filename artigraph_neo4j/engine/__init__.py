"""The graph, span and batch that are current, and the one thread that talks to Neo4j."""
