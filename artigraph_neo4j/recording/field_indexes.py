"""Indexes for fields that a model declares ``indexed``, created with its first artifact."""

from __future__ import annotations

import hashlib
from contextlib import suppress

from artigraph_neo4j.engine.engine import Engine
from artigraph_neo4j.graph.failures import AlreadyExistsError
from artigraph_neo4j.graph.names import quoted
from artigraph_neo4j.model.encode import Encoded

__all__ = ["ensure", "usable"]

Index = tuple[str, str]
"""A label and a property."""

_ONLINE = """
SHOW INDEXES YIELD name, state WHERE name STARTS WITH 'artigraph_field_' AND state = 'ONLINE'
RETURN name
"""


def _name(index: Index) -> str:
    label, property_ = index
    text = f"{len(label)}:{label}{property_}"
    return f"artigraph_field_{hashlib.sha256(text.encode()).hexdigest()[:16]}"


async def ensure(engine: Engine, encoded: Encoded) -> None:
    """Create the indexes that artifacts need before they are written: one round trip each.

    Each process creates each index once.

    Raises:
        EngineError: The database refused, for example because a right is missing.
    """
    plans = {id(node.plan): node.plan for node in encoded.nodes}
    wanted = {index for plan in plans.values() for index in plan.indexes}
    for index in wanted - engine.field_indexes:
        label, property_ = index
        with suppress(AlreadyExistsError):
            await engine.write(
                f"CREATE INDEX {_name(index)} IF NOT EXISTS "
                f"FOR (n:{quoted(label)}) ON (n.{quoted(property_)})",
                {},
            )
        engine.field_indexes.add(index)


async def usable(engine: Engine, wanted: set[Index]) -> set[Index]:
    """Return the indexes that are ready in the database; one round trip if that is not known."""
    if wanted and not wanted <= engine.ready_field_indexes:
        names = {name for (name,) in await engine.ask(_ONLINE, {})}
        engine.ready_field_indexes |= {index for index in wanted if _name(index) in names}
    return wanted & engine.ready_field_indexes
