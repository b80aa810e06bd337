"""Artifact models: how a dataclass becomes nodes of the graph, and nodes become a dataclass."""
