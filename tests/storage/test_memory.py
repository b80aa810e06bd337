"""The storage in memory."""

import pytest

from artigraph_neo4j.storage.base import Storage
from artigraph_neo4j.storage.memory import MemoryStorage
from artigraph_neo4j.testing import StorageTests


class TestMemoryStorage(StorageTests):
    @pytest.fixture
    def storage(self) -> MemoryStorage:
        return MemoryStorage("test")


class Whole(MemoryStorage):
    """One that reads no ranges by itself, as a storage of others may not."""

    read_range = Storage.read_range


class TestDefaults(StorageTests):
    @pytest.fixture
    def storage(self) -> Whole:
        return Whole("whole")
