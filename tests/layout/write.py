"""Writes the graph of ``tests.layout.models`` and keeps it as a file; see the README there.

``NEO4J_URI=… python -m tests.layout.write``, on an empty database.
"""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from neo4j.time import Date, DateTime

from artigraph_neo4j import (
    Engine,
    Span,
    create_span_artifact,
    create_span_artifacts,
    engine_context,
    link_artifact,
    read_span_artifact,
    revise_artifact,
    span_context,
)
from artigraph_neo4j.graph.schema import SCHEMA_VERSION
from tests.layout import models

DATA = Path(__file__).parents[1] / "data" / "layout"


async def record() -> None:
    """The graph: nested spans, one of a class of its own, one that failed, one left open."""
    async with span_context(label="root"):
        await _artifacts("root")
        async with span_context(label="first") as first:
            await _artifacts("first")
            await create_span_artifact("current", data=models.UNLABELED)
            trial = models.LayoutTrial(
                label="second", estimator="trees", score=0.75, parameters={"depth": [1, 2]}
            )
            async with span_context(trial):
                await _artifacts("second")
        async with span_context(label=models.LONG):
            pass
        try:
            async with span_context(label="fails"):
                await _artifacts("fails")
                raise ValueError("it failed, wie geplant: ü")
        except ValueError:
            pass
        async with span_context():  # without a label
            pass
        async with span_context(label="derives"):
            tree = await read_span_artifact(first.node_id, label="tree")
            await link_artifact("current", tree, label="shared tree")
            derived = await create_span_artifact("current", label="derived", data=models.DERIVED)
        async with span_context(label="shares"):
            await link_artifact("current", derived, label="shared")
        async with span_context(label="revises"):
            await revise_artifact(derived, models.REVISED)
        await span_context(Span(label="open")).__aenter__()
    await models.ALONE.create("alone")


async def _artifacts(span: str) -> None:
    await create_span_artifacts("current", models.ARTIFACTS[span])


def to_json(value: Any) -> Any:
    """A property; temporal values and bytes as an object that names their type."""
    if isinstance(value, (Date, DateTime)):
        value = value.to_native()
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return {"local": value.isoformat()}
        return {"zoned": value.astimezone(UTC).isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    return value


async def export(engine: Engine) -> dict[str, Any]:
    """All there is in the database."""
    nodes = await engine.read(
        "MATCH (n) RETURN elementId(n), labels(n), properties(n) ORDER BY n.node_id", {}
    )
    ids = {row[0]: i for i, row in enumerate(nodes)}
    links = await engine.read(
        "MATCH (a)-[r]->(b) RETURN elementId(a), type(r), elementId(b), properties(r)", {}
    )
    rules = await engine.read("SHOW CONSTRAINTS YIELD createStatement", {})
    indexes = await engine.read(
        "SHOW INDEXES YIELD createStatement, owningConstraint, name "
        "WHERE owningConstraint IS NULL AND name STARTS WITH 'artigraph'",
        {},
    )
    return {
        "schema": sorted(row[0] for row in [*rules, *indexes]),
        "nodes": [[labels, _properties(values)] for _, labels, values in nodes],
        "relationships": sorted(
            ([ids[a], kind, ids[b], _properties(values)] for a, kind, b, values in links),
            key=str,
        ),
    }


def _properties(values: dict[str, Any]) -> dict[str, Any]:
    return {key: to_json(values[key]) for key in sorted(values)}


async def write(folder: Path) -> None:
    """Record into an empty database and keep what is in it then."""
    models.STORAGE.directory = folder / "storage"
    with engine_context(create_schema=True, storage=models.STORAGE, offload_bytes=3000) as engine:
        ((count,),) = await engine.read("MATCH (n) WHERE NOT n:ArtigraphGraph RETURN count(n)", {})
        if count:
            raise SystemExit(f"the database holds {count} nodes; this needs an empty one")
        await record()
        graph = await export(engine)
    text = ",\n".join(json.dumps(n, ensure_ascii=False) for n in graph["nodes"])
    links = ",\n".join(json.dumps(r, ensure_ascii=False) for r in graph["relationships"])
    rules = ",\n".join(json.dumps(s) for s in graph["schema"])
    (folder / "graph.json").write_text(
        f'{{"schema": [\n{rules}\n],\n"nodes": [\n{text}\n],\n"relationships": [\n{links}\n]}}\n'
    )


if __name__ == "__main__":
    folder = DATA / f"v{SCHEMA_VERSION}"
    if (folder / "graph.json").exists():
        raise SystemExit(f"{folder} is there, and is never written again")
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(write(folder))
