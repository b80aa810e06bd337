"""``artigraph impact``, ``why``, ``recipe``, ``diff``, ``contrast``, ``stale`` and ``cache``."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner

from artigraph_neo4j import (
    ArtifactModel,
    add_tags,
    cached,
    create_span_artifact,
    revise_artifact,
    span_context,
    use,
)
from artigraph_neo4j.cli.app import app
from artigraph_neo4j.common.ids import new_id


@dataclass
class AskedItem(ArtifactModel, version=1):
    n: int


@pytest.fixture
def command(graph_service: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("COLUMNS", "200")
    for name, value in graph_service.environment.items():
        monkeypatch.setenv(name, value)

    async def run(*words: str, code: int = 0) -> str:
        result = await asyncio.to_thread(CliRunner().invoke, app, words)
        assert result.exit_code == code, result.output
        return result.output

    return run


class Asked:
    """A table, a model made from it by either of two runs, and a newer table."""

    raw: str
    models: list[str]
    runs: list[str]
    newer: str


@pytest.fixture
async def asked() -> Asked:
    made = Asked()
    async with span_context(label="load"):
        made.raw = await create_span_artifact("current", label="raw", data=AskedItem(1))
    made.models, made.runs = [], []
    for n in (2, 3):
        async with span_context(label="train [red]") as run:
            use(made.raw)
            made.models.append(
                await create_span_artifact("current", label="model", data=AskedItem(n))
            )
        made.runs.append(run.node_id)
    return made


async def test_contrast_of_spans_below_one(asked: Asked, command: Any) -> None:
    async with span_context(label="nights") as nights:
        for i in range(14):
            try:
                async with span_context(label="night"):
                    if i % 2:
                        use(asked.raw)
                        raise ValueError("bad")
            except ValueError:
                pass
    words = ("contrast", "--label", "night", "--under", nights.node_id)
    told = json.loads(await command(*words, "--json"))
    assert (told["failed"], told["good"]) == (7, 7)
    assert told["suspects"][0]["key"] == asked.raw
    await command("contrast", "--under", nights.node_id, "--failed", "x", "--good", "y", code=2)


async def test_cache(command: Any) -> None:
    @cached(version=new_id())
    async def twice(n: int) -> AskedItem:
        return AskedItem(2 * n)

    for n in (1, 2, 1):
        await twice(n)
    name = f"{twice.__module__}.{twice.__qualname__}"
    text = await command("cache", name, "-n", "3")
    assert f"{name}  2 ran, 1 from the cache" in text
    assert "ran: other n" in text
    assert "results of" in text
    assert name in await command("cache")
    told = json.loads(await command("cache", name, "-n", "3", "--json"))
    assert [(f["function"], f["ran"], f["hits"]) for f in told["functions"]] == [(name, 2, 1)]
    assert [call["differs"] for call in told["calls"]] == [[], ["n"], []]
    assert told["calls"][0]["cached_from"] == told["calls"][2]["node_id"]
    assert "no calls of nobody.knows are in the cache" in await command("cache", "nobody.knows")


async def test_impact(asked: Asked, command: Any) -> None:
    tag = new_id()
    await add_tags(asked.models[1], tag)
    text = await command("impact", asked.raw, "--tag", tag, "--steps", "5")
    assert "2 spans and 2 artifacts derive from 1 artifacts" in text
    assert "train [red]" in text
    assert f"tagged {tag}: {asked.models[1]}" in text
    told = json.loads(await command("impact", asked.raw, "--tag", tag, "--steps", "5", "--json"))
    assert told["by_depth"] == [
        {"distance": 1, "spans": 2, "artifacts": 0}, {"distance": 2, "spans": 0, "artifacts": 2}
    ]  # fmt: skip
    assert told["by_model"] == {"AskedItem": 2}
    assert told["tagged"] == [asked.models[1]]
    assert {run["node_id"] for run in told["runs"]} == set(asked.runs)
    assert len(told["steps"]) == 4
    assert "'nope'" in await command("impact", "nope", code=1)


async def test_why(asked: Asked, command: Any) -> None:
    text = await command("why", asked.models[0], asked.raw)
    assert [line.split()[0] for line in text.splitlines()] == ["◆", "made", "used"]
    assert "did not come from" in await command("why", asked.raw, asked.models[0], code=1)
    told = json.loads(await command("why", asked.models[0], asked.raw, "--all", "--json"))
    assert [s["label"] for s in told["steps"]] == ["model", "train [red]", "raw"]
    assert len(told["links"]) == 2


async def test_recipe(asked: Asked, command: Any) -> None:
    text = await command("recipe", asked.models[0])
    assert "load" in text
    assert text.index("load") < text.index("train [red]")
    told = json.loads(await command("recipe", asked.models[0], "--json"))
    assert [s["makes"] for s in told["steps"]] == [[asked.raw], [asked.models[0]]]


async def test_diff(asked: Asked, command: Any) -> None:
    text = await command("diff", *asked.runs, code=1)
    assert "parted at the run itself: nondeterminism" in text
    assert "model.n" in text
    assert "equal" in await command("diff", asked.runs[0], asked.runs[0])
    told = json.loads(await command("diff", *asked.runs, "--json", code=1))
    (found,) = told["differences"]
    assert (found["kind"], found["first"], found["second"]) == ("output", 2, 3)


async def test_stale(asked: Asked, command: Any) -> None:
    assert "fresh" in await command("stale", asked.models[0])
    newer = await revise_artifact(asked.raw, AskedItem(9))
    text = await command("stale", asked.models[0], "--plan", code=1)
    assert "DATA" in text
    assert "model ← train [red] ← raw" in text
    assert f"with {newer} in place of {asked.raw}" in text
    told: Any = json.loads(await command("stale", asked.models[0], "--plan", "--json", code=1))
    assert told["artifacts"][0]["causes"][0]["newest"] == newer
    assert [s["node_id"] for s in told["plans"][0]["spans"]] == [asked.runs[0]]


async def test_contrast(asked: Asked, command: Any) -> None:
    label = new_id()
    for i in range(14):
        try:
            async with span_context(label=label):
                if i % 2:
                    use(asked.raw)
                    raise ValueError("bad")
        except ValueError:
            pass
    text = await command("contrast", "--label", label)
    assert "1 suspect in" in text
    assert asked.raw in text
    assert "██████████ 7 of 7" in text
    assert " 0 of 7" in text
    told = json.loads(await command("contrast", "--label", label, "--json"))
    assert told["suspects"][0]["key"] == asked.raw
    assert "no" in await command("contrast", "--label", "nobody has this", code=1)
    await command("contrast", code=2)
    await command("contrast", "--label", label, "--by", "colour", code=2)
