"""Storages for the bytes that are not in the graph. Write your own with ``Storage``."""

from artigraph_neo4j.storage.base import Storage, StoredBytes
from artigraph_neo4j.storage.known import find_storage, open_storage, storage_names

__all__ = ["Storage", "StoredBytes", "find_storage", "open_storage", "storage_names"]
