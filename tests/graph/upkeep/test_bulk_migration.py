"""Stored artifacts rewritten as today's classes: what stays, what goes, what is reported."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artigraph_neo4j import (
    ArtifactModel,
    Engine,
    Lazy,
    artifact_field,
    artifact_info,
    create_span_artifact,
    engine_context,
    get_engine,
    lazy_field,
    migrate_artifacts,
    migration,
    migration_backlog,
    read_span_artifact,
    span_context,
)
from artigraph_neo4j.errors import IntegrityError, MigrationError, NotFoundError
from artigraph_neo4j.graph.attempts import Statement
from artigraph_neo4j.graph.cypher import migrate
from artigraph_neo4j.graph.parameters import with_one_map
from artigraph_neo4j.storage.file import FileSystemStorage
from artigraph_neo4j.storage.memory import MemoryStorage
from artigraph_neo4j.testing import difference
from tests.examples import few
from tests.graph.plans import operators, steps

NODE = """
MATCH (a:ArtigraphNode {node_id: $id})
RETURN [l IN labels(a) WHERE NOT l IN ['ArtigraphIndexed', 'ArtigraphUnindexed']],
  properties(a), elementId(a),
  [(a)-[f:HAS_FIELD]->(x) | [f.path, x.node_id]],
  [(a)-[k:STORED_IN]->(b) | [k.field, b.blob_id, b.location]]
