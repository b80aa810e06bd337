"""neomodel's own way: ``save()`` for each node, ``connect()`` for each relationship, and reading
through its resolver. Its nodes have labels of their own, and the same properties."""

from __future__ import annotations

from datetime import UTC, datetime

from neomodel import (
    AsyncRelationshipTo,
    AsyncStructuredNode,
    DateTimeNeo4jFormatProperty,
    FloatProperty,
    IntegerProperty,
    StringProperty,
    adb,
)

from artigraph_neo4j import bind_neomodel
from artigraph_neo4j.common.ids import new_id
from tests.benchmarks import trees
from tests.benchmarks.harness import Bench, timed
from tests.benchmarks.models import BenchPair

ITEMS = 500
"""It takes milliseconds for each, so it gets fewer; ratios go by item."""

RULE = "CREATE CONSTRAINT bench_neo_id IF NOT EXISTS FOR (n:BenchNeo) REQUIRE n.node_id IS UNIQUE"


class BenchNeo(AsyncStructuredNode):
    node_id = StringProperty(unique_index=True, default=new_id)


class BenchNeoArtifact(BenchNeo):
    artifact_label = StringProperty()
    label_ = StringProperty()
    model = StringProperty()
    model_version = IntegerProperty()
    recorded_at = DateTimeNeo4jFormatProperty()
    codec = StringProperty()
    step = IntegerProperty()
    loss = FloatProperty()


class BenchNeoSpan(BenchNeo):
    label = StringProperty()
    label_ = StringProperty()
    status = StringProperty()
    opened_at = DateTimeNeo4jFormatProperty()
    closed_at = DateTimeNeo4jFormatProperty()
    duration_ = FloatProperty()
    root_id = StringProperty()
    depth = IntegerProperty()

    children = AsyncRelationshipTo("BenchNeoSpan", "BENCH_PARENT_OF")
    artifacts = AsyncRelationshipTo("BenchNeoArtifact", "BENCH_HAS_ARTIFACT")


async def bind(bench: Bench) -> None:
    """Connect neomodel, once."""

    async def make() -> bool:
        binding = bind_neomodel()
        await binding
        bench.at_end.append(binding.aclose)
        await bench.cypher(RULE)
        return True

    await bench.once("neomodel", make)


async def new_span() -> BenchNeoSpan:
    now = datetime.now(UTC)
    span = BenchNeoSpan(
        label="work", label_="work", status="OK", opened_at=now, closed_at=now, duration_=0.0,
        root_id="", depth=1,
    )  # fmt: skip
    return await span.save()


async def add_artifact(span: BenchNeoSpan, label: str, pair: BenchPair) -> None:
    artifact = BenchNeoArtifact(
        artifact_label=label, label_=label, model="BenchPair", model_version=1, codec="{}",
        recorded_at=datetime.now(UTC), step=pair.step, loss=pair.loss,
    )  # fmt: skip
    await artifact.save()
    await span.artifacts.connect(artifact)


async def write_artifacts(pairs: dict[str, BenchPair]) -> float:
    """Seconds for one span's artifacts."""
    span = await new_span()

    async def work() -> None:
        for label, pair in pairs.items():
            await add_artifact(span, label, pair)

    return (await timed(work()))[0]


async def write_spans(count: int, pair: BenchPair | None = None) -> float:
    """Seconds for spans below another, each with an artifact if there is one."""
    parent = await new_span()

    async def work() -> None:
        for _ in range(count):
            span = await new_span()
            await parent.children.connect(span)
            if pair is not None:
                await add_artifact(span, "pair", pair)
            span.status = "OK"
            span.closed_at = datetime.now(UTC)
            await span.save()

    return (await timed(work()))[0]


async def read_artifacts(pairs: dict[str, BenchPair]) -> float:
    span = await new_span()
    for label, pair in pairs.items():
        await add_artifact(span, label, pair)
    seconds, found = await timed(span.artifacts.all())
    assert len(found) == len(pairs)
    return seconds


async def tree(bench: Bench, below: int, fan: int) -> str:
    return await bench.once(
        ("neo tree", below, fan),
        lambda: trees.grow(
            bench, below, fan, "BenchNeo:BenchNeoSpan", "BenchNeo", "BENCH_PARENT_OF"
        ),
    )


async def walk(root: str, below: int, *, up: bool = False) -> float:
    """All nodes below, or above: a pattern of any length, resolved to objects by neomodel."""
    one, other = ("<", "") if up else ("", ">")
    text = (
        f"MATCH (s:BenchNeo {{node_id: $root}}){one}-[:BENCH_PARENT_OF*1..]-{other}(d) "
        "RETURN DISTINCT d"
    )
    seconds, (rows, _) = await timed(adb.cypher_query(text, {"root": root}, resolve_objects=True))
    assert len(rows) == below
    assert isinstance(rows[0][0], BenchNeoSpan)
    return seconds
