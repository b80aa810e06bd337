"""Workloads that read."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from artigraph_neo4j import (
    Span,
    create_span_artifacts,
    read_ancestor_spans,
    read_child_artifacts,
    read_child_spans,
    read_descendant_spans,
    read_span_artifacts,
)
from artigraph_neo4j.find import (
    find_artifacts,
    find_spans,
)
from artigraph_neo4j.find.terms import (
    under,
)
from artigraph_neo4j.graph.cypher import read as cypher
from tests.benchmarks import floor, neo, trees
from tests.benchmarks.children import stream_in_child
from tests.benchmarks.harness import Bench, Numbers, Side, Workload, timed
from tests.benchmarks.models import BenchPair, pairs

PEER_ITEMS = 100


async def read_artifacts(bench: Bench, size: int) -> list[Side]:
    await neo.bind(bench)
    few = bench.capped(neo.ITEMS)
    span = await bench.span("read")
    await create_span_artifacts(span, pairs(size))

    async def library() -> float:
        seconds, found = await timed(read_span_artifacts(span))
        assert len(found) == size
        assert isinstance(found["pair 0"], BenchPair)
        return seconds

    return [
        Side("library", library),
        _by_hand(bench, size, floor.READ_ARTIFACTS, span=span),
        Side("neomodel", lambda: neo.read_artifacts(pairs(few)), few, rounds=3),
        *(
            Side(name, lambda p=peer: p.do("read", PEER_ITEMS), PEER_ITEMS, rounds=3)
            for name, peer in bench.outside.items()
            if name != "aiida"
        ),
    ]


async def columns(bench: Bench, size: int) -> list[Side]:
    """The table has an order, each artifact's codec is looked at, and nothing may be deleted."""
    span = await bench.span("columns")
    await create_span_artifacts(span, pairs(size))

    async def library() -> float:
        seconds, found = await timed(find_artifacts(BenchPair, under(span)).to_arrow())
        assert found.num_rows == size
        return seconds

    async def by_hand() -> float:
        work = floor.read_columns(bench.driver, bench.database, span)
        seconds, found = await timed(work)
        assert found.num_rows == size
        return seconds

    return [Side("library", library), Side("floor", by_hand)]


async def descendants(bench: Bench, size: int, *, fan: int = 10) -> list[Side]:
    """Of a tree where each span has ``fan`` right below it; ``fan=0`` is: all below one."""
    await neo.bind(bench)
    root = await trees.tree(bench, size, fan or size)
    own = size <= 100_000  # for neomodel, a tree of its own
    neo_root = await neo.tree(bench, size, fan or size) if own else ""
    sides = [
        _spans(size, partial(read_descendant_spans, root)),
        _by_hand(bench, size, floor.READ_DESCENDANTS, span=root),
    ]
    if own:
        few = 1 if size > 20_000 else 3
        walk = partial(neo.walk, neo_root, size)
        sides.append(Side("neomodel", walk, rounds=few, warm=size <= 20_000))
    if fan == 10 and size <= 20_000 and "artigraph" in bench.outside:
        peer = bench.outside["artigraph"]
        sides.append(Side("artigraph", lambda: peer.do("descendants", size), rounds=3))
    return sides


async def children(bench: Bench, size: int) -> list[Side]:
    root = await trees.tree(bench, size, size)
    return [
        _spans(size, partial(read_child_spans, root)),
        _by_hand(bench, size, floor.READ_CHILDREN, span=root),
    ]


async def ancestors(bench: Bench, size: int) -> list[Side]:
    await neo.bind(bench)
    chain = bench.capped(1000)
    leaf = trees.node_of(await trees.tree(bench, chain, 1), size)
    neo_leaf = trees.node_of(await neo.tree(bench, chain, 1), size)
    return [
        _spans(size, partial(read_ancestor_spans, leaf)),
        _by_hand(bench, size, floor.READ_ANCESTORS, span=leaf),
        Side("neomodel", lambda: neo.walk(neo_leaf, size, up=True)),
    ]


async def growth(bench: Bench, size: int) -> list[Side]:
    """A tree of 10,000, or 1,000, among so many nodes that have nothing to do with it."""
    below = bench.capped(1000 if bench.quick else 10_000)
    root = await trees.tree(bench, below, 10)
    span = await bench.once("growth", partial(_with_artifacts, bench))
    await _others(bench, size)
    return [
        Side("descendants", partial(_read_hits, bench, read_descendant_spans, root,
            cypher.SPANS_BELOW, {"span": root}), items=below),
        Side("artifacts", partial(_read_hits, bench, read_child_artifacts, span,
            cypher.ARTIFACTS_OF, {"span": span, "history": False}), items=100),
        Side("ancestors", partial(_read_hits, bench, read_ancestor_spans,
            trees.node_of(root, below), cypher.SPANS_ABOVE,
            {"span": trees.node_of(root, below)}), items=4),
        Side("found below", partial(_found_hits, bench, root), items=below),
    ]  # fmt: skip


