"""Tests for serializers and storages of your own: subclass them in your test suite (pytest)."""

from artigraph_neo4j.common.public import publish
from artigraph_neo4j.serializer.testing import SerializerTests, difference
from artigraph_neo4j.storage.testing import StorageTests

__all__ = ["SerializerTests", "StorageTests", "difference"]

publish(__name__, __all__, globals())
