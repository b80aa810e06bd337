"""Tasks of an operator on a graph: delete, collect, migrate, upgrade, close lost spans."""
