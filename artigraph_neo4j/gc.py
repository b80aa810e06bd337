"""Garbage collection: stored values that nothing in the graph refers to, and what is missing."""

from artigraph_neo4j.common.public import publish
from artigraph_neo4j.upkeep.garbage.collect import collect_garbage, take_new_graph_id
from artigraph_neo4j.upkeep.garbage.scan import BlobReference, GarbageReport, Tally

__all__ = [
    "BlobReference",
    "GarbageReport",
    "Tally",
    "collect_garbage",
    "take_new_graph_id",
]

publish(__name__, __all__, globals())
