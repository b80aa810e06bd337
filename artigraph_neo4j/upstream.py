"""Moving from Artigraph 0.0.x: its SQLite or PostgreSQL database, into this graph."""

from artigraph_neo4j.common.public import publish
from artigraph_neo4j.exchange.upstream.importing import ImportReport, import_artigraph
from artigraph_neo4j.exchange.upstream.records import ArtifactMapping, ArtifactSequence, RawArtifact
from artigraph_neo4j.exchange.upstream.tree import ImportNote
from artigraph_neo4j.exchange.upstream.values import storage_name

__all__ = [
    "ArtifactMapping",
    "ArtifactSequence",
    "ImportNote",
    "ImportReport",
    "RawArtifact",
    "import_artigraph",
    "storage_name",
]

publish(__name__, __all__, globals())
