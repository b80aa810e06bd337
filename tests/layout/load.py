"""Puts a graph of an earlier layout, as kept in ``tests/data/layout``, into an empty database."""

from __future__ import annotations

import base64
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

from neo4j import AsyncDriver

from tests.layout.write import DATA
from tests.services import empty, run

__all__ = ["load", "storage_of"]


def storage_of(version: int) -> Path:
    """Where the values are that a version kept outside the graph."""
    return DATA / f"v{version}" / "storage"


async def load(driver: AsyncDriver, database: str | None, version: int) -> dict[str, Any]:
    """Make the database what it was; returns what the file holds."""
    graph: dict[str, Any] = json.loads((DATA / f"v{version}" / "graph.json").read_text())
    async with driver.session(database=database) as session:
        await empty(session)
        for statement in graph["schema"]:
            await run(session, statement)
        nodes = [
            {"at": at, "labels": labels, "properties": _properties(values)}
            for at, (labels, values) in enumerate(graph["nodes"])
        ]
        await run(
            session,
            "UNWIND $rows AS r CREATE (n) SET n = r.properties, n.loaded_at = r.at, n:$(r.labels)",
            rows=nodes,
        )
        for kind in {row[1] for row in graph["relationships"]}:
            links = [
                [a, b, _properties(values)]
                for a, k, b, values in graph["relationships"]
                if k == kind
            ]
            await run(
                session,
                "UNWIND $rows AS r MATCH (a {loaded_at: r[0]}) MATCH (b {loaded_at: r[1]}) "
                f"CREATE (a)-[x:{kind}]->(b) SET x = r[2]",
                rows=links,
            )
        await run(session, "MATCH (n) REMOVE n.loaded_at")
    return graph


def _properties(values: dict[str, Any]) -> dict[str, Any]:
    return {key: _from_json(value) for key, value in values.items()}


def _from_json(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, text),) = value.items()
    if kind == "bytes":
        return base64.b64decode(text)
    return date.fromisoformat(text) if kind == "date" else datetime.fromisoformat(text)
