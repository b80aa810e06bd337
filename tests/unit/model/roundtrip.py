"""Artifacts through encoder and decoder as they go through the graph, without one."""

from __future__ import annotations

from typing import Any

from artigraph_neo4j.model.base import ModelBase
from artigraph_neo4j.model.decode import join, loadings
from artigraph_neo4j.model.encode import encode
from artigraph_neo4j.model.identity import Resolver
from artigraph_neo4j.model.stored import Stored


def there_and_back(artifact: ModelBase) -> Any:
    """The artifact as it is read after it was recorded."""
    encoded = encode([artifact], inline_bytes=None)
    for pending in encoded.pending:
        pending.keep_inline(pending.serialized())
    parents = {child: [[parent, path]] for parent, child, path in encoded.links}
    rows = [
        [
            {
                **node.properties,
                "node_id": node.node_id,
                "model": node.plan.info.name,
                "model_version": node.plan.info.version,
                "recorded_at": node.recorded_at.isoformat(),
                "codec": node.codec(),
            },
            parents.get(node.node_id, []),
            [],
        ]
        for node in encoded.nodes
    ]
    stored, resolver = Stored(rows, None, None), Resolver(type(artifact))
    loaded = list(loadings(stored, resolver))
    for item in loaded:
        item.work()
    return join(stored, loaded, resolver)
