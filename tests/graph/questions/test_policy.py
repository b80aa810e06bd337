"""Policies: what breaks them is found with its way, tags are refused, and a command tells."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from artigraph_neo4j import (
    ArtifactModel,
    Policy,
    Span,
    add_tags,
    batch,
    check_policies,
    create_span_artifact,
    find_artifacts,
    read_annotations,
    read_span,
    read_span_artifacts,
    span_context,
    use,
)
from artigraph_neo4j.cli.app import app
from artigraph_neo4j.common.ids import new_id
from artigraph_neo4j.errors import BatchError, FilterError, NotFoundError, PolicyError
from artigraph_neo4j.graph.cypher.policy import broken
from artigraph_neo4j.graph.parameters import with_one_map
from artigraph_neo4j.questions import policy as module
from tests.graph import plans
from tests.graph.questions.graphs import ladder


@dataclass
class PolicyRaw(ArtifactModel, version=1):
    n: int


@dataclass
class PolicyModel(ArtifactModel, version=1):
    n: int


class PolicyAnonymize(Span):
    """A span that takes names away."""


@pytest.fixture(autouse=True)
def _none_registered() -> Iterator[None]:
    before = dict(module._registered)
    module._registered.clear()
    yield
    module._registered.clear()
    module._registered.update(before)


class Made:
    """A raw table, and models made from it: through a span that anonymizes, and directly."""

    def __init__(self) -> None:
        self.tag, self.pii = new_id(), new_id()
        self.raw = self.clean = self.direct = ""


@pytest.fixture
async def made() -> Made:
    found = Made()
    async with span_context(label="load"):
        found.raw = await create_span_artifact("current", label="raw", data=PolicyRaw(1))
    await add_tags(found.raw, found.pii)
    async with span_context(PolicyAnonymize(label="anonymize")):
        use(found.raw)
        safe = await create_span_artifact("current", label="safe", data=PolicyRaw(2))
    async with span_context(label="train"):
        use(safe)
        found.clean = await create_span_artifact("current", label="clean", data=PolicyModel(1))
    async with span_context(label="train directly"):
        use(safe, found.raw)
        found.direct = await create_span_artifact("current", label="direct", data=PolicyModel(2))
    return found


@pytest.mark.statements
async def test_a_forbidden_and_a_demanded_way(made: Made, statements: list[Any]) -> None:
    forbidden = Policy("no pii", start=made.tag, source=made.pii, through=[PolicyAnonymize])
    demanded = Policy("anonymized", start=made.tag, through=[PolicyAnonymize])
    assert await check_policies(forbidden, demanded) == []
    await add_tags(made.clean, made.tag)
    await add_tags(made.direct, made.tag)
    statements.clear()
    (found,) = await forbidden.check()
    assert [s.access for s in statements] == ["read"]
    assert (found.node_id, found.source) == (made.direct, made.raw)
    assert [s.label for s in found.way] == ["direct", "train directly", "raw"]
    assert str(found).endswith("direct ← train directly ← raw")
    assert "train directly" in found._repr_html_()
    assert [(e.source, e.target) for e in found.diagram().edges] == [
        (found.way[1].node_id, made.direct), (made.raw, found.way[1].node_id),
    ]  # fmt: skip
    assert await demanded.check() == []
    await add_tags(made.raw, made.tag)
    (missing,) = await demanded.check()
    assert (missing.node_id, missing.source, missing.way) == (made.raw, None, ())
    assert "did not pass" in str(missing)
    assert "did not pass" in missing._repr_html_()
    assert missing.to_mermaid().startswith("flowchart")

    by_model = Policy(
        "by model", start=find_artifacts(PolicyModel, lambda m: m.n == 2), source=PolicyRaw
    )
    assert made.direct in {v.node_id for v in await by_model.check()}
    with pytest.raises(FilterError, match="forbids nothing"):
        Policy("nothing", start="x")
    with pytest.raises(FilterError, match="from a tag or a model"):
        Policy("x", start=find_artifacts(PolicyModel), source="y", enforce="warn")


async def test_a_tag_is_refused_or_warned_of(made: Made) -> None:
    policy = Policy(
        "no pii", start=made.tag, source=made.pii, through=[PolicyAnonymize], enforce="refuse"
    ).register()
    await add_tags(made.clean, made.tag, "another")
    with pytest.raises(PolicyError, match=r"no pii.*train directly.*was not tagged"):
        await add_tags(made.direct, "another", made.tag)
    assert (await read_annotations(made.direct)).tags == frozenset()
    await add_tags(made.direct, "another")
    Policy(
        policy.name, start=made.tag, source=made.pii, through=[PolicyAnonymize], enforce="warn"
    ).register()
    with pytest.warns(UserWarning, match="no pii"):
        await add_tags(made.direct, made.tag)
    assert made.tag in (await read_annotations(made.direct)).tags


async def test_a_write_is_refused_or_warned_of(made: Made, statements: list[Any]) -> None:
    Policy(
        "no pii", start=PolicyModel, source=made.pii, through=[PolicyAnonymize], enforce="refuse"
    ).register()
    async with span_context(label="load"):
        await create_span_artifact("current", label="raw", data=PolicyRaw(1))
        statements.clear()
        await create_span_artifact("current", label="model", data=PolicyModel(1))  # used nothing
        assert [s.access for s in statements] == ["read", "write"]
    async with span_context(label="train") as train:
        use(made.clean)
        await create_span_artifact("current", label="good", data=PolicyModel(1))
        use(made.raw)
        await create_span_artifact("current", label="raw", data=PolicyRaw(1))
        with pytest.raises(
            PolicyError, match=r"no pii.*train ← raw; the PolicyModel was not recorded"
        ):
            await create_span_artifact("current", label="bad", data=PolicyModel(1))
        async with batch(), span_context(PolicyAnonymize(label="again")):
            use(made.raw)
            await create_span_artifact("current", label="good", data=PolicyModel(1))
    with pytest.raises(PolicyError, match="train ← raw"):  # the end of the span recorded its uses
        await create_span_artifact(train, label="bad", data=PolicyModel(1))
    assert set(await read_span_artifacts(train)) == {"good", "raw"}

    Policy("no pii", start=PolicyModel, through=[PolicyAnonymize], enforce="warn").register()
    async with span_context(label="from nothing"):
        with pytest.warns(UserWarning, match="no pii.*did not pass"):
            await create_span_artifact("current", label="bad", data=PolicyModel(1))
    async with span_context(label="clean"):
        use(made.clean)
        await create_span_artifact("current", label="good", data=PolicyModel(1))
    assert await Policy("all", start=PolicyModel, source=made.pii).check()


async def test_an_atomic_batch_is_refused_as_a_whole(made: Made, statements: list[Any]) -> None:
    Policy(
        "no pii", start=PolicyModel, source=made.pii, through=[PolicyAnonymize], enforce="refuse"
    ).register()
    lost: list[Span] = []
    async with span_context(label="outer") as outer:
        with pytest.raises(BatchError, match=r"nothing was recorded.*no pii.*fit ← raw") as caught:
            async with batch(atomic=True):
                async with span_context(label="load") as load:
                    lost.append(load)
                    table = PolicyRaw(3)
                    await create_span_artifact("current", label="raw", data=table)
                async with span_context(label="fit") as fit:
                    lost.append(fit)
                    use(table)
                    await create_span_artifact("current", label="model", data=PolicyModel(1))
                    use(made.raw)  # after recording: only the end of the batch can know
        assert isinstance(caught.value.__cause__, PolicyError)
        assert len(caught.value.lost) == 4
        assert len(lost) == 2
        for span in lost:
            with pytest.raises(NotFoundError):
                await read_span(span.node_id)

        async with batch(atomic=True):  # what is allowed is recorded, in one transaction
            statements.clear()
            async with span_context(PolicyAnonymize(label="anonymize")) as through:
                use(made.raw)
                await create_span_artifact("current", label="model", data=PolicyModel(1))
            async with span_context(label="no model"):
                use(made.raw)
        assert [s.access for s in statements] == ["read", "write"]
        assert set(await read_span_artifacts(through)) == {"model"}

        use(made.raw)  # waits for the end of a span that is outside of the batch
        with pytest.raises(BatchError, match=r"outer ← raw"):
            async with batch(atomic=True):
                await create_span_artifact("current", label="model", data=PolicyModel(1))
        assert await read_span_artifacts(outer) == {}

    Policy("no pii", start=PolicyModel, through=[PolicyAnonymize], enforce="warn").register()
    with pytest.warns(UserWarning, match="did not pass"):
        async with batch(atomic=True), span_context(label="from nothing") as warned:
            await create_span_artifact("current", label="model", data=PolicyModel(1))
    assert set(await read_span_artifacts(warned)) == {"model"}


@pytest.mark.statements
async def test_a_tag_sees_what_open_spans_used(made: Made) -> None:
    Policy("no pii", start=made.tag, source=made.pii, enforce="refuse").register()
    async with span_context(label="outer"):
        use(made.raw)
        made_before = await create_span_artifact("current", label="table", data=PolicyRaw(1))
        async with span_context(label="train"):
            use(made_before)
            model = await create_span_artifact("current", label="model", data=PolicyModel(1))
            with pytest.raises(PolicyError, match=r"model ← train ← table ← outer ← raw"):
                await add_tags(model, made.tag)
    assert (await read_annotations(model)).tags == frozenset()


async def test_the_command(
    made: Made, tmp_path: Path, graph_service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in graph_service.environment.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "policies.py"
    file.write_text(
        "from artigraph_neo4j import Policy\n"
        f"Policy('no pii', start={made.tag!r}, source={made.pii!r}).register()\n"
    )

    async def check(*words: str, code: int) -> str:
        result = await asyncio.to_thread(CliRunner().invoke, app, ["check", str(file), *words])
        assert result.exit_code == code, result.output
        return result.output

    assert "no pii: kept" in await check(code=0)
    await add_tags(made.direct, made.tag)
    text = await check(code=1)
    assert "no pii: 1 artifacts break it" in text
    assert "train directly" in text
    told = json.loads(await check("--json", code=1))
    assert [v["node_id"] for v in told["violations"]] == [made.direct]
    module._registered.clear()
    file.write_text("")
    result = await asyncio.to_thread(CliRunner().invoke, app, ["check", str(file)])
    assert result.exit_code == 1
    assert "registers no policy" in result.output


async def test_hits_grow_with_what_is_above(engine: Any, session: Any) -> None:
    p = await ladder(engine, 1000, 2)
    text = broken(ids=True, source="f:PolicyRaw", through="n:PolicyAnonymize", inside="false")
    result = await session.run(*with_one_map("PROFILE " + text, {"ids": [f"{p}a999-0"]}))
    profile = (await result.consume()).profile
    assert "VarLengthExpand(Pruning,BFS,All)" in plans.walks(profile, "USED")
    assert 0 < plans.hits(profile) < 200 + 9 * 4000
