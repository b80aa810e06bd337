"""What every call costs: statements by the engine's observer, network turn-arounds by a proxy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    Span,
    create_span_artifact,
    create_span_artifacts,
    engine_context,
    read_ancestor_spans,
    read_child_artifacts,
    read_child_spans,
    read_descendant_artifacts,
    read_descendant_spans,
    read_parent_span,
    read_root_spans,
    read_span,
    read_span_artifact,
    read_span_artifacts,
    span_context,
)
from artigraph_neo4j.graph.parameters import with_one_map
from artigraph_neo4j.storage.memory import MemoryStorage
from tests.graph import plans
from tests.proxy import Proxy
from tests.statements import is_cypher


@dataclass
class Leaf(ArtifactModel, version=1):
    x: int


@dataclass
class Tree(ArtifactModel, version=1):
    leaves: list[Leaf]
    by_name: dict[str, Leaf] = field(default_factory=dict)


TREE = Tree([Leaf(1), Leaf(2)], {"a": Leaf(3)})


@pytest.fixture
def proxy(graph_service: Any, session_engine: Engine) -> Iterator[Proxy]:
    """The engine of the test goes through a proxy."""
    proxy = Proxy(graph_service.uri)
    with (
        proxy.running() as url,
        engine_context(
            url,
            username=graph_service.username,
            password=graph_service.password,
            database=graph_service.database,
            storage=MemoryStorage("round-trips"),
            create_schema=True,
        ) as engine,
    ):
        proxy.engine = engine  # type: ignore[attr-defined]
        yield proxy


async def test_every_call_is_one_statement_and_one_turn_around(proxy: Proxy) -> None:
    statements: list[Any] = []
    proxy.engine.observers.append(statements.append)  # type: ignore[attr-defined]
    costs: dict[str, tuple[int, int]] = {}

    async def counted(name: str, work: Any) -> Any:
        statements.clear()
        before = proxy.turns
        result = await work
        costs[name] = (len(statements), proxy.turns - before)
        return result

    async with span_context(label="warm up: opens the connection") as outer:
        await Leaf(0).create()
        context = span_context(Span(label="measured"))
        span = await counted("enter", context.__aenter__())
        tree = await counted("create", TREE.create("t"))
        await counted("in a span", create_span_artifact("current", label="t", data=TREE))
        await counted("many", create_span_artifacts("current", {str(i): TREE for i in range(100)}))
        big = await counted("offloaded", Tree([], {"x" * 100_000: Leaf(1)}).create())
        await counted("leave", context.__aexit__(None, None, None))
    node = span.node_id
    await counted("read", Tree.read(tree))
    await counted("read offloaded", Tree.read(big))
    await counted("by label", read_span_artifact(node, label="t"))
    await counted("all labeled", read_span_artifacts(node))
    for query in (
        read_span,
        read_child_spans,
        read_descendant_spans,
        read_ancestor_spans,
        read_parent_span,
        read_child_artifacts,
        read_descendant_artifacts,
    ):
        await counted(query.__name__, query(outer.node_id))
    await counted("roots", read_root_spans())
    # Before an upload it is asked whether the same content is stored already.
    assert costs.pop("offloaded") == (2, 2)
    assert costs == dict.fromkeys(costs, (1, 1))


async def test_the_rows_of_a_read_are_few_and_fat(proxy: Proxy) -> None:
    statements: list[Any] = []
    proxy.engine.observers.append(statements.append)  # type: ignore[attr-defined]
    async with span_context() as span:
        await create_span_artifacts("current", {str(i): Leaf(i) for i in range(2500)})
    statements.clear()
    assert len(await read_span_artifacts(span.node_id)) == 2500
    assert [s.rows for s in statements] == [3]


SEEKS = {"NodeUniqueIndexSeek", "NodeUniqueIndexSeek(Locking)", "NodeIndexSeek"}


READ_ALL = {"BLOB_COUNT", "BLOB_STORAGES", "COUNT_UNINDEXED"}
"""Statements that are about all blobs, or nodes of a label, that there are."""


async def test_no_statement_scans(graph_service: Any, session_engine: Engine) -> None:
    """The plan of each statement starts at an index and walks from there."""
    from neo4j import AsyncGraphDatabase

    from artigraph_neo4j.graph.cypher import (
        blobs,
        heartbeat,
        indexing,
        lineage,
        migrate,
        read,
        runs,
        span_tree,
        write,
    )

    auth = (graph_service.username, graph_service.password) if graph_service.username else None
    parameters: dict[str, Any] = {
        "span": "x", "node_id": "x", "key": "x", "limit": 10, "parent": "x", "labels": ["Span"],
        "properties": {"node_id": "x"}, "opened_at": "2026-01-01T00:00:00Z", "closed_at": "2026",
        "spans": ["x"], "nodes": [], "has": [], "fields": [], "blobs": [], "used": [],
        "writers": [], "label": "x", "depth": 9, "writer_id": "x", "silence": 1, "lost": [],
        "type": "x", "revises": [], "history": False,
        "ids": ["x"], "owners": [], "opened": [], "children": [], "owned": [], "others": [],
        "closed": [], "model": "x", "version": 1, "at": "2026-01-01T00:00:00Z", "after": "",
        "size": 1, "locks": [], "seal": [], "unseal": [], "units": [],
        "leaned_on": [], "graph": "x", "contents": [], "prefix": "", "names": [], "locations": [],
        "part": "", "storage": "x",
        "once": ["x", 1, 1], "lanes": [], "lane": "x", "number": 1,
        "new": "x", "artifacts": True, "links": True, "keys": ["x"], "if_exists": "new",
        "class": None, "facts": {}, "writer": "x", "id": "x", "models": [["x", 1]], "epoch": [1, 1],
    }  # fmt: skip
    await session_engine.graph()  # creates the schema
    async with AsyncGraphDatabase.driver(
        graph_service.uri, auth=auth, notifications_min_severity="OFF"
    ) as driver:
        modules = (blobs, read, lineage, migrate, span_tree, heartbeat, runs, indexing)
        named = {name: getattr(module, name) for module in modules for name in module.__all__}
        statements = {
            name: text
            for name, text in sorted(named.items())
            if name not in {"ANNOUNCE", "WHOLE", *READ_ALL} and is_cypher(text)
        }
        assert len(statements) > 25
        for direction, depth in itertools.product(lineage.UP, (None, 3)):
            statements[f"{direction} {depth}"] = lineage.lineage(direction, depth)
        everything = {name: ["x"] for name in write.PARTS}
        for merge in (False, True):
            statements[f"write {merge}"] = write.statement(everything, merge=merge)
            for part in write.PARTS:
                if part not in ("opened", "others", "writers"):  # which look for nothing
                    text = write.statement({part: ["x"]}, merge=merge)
                    statements[f"{part} {merge}"] = text
        # An index of open spans only, and the few writers there are; all of an index.
        may_scan = {
            "SPAN_ROOTS": "NodeIndexScan",
            "OPEN_SPANS": "NodeIndexScan",
            "BACKLOG": "NodeIndexScan",
            "CLOSE_LOST_SPANS": "NodeByLabelScan",
            "INDEX_WORDS": "NodeByLabelScan",  # the nodes that wait
        }
        for name, text in statements.items():
            async with driver.session(database=graph_service.database) as session:
                result = await session.run(*with_one_map("EXPLAIN " + text, parameters))
                plan = (await result.consume()).plan
            operators = plans.operators(plan)
            scans = [op for op in operators if "Scan" in op and op != may_scan.get(name)]
            assert not scans, (name, operators)
            assert any("Seek" in op for op in operators) or name == "BACKLOG", (name, operators)