async def stream(bench: Bench, size: int) -> list[Side]:
    root = await trees.tree(bench, _big(bench), 10)

    async def library() -> Numbers:
        return await stream_in_child(bench.info, root, size)

    async def by_hand() -> Numbers:
        async def work() -> int:
            seen = 0
            async with bench.driver.session(database=bench.database) as session:
                result = await session.run(floor.STREAM_SPANS, root=root)
                async for _ in result:
                    seen += 1
                    if seen == size:
                        break
            return seen

        seconds, seen = await timed(work())
        assert seen == size
        return {"seconds": seconds}

    return [Side("library", library, warm=False, rounds=3), Side("floor", by_hand, rounds=3)]


def _spans(size: int, read: Callable[[], Coroutine[Any, Any, list[Span]]]) -> Side:
    async def library() -> float:
        seconds, found = await timed(read())
        assert len(found) == size
        assert isinstance(found[0], Span)
        return seconds

    return Side("library", library)


def _by_hand(bench: Bench, size: int, statement: str, **parameters: str) -> Side:
    async def by_hand() -> float:
        work = floor.read(bench.driver, bench.database, statement, **parameters)
        seconds, found = await timed(work)
        assert len(found) == size
        return seconds

    return Side("floor", by_hand)


async def _with_artifacts(bench: Bench) -> str:
    span = await bench.span("growth")
    await create_span_artifacts(span, pairs(100))
    return span


async def _read_hits(
    bench: Bench, read: Any, span: str, statement: str, parameters: dict[str, Any]
) -> Numbers:
    seconds, _ = await timed(read(span))
    return {"seconds": seconds, "hits": await bench.hits(statement, parameters)}


async def _found_hits(bench: Bench, root: str) -> Numbers:
    query = find_spans(under(root))
    seconds, _ = await timed(query.read())
    told = query.explain()
    return {"seconds": seconds, "hits": await bench.hits(told.statement, told.parameters)}


async def _others(bench: Bench, wanted: int) -> None:
    """Let there be so many other nodes, or more."""
    if wanted >= _big(bench) * 0.9:
        await trees.tree(bench, _big(bench), 10)
        return
    there = int(bench.made.get("others", 0))
    if there < wanted:
        await trees.grow(
            bench, wanted - there - 1, 10, "ArtigraphNode:Span", "ArtigraphNode", "PARENT_OF"
        )
        bench.made["others"] = wanted


def _big(bench: Bench) -> int:
    return bench.capped(11_110 if bench.quick else 1_111_110)


def _read(name: str, title: str, size: int, quick: int, build: Any, **more: Any) -> Workload:
    more.setdefault("group", "read")
    return Workload(name, title, more.pop("unit", "spans"), size, quick, build, **more)


WORKLOADS = [
    _read("read_2000", "artifacts of one span, as model objects", 2000, 1000, read_artifacts,
        unit="artifacts", rounds=11),
    _read("columns_20000", "artifacts of one span, as an Arrow table", 20_000, 2000, columns,
        unit="artifacts", rounds=11),
    _read("tree_11110", "all below, in a tree of four levels", 11_110, 1110, descendants),
    _read("tree_100000", "all below, ten below each", 100_000, 5000, descendants, rounds=5),
    _read("deep_1000", "all below, in one chain", 1000, 500, partial(descendants, fan=1)),
    _read("deep_10000", "all below, in one chain", 10_000, 2000, partial(descendants, fan=1),
        rounds=5),
    _read("wide_100000", "all below, right below one span", 100_000, 5000,
        partial(descendants, fan=0), rounds=5),
    _read("children_100000", "its children", 100_000, 5000, children, rounds=5),
    _read("ancestors_10", "all above", 10, 10, ancestors, rounds=15),
    _read("ancestors_100", "all above", 100, 100, ancestors, rounds=15),
    _read("ancestors_1000", "all above", 1000, 1000, ancestors),
    _read("growth_10000", "among others", 10_000, 1000, growth, unit="others", group="growth"),
    _read("growth_100000", "among others", 100_000, 5000, growth, unit="others", group="growth"),
    _read("growth_1000000", "among others", 1_000_000, 10_000, growth, unit="others",
        group="growth"),
    _read("tree_1111110", "all below, in a tree of six levels", 1_111_110, 11_110, descendants,
        group="growth", rounds=3),
    _read("stream", "one after the other", 1_000_000, 10_000, stream, group="growth", rounds=3),
]  # fmt: skip
