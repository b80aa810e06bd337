"""Graphs of networkx, as msgpack: nodes and edges in order, with their attributes."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from artigraph_neo4j.serializer.base import DamagedError, Serializer, exactly, unreadable
from artigraph_neo4j.serializer.msgpack import pack, unpack
from artigraph_neo4j.serializer.needed import needed

__all__ = ["GraphSerializer", "graph_serializer"]

_nx: Any = needed("networkx", "networkx")
_KINDS: dict[str, Any] = {
    kind: getattr(_nx, kind) for kind in ("Graph", "DiGraph", "MultiGraph", "MultiDiGraph")
}


class GraphSerializer(Serializer[Any]):
    """The four kinds of graphs; nodes, keys and attributes are plain values."""

    name: ClassVar[str] = "networkx"
    types: ClassVar[tuple[type[Any], ...]] = tuple(_KINDS.values())
    heavy: ClassVar[bool] = True

    def serialize(self, value: Any, /) -> bytes:
        """Return the graph as msgpack.

        Raises:
            SerializationError: The graph is of a subclass, or has a node or an attribute that is
                not a plain value.
        """
        kind = type(value).__name__
        exactly(_KINDS.get(kind, _nx.Graph), value)
        edges = value.edges(keys=True, data=True) if value.is_multigraph() else value.edges.data()
        return pack(
            {
                "kind": kind,
                "graph": dict(value.graph),
                "nodes": [[node, dict(attributes)] for node, attributes in value.nodes.data()],
                "edges": [[*edge[:-1], dict(edge[-1])] for edge in edges],
            }
        )

    def deserialize(self, data: bytes, /) -> Any:
        """Return the graph.

        Raises:
            SerializationError: The bytes are not those of a graph.
        """
        with unreadable("a graph of this library"):
            about: Any = unpack(data)
            if type(about) is not dict or about.keys() != {"kind", "graph", "nodes", "edges"}:
                raise DamagedError("its parts are others")
            parts = cast("dict[str, Any]", about)
            made: Any = _KINDS[parts["kind"]]()
            made.graph.update(parts["graph"])
            for node, attributes in parts["nodes"]:
                made.add_node(node)
                made.nodes[node].update(attributes)
            nodes = len(made)
            for edge in parts["edges"]:
                _add(made, edge)
            if len(made) != nodes or made.number_of_edges() != len(parts["edges"]):
                raise DamagedError("an edge is there twice, or its nodes are not")
            return made


def _add(graph: Any, edge: list[Any]) -> None:
    if len(edge) != (4 if graph.is_multigraph() else 3):
        raise DamagedError("an edge has other parts")
    source, target, *key, attributes = edge
    graph.add_edge(source, target, *key)
    graph.edges[source, target, *key].update(attributes)


graph_serializer = GraphSerializer().register()
