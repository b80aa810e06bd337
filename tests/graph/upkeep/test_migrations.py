"""Migrations: by the stored version, each nested model by its own, in steps if the user likes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from artigraph_neo4j import ArtifactModel, artifact_info, migration
from artigraph_neo4j.errors import MigrationError
from artigraph_neo4j.graph.attempts import Statement


def point(version: int) -> Any:
    """One model as three releases of a program define it."""
    if version == 1:

        @dataclass
        class MigratedPoint(ArtifactModel, version=1):
            x: int

        return MigratedPoint
    if version == 2:

        @dataclass
        class MigratedPoint(ArtifactModel, version=2):  # type: ignore[no-redef]
            easting: int

        return MigratedPoint

    @dataclass
    class MigratedPoint(ArtifactModel, version=3):  # type: ignore[no-redef]
        metres: int
        source: str = "?"

        @migration(1)
        def rename(data: dict[str, Any]) -> dict[str, Any]:
            return {"easting": data["x"]}

        @migration(2)
        @staticmethod
        def convert(data: dict[str, Any]) -> dict[str, Any]:
            return {"metres": 1000 * data["easting"], "source": "km"}

    return MigratedPoint


async def test_a_chain_of_steps_leads_from_any_version() -> None:
    first = await point(1)(1).create()
    second = await point(2)(2).create()
    latest = point(3)
    third = await latest(3).create()
    assert await latest.read(first) == latest(1000, "km")
    assert await latest.read(second) == latest(2000, "km")
    assert await latest.read(third) == latest(3)


async def test_reading_never_writes_and_tells_the_stored_version(
    query: Any, statements: list[Statement]
) -> None:
    node_id = await point(1)(1).create()
    before = await query("MATCH (n {node_id: $id}) RETURN properties(n)", id=node_id)
    statements.clear()
    info = artifact_info(await point(3).read(node_id))
    assert info is not None
    assert info.model_version == 1
    assert [s.access for s in statements] == ["read"]
    assert await query("MATCH (n {node_id: $id}) RETURN properties(n)", id=node_id) == before


async def test_each_nested_model_is_judged_by_its_own_version() -> None:
    calls: list[tuple[str, int]] = []

    def inner(version: int) -> Any:
        @dataclass
        class JudgedInner(ArtifactModel, version=version):
            x: int

            @classmethod
            def migrate(cls, version: int, data: dict[str, Any]) -> Any:
                calls.append(("inner", version))
                return cls(**data)

        return JudgedInner

    def outer(version: int) -> Any:
        @dataclass
        class JudgedOuter(ArtifactModel, version=version):
            first: Any
            second: Any = None

            @classmethod
            def migrate(cls, version: int, data: dict[str, Any]) -> Any:
                calls.append(("outer", version))
                return cls(**data)

        return JudgedOuter

    inner_1, outer_1, outer_4 = inner(1), outer(1), outer(4)
    old_outer = await outer_1(inner_1(1)).create()
    current_outer = await outer_4(inner_1(1)).create()
    inner_3 = inner(3)
    both = await outer_4(inner_3(1), inner_3(2)).create()

    assert (await outer_4.read(old_outer)).first == inner_3(1)
    assert calls == [("inner", 1), ("outer", 1)]
    calls.clear()
    assert (await outer_4.read(current_outer)).first == inner_3(1)
    assert calls == [("inner", 1)]
    calls.clear()
    await outer_4.read(both)
    assert calls == []


async def test_data_of_newer_code_is_an_error_that_says_so() -> None:
    old = point(1)
    node_id = await point(2)(1).create()
    with pytest.raises(MigrationError, match="has version 2, and .* is version 1.*upgrade"):
        await old.read(node_id)


async def test_a_missing_step_and_wrong_results_are_named() -> None:
    node_id = await point(1)(1).create()

    @dataclass
    class MigratedPoint(ArtifactModel, version=3):
        metres: int

        @migration(2)
        def convert(data: dict[str, Any]) -> dict[str, Any]:
            return data

    with pytest.raises(MigrationError, match=r"no step from version 1.*@migration\(1\)"):
        await MigratedPoint.read(node_id)

    @dataclass
    class MigratedPoint(ArtifactModel, version=2):  # type: ignore[no-redef]
        metres: int

        @classmethod
        def migrate(cls, version: int, data: dict[str, Any]) -> Any:
            return data

    with pytest.raises(MigrationError, match="returned a dict"):
        await MigratedPoint.read(node_id)
    with pytest.raises(MigrationError, match="later one"):
        migration(2, to_version=2)


async def test_fields_that_changed_without_a_new_version_are_named() -> None:
    node_id = await point(1)(1).create()

    @dataclass
    class MigratedPoint(ArtifactModel, version=1):
        y: int

    with pytest.raises(MigrationError, match=r"\['x'\].*\['y'\].*new version"):
        await MigratedPoint.read(node_id)


async def test_added_fields_with_defaults_need_no_migration() -> None:
    node_id = await point(1)(1).create()

    @dataclass
    class MigratedPoint(ArtifactModel, version=2):
        x: int
        y: int = 5

    assert await MigratedPoint.read(node_id) == MigratedPoint(1, 5)
