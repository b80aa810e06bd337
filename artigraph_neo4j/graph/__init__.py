"""The code that knows Neo4j: statements, connection, schema, and ``Span`` as a node class."""