"""


def flat(version: int) -> Any:
    if version == 1:

        @dataclass
        class BulkFlat(ArtifactModel, version=1):
            x: int
            gone: str = "old"
            same: str = "same"

        return BulkFlat

    @dataclass
    class BulkFlat(ArtifactModel, version=3):  # type: ignore[no-redef]
        y: float
        same: str

        @migration(1)
        def halve(data: dict[str, Any]) -> dict[str, Any]:
            if data["x"] < 0:
                raise ValueError("negative")
            return {"y": data["x"] / 2, "same": data["same"]}

        @migration(2)
        def nothing(data: dict[str, Any]) -> dict[str, Any]:
            return data

    return BulkFlat


async def rows_of(name: str) -> dict[int, Any]:
    return {row.version: row for row in await migration_backlog() if row.model == name}


async def test_a_flat_artifact_is_rewritten_in_place(query: Any) -> None:
    async with span_context() as span:
        node_id = await create_span_artifact("current", label="a", data=flat(1)(5))
    before = (await query(NODE, id=node_id))[0]
    latest = flat(3)
    row = (await rows_of("BulkFlat"))[1]
    assert (row.artifacts, row.status, row.detail) == (1, "can migrate", "to version 3")
    read = await latest.read(node_id)
    report = await migrate_artifacts(latest)
    assert (report.migrated, report.failed, report.elsewhere, report.blocked) == (1, 0, 0, [])
    after = (await query(NODE, id=node_id))[0]
    assert await latest.read(node_id) == read == latest(2.5, "same")
    assert artifact_info(await latest.read(node_id)).model_version == 3  # type: ignore[union-attr]
    assert after[2] == before[2]
    codec = (
        f'{{"class":"{latest.__module__}:{latest.__qualname__}",'
        '"fields":{"y":"float","same":"str"}}'
    )
    expected = before[1] | {"y": 2.5, "model_version": 3, "codec": codec}
    assert after[1] == {k: v for k, v in expected.items() if k not in ("x", "gone")}
    assert await read_span_artifact(span.node_id, label="a") == latest(2.5, "same")
    assert (await rows_of("BulkFlat"))[3].status == "current"
    assert 1 not in await rows_of("BulkFlat")


async def test_failures_are_reported_and_the_rest_goes_on() -> None:
    old = flat(1)
    ids = [await old(x).create() for x in (2, -1, 4, -3, 6)]
    latest = flat(3)
    report = await migrate_artifacts(latest, batch=2, dry_run=True)
    assert (report.migrated, report.failed, report.dry_run) == (3, 2, True)
    assert (await rows_of("BulkFlat"))[1].artifacts == 5
    report = await migrate_artifacts(latest, batch=2)
    assert (report.migrated, report.failed) == (3, 2)
    assert [f.node_id for f in report.failures] == [ids[1], ids[3]]
    failure = report.failures[0]
    assert (failure.model, failure.version) == ("BulkFlat", 1)
    assert isinstance(failure.error, MigrationError)
    assert "negative" in str(failure.error)
    assert (await rows_of("BulkFlat"))[1].artifacts == 2
    assert await old.read(ids[1]) == old(-1)
    again = await migrate_artifacts(latest)
    assert (again.migrated, again.failed) == (0, 2)
    await forget(*ids)


async def forget(*ids: str) -> None:
    await get_engine().write(
        "UNWIND $ids AS id MATCH (a:ArtigraphNode {node_id: id}) DETACH DELETE a", {"ids": ids}
    )


async def test_what_it_costs_and_how_it_tells_progress(statements: list[Statement]) -> None:
    old = flat(1)
    async with span_context() as span:
        for i in range(25):
            await create_span_artifact("current", label=str(i), data=old(i))
    latest = flat(3)
    seen: list[Any] = []
    statements.clear()
    report = await migrate_artifacts(latest, batch=10, progress=seen.append)
    assert report.migrated == 25
    # The backlog; a page, its artifacts, seals and the change for each batch; an empty page, and
    # the last seals.
    assert len(statements) == 1 + 3 * 4 + 2
    assert [(p.done, p.total) for p in seen] == [(10, 25), (20, 25), (25, 25)]
    statements.clear()
    assert (await migrate_artifacts(latest)).migrated == 0
    assert len(statements) == 1
    assert await read_span_artifact(span.node_id, label="24") == latest(12.0, "same")


async def test_nested_models_each_by_their_own_version(query: Any) -> None:
    def leaf(version: int) -> Any:
        @dataclass
        class BulkLeaf(ArtifactModel, version=version):
            v: int

            @classmethod
            def migrate(cls, version: int, data: dict[str, Any]) -> Any:
                return cls(data["v"] * 10)

        return BulkLeaf

    def tree(version: int) -> Any:
        @dataclass
        class BulkTree(ArtifactModel, version=version):
            one: Any
            many: Any

        return BulkTree

    leaf_1 = leaf(1)
    old_id = await tree(1)(leaf_1(1), [leaf_1(2), {"k": leaf_1(3)}]).create()
    current_id = await tree(2)(leaf_1(4), [leaf_1(5)]).create()
    tree_2, leaf_2 = tree(2), leaf(2)
    before = (await query(NODE, id=old_id))[0]
    report = await migrate_artifacts(tree_2)
    assert report.migrated == 4
    assert (await rows_of("BulkLeaf"))[1].artifacts == 2
    assert (await migrate_artifacts(leaf_2)).migrated == 2
    assert await tree_2.read(old_id) == tree_2(leaf_2(10), [leaf_2(20), {"k": leaf_2(30)}])
    assert await tree_2.read(current_id) == tree_2(leaf_2(40), [leaf_2(50)])
    after = (await query(NODE, id=old_id))[0]
    assert sorted(after[3]) == sorted(before[3])


async def test_steps_that_replace_change_move_and_drop_nested_models(query: Any) -> None:
    @dataclass
    class BulkPart(ArtifactModel, version=1):
        n: int

    @dataclass
    class BulkBox(ArtifactModel, version=1):
        part: Any

    @dataclass
    class BulkWhole(ArtifactModel, version=1):
        kept: Any
        changed: Any
        moved: Any
        dropped: Any
        linked: Any

    parts = [BulkPart(1), BulkPart(2), BulkPart(3), BulkBox(BulkPart(4)), BulkBox(BulkPart(5))]
    async with span_context() as span:
        node_id = await create_span_artifact("current", label="a", data=BulkWhole(*parts))
    ids = dict((await query(NODE, id=node_id))[0][3])
    inner = {p: (await query(NODE, id=ids[p]))[0][3][0][1] for p in ("dropped", "linked")}
    await get_engine().write(
        "MATCH (s:ArtigraphNode {node_id: $span}), (a:ArtigraphNode {node_id: $id}) "
        "MERGE (s)-[:HAS_ARTIFACT]->(a)",
        {"span": span.node_id, "id": inner["linked"]},
    )

    @dataclass
    class BulkWhole(ArtifactModel, version=2):  # type: ignore[no-redef]
        renamed: Any
        changed: Any
        box: Any
        added: Any

        @migration(1)
        def step(data: dict[str, Any]) -> dict[str, Any]:
            data["changed"].n += 100
            return {
                "renamed": data["kept"],
                "changed": data["changed"],
                "box": BulkBox(data["moved"]),
                "added": [BulkPart(6)],
            }

    read = await BulkWhole.read(node_id)
    assert (await migrate_artifacts(BulkWhole)).migrated == 1
    assert await BulkWhole.read(node_id) == read
    after = dict((await query(NODE, id=node_id))[0][3])
    assert after["renamed"] == ids["kept"]
    assert after["changed"] != ids["changed"]
    assert (await query(NODE, id=after["box"]))[0][3] == [["part", ids["moved"]]]
    assert await query(NODE, id=ids["changed"]) == []
    assert await query(NODE, id=ids["dropped"]) == []
    assert await query(NODE, id=inner["dropped"]) == []
    assert await BulkBox.read(ids["linked"]) == BulkBox(BulkPart(5))
    assert (
        await query("MATCH (a {node_id: $id})<-[:HAS_FIELD]-(b) RETURN b", id=ids["linked"]) == []
    )
    assert (await migrate_artifacts(BulkWhole)).migrated == 0


async def test_values_in_storages_stay_where_they_did_not_change(
    engine: Engine, query: Any, session_engine: Engine
) -> None:
    storage, other = MemoryStorage("bulk"), MemoryStorage("bulk-other")

    @dataclass
    class BulkBlobs(ArtifactModel, version=1):
        same: Any = artifact_field(storage=storage)
        renamed: Any = artifact_field(storage=storage)
        changed: Any = artifact_field(storage=storage)
        moved: Any = artifact_field(storage=storage)
        dropped: Any = artifact_field(storage=storage)

    old = BulkBlobs(np.arange(5), "renamed", [1, 2], "moved", "dropped")
    node_id = await old.create()
    before = {row[0]: row[1:] for row in (await query(NODE, id=node_id))[0][4]}
    written = dict(storage.blobs)

    @dataclass
    class BulkBlobs(ArtifactModel, version=2):  # type: ignore[no-redef]
        same: Any = artifact_field(storage=storage)
        new_name: Any = artifact_field(storage=storage)
        changed: Any = artifact_field(storage=storage)
        moved: Any = artifact_field(storage=other)

        @migration(1)
        def step(data: dict[str, Any]) -> dict[str, Any]:
            del data["dropped"]
            return data | {"new_name": data.pop("renamed"), "changed": data["changed"] + [3]}

    report = await migrate_artifacts(BulkBlobs)
    assert (report.migrated, report.failures) == (1, [])
    after = {row[0]: row[1:] for row in (await query(NODE, id=node_id))[0][4]}
    assert set(after) == {"same", "new_name", "changed", "moved"}
    assert after["same"] == before["same"]
    assert after["new_name"][1] == before["renamed"][1]
    assert after["changed"][1] != before["changed"][1]
    assert len(storage.blobs) == len(written) + 1
    assert len(other.blobs) == 2  # with the marker of the graph
    assert storage.blobs.items() >= written.items()
    for name in ("renamed", "changed", "moved", "dropped"):
        gone = await query("MATCH (b:Blob {blob_id: $id}) RETURN b", id=before[name][0])
        assert gone == []
    found = await BulkBlobs.read(node_id)
    assert found.same.tolist() == [0, 1, 2, 3, 4]
    assert (found.new_name, found.changed, found.moved) == ("renamed", [1, 2, 3], "moved")


async def test_renamed_models_get_their_new_name_and_labels(query: Any) -> None:
    @dataclass
    class BulkBase(ArtifactModel, version=1):
        a: int

    @dataclass
    class BulkOldName(BulkBase, version=1):
        b: int

    node_id = await BulkOldName(1, 2).create("x")
    await get_engine().write(
        "MATCH (a:ArtigraphNode {node_id: $id}) SET a:SomeoneElses", {"id": node_id}
    )
    del BulkOldName

    @dataclass
    class BulkNewName(ArtifactModel, version=1, aliases=["BulkOldName"]):
        a: int
        b: int

    gc.collect()
    row = (await rows_of("BulkOldName"))[1]
    assert (row.status, row.detail) == ("can migrate", "to name 'BulkNewName'")
    assert (await migrate_artifacts(BulkNewName)).migrated == 1
    labels, properties, *_ = (await query(NODE, id=node_id))[0]
    assert set(labels) == {"ArtigraphNode", "Artifact", "BulkNewName", "SomeoneElses"}
    assert (properties["model"], properties["model_version"]) == ("BulkNewName", 1)
    assert await BulkNewName.read(node_id) == BulkNewName(1, 2)
    assert await rows_of("BulkOldName") == {}


async def test_who_reads_half_of_a_change_reads_again(engine: Engine) -> None:
    """The state that a reader may meet, made by hand: a seal, and a value that does not fit it."""
    latest = flat(3)
    node_id = await latest(1.0, "whole").create()
    await set_properties(node_id, {"seal_": "of something else"})

    async def repair() -> None:
        await asyncio.sleep(0.05)
        await set_properties(node_id, {"seal_": None, "same": "new"})

    found, _ = await asyncio.gather(latest.read(node_id), repair())
    assert found == latest(1.0, "new")


async def test_a_seal_that_never_fits_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artigraph_neo4j.recording.objects.TORN_PAUSES", (0.0, 0.01))
    old = flat(1)
    node_id = await old(1).create()
    await set_properties(node_id, {"seal_": "of something else"})
    with pytest.raises(IntegrityError, match=f"{node_id}.*seal"):
        await old.read(node_id)
    report = await migrate_artifacts(flat(3))
    assert [f.node_id for f in report.failures] == [node_id]
    assert isinstance(report.failures[0].error, IntegrityError)
    await forget(node_id)


async def set_properties(node_id: str, values: dict[str, Any]) -> None:
    await get_engine().write(
        "MATCH (a:ArtigraphNode {node_id: $id}) SET a += $values",
        {"id": node_id, "values": values},
    )


@pytest.mark.statements
async def test_an_artifact_deleted_while_it_is_read_again_is_not_found() -> None:
    latest = flat(3)
    node_id = await latest(1.0, "x").create()
    await set_properties(node_id, {"seal_": "?"})

    async def delete() -> None:
        await asyncio.sleep(0.05)
        await forget(node_id)

    results = await asyncio.gather(latest.read(node_id), delete(), return_exceptions=True)
    assert isinstance(results[0], NotFoundError)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.just(ZoneInfo("Europe/Paris"))),
    st.timedeltas(),
    st.lists(st.integers()),
    st.lists(st.text()),
    st.dictionaries(st.text(), st.integers() | st.text()),
    st.tuples(st.integers(), st.text()),
)
NAMES = ["a", "b", "codec", "seal_", "model", "x_"]


@settings(max_examples=few(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES)),
    after=st.fixed_dictionaries({}, optional=dict.fromkeys([*NAMES, "new"], VALUES)),
    kept=st.lists(st.sampled_from(NAMES), unique=True),
    nested=st.lists(st.sampled_from(["keep", "change", "drop", "wrap", "twice", "add"])),
)
async def test_what_is_read_after_is_what_was_read_before(
    before: dict[str, Any], after: dict[str, Any], kept: list[str], nested: list[str]
) -> None:
    @dataclass
    class BulkInner(ArtifactModel, version=1):
        v: Any

    fields: Any = [(name, Any) for name in [*NAMES, "parts"]]
    first = make_model("BulkAny", fields, 1)
    with engine_context(get_engine()) as engine:
        node_id = await first(**before, parts=[BulkInner(i) for i in range(len(nested))]).create()

        def step(data: dict[str, Any]) -> dict[str, Any]:
            parts: list[Any] = []
            for part, what in zip(data["parts"], nested, strict=True):
                if what == "change":
                    part.v = [part.v]
                parts += {
                    "keep": [part], "change": [part], "drop": [], "wrap": [BulkInner((part,))],
                    "twice": [part, part], "add": [BulkInner("new"), part],
                }[what]  # fmt: skip
            return {name: data[name] for name in kept} | after | {"parts": parts}

        names = [*dict.fromkeys([*kept, *after])]
        second = make_model("BulkAny", [(name, Any) for name in [*names, "parts"]], 2, step)
        read = await second.read(node_id)
        report = await migrate_artifacts(second)
        assert (report.migrated, report.failures) == (1, [])
        again = await second.read(node_id)
        assert difference(plain(again), plain(read)) is None
        assert artifact_info(again).model_version == 2  # type: ignore[union-attr]
        rows = await engine.read(
            "MATCH (a:ArtigraphNode {node_id: $id})-[:HAS_FIELD*0..]->(x) "
            "RETURN count(x), count(x.seal_)",
            {"id": node_id},
        )
        # "seal_" the field is the property "seal__".
        assert rows == [[count_models(again), 0]]
    await forget(node_id)


def make_model(name: str, fields: Any, version: int, step: Any = None) -> Any:
    namespace: dict[str, Any] = {"__module__": __name__, "__qualname__": name}
    namespace["__annotations__"] = dict(fields)
    if step is not None:
        namespace["step"] = migration(1)(step)
    keywords = {"version": version}
    made = types.new_class(name, (ArtifactModel,), keywords, lambda ns: ns.update(namespace))
    return dataclass(made)


def plain(artifact: Any) -> Any:
    return {f.name: getattr(artifact, f.name) for f in dataclasses.fields(artifact)}


def count_models(value: Any) -> int:
    if isinstance(value, ArtifactModel):
        return 1 + sum(map(count_models, plain(value).values()))
    return sum(map(count_models, value)) if isinstance(value, (list, tuple)) else 0


async def test_lazy_values_stay_where_they_are(tmp_path: Path, query: Any) -> None:
    storage = FileSystemStorage(tmp_path / "blobs")

    @dataclass
    class Heavy(ArtifactModel, version=1):
        number: int
        blob: Lazy[bytes] = lazy_field(storage=storage)
        small: Lazy[bytes] = lazy_field()

    node_id = await Heavy(1, Lazy(b"x" * 1000), Lazy(b"y")).create()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "blobs").rglob("*")}

    @dataclass
    class Heavy(ArtifactModel, version=2):  # type: ignore[no-redef]
        number: int
        blob: Lazy[bytes] = lazy_field(storage=storage)
        small: Lazy[bytes] = lazy_field()

        @migration(1)
        @staticmethod
        def double(data: dict[str, Any]) -> dict[str, Any]:
            return data | {"number": data["number"] * 2}

    report = await migrate_artifacts(Heavy)
    assert (report.migrated, report.failures) == (1, [])
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "blobs").rglob("*")} == before
    found = await Heavy.read(node_id)
    assert found.number == 2
    assert await found.blob.load() == b"x" * 1000
    assert await found.small.load() == b"y"


async def test_a_page_reads_no_more_than_its_artifacts(engine: Engine, session: Any) -> None:
    async with span_context(label="pages"):
        for number in range(40):
            await create_span_artifact("current", label=None, data=flat(1)(x=number))
    page = {"model": "BulkFlat", "version": 1, "at": "0001-01-01T00:00:00Z", "after": "", "size": 5}
    result = await session.run(*with_one_map(f"PROFILE {migrate.OLD_PAGE}", page))
    plan = (await result.consume()).profile
    assert not {"Sort", "Top"} & set(operators(plan))
    (seek,) = [step for step in steps(plan) if step["operatorType"].startswith("NodeIndexSeek")]
    assert seek["rows"] == 5
