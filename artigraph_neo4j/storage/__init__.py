"""Storages: where bytes go that do not stay in the graph. Write your own with ``Storage``."""

from artigraph_neo4j.storage.base import Storage, find_storage, storage_names

__all__ = ["Storage", "find_storage", "storage_names"]
