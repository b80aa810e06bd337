"""Storages: where bytes go that do not stay in the graph. Write your own with ``Storage``."""

from artigraph_neo4j.storage.base import Storage, StoredBytes, find_storage, storage_names

__all__ = ["Storage", "StoredBytes", "find_storage", "storage_names"]
